"""`latentrec study`: train a sensitivity or an ablation study of PLR, and draw it."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Study(StrEnum):
    """What is studied."""

    SENSITIVITY = "sensitivity"
    ABLATION = "ablation"


def study(
    what: Annotated[
        Study, typer.Argument(help="Vary streams, steps, KL weight, dropout; or leave out parts.")
    ],
    data: Annotated[
        Path | None, typer.Argument(help="Log file or folder; without it the preset's data.")
    ] = None,
    preset: Annotated[str, typer.Option(help="Preset of the PLR model.")] = "plr-sasrec",
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="A setting of every run; repeatable.")
    ] = None,
    axes: Annotated[
        list[str] | None,
        typer.Option("--axis", help="Sensitivity: only this axis, like steps; repeatable."),
    ] = None,
    seeds: Annotated[
        list[int] | None, typer.Option("--seed", min=0, help="A seed; repeatable; by default 0.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder of all its runs; by default runs/WHAT.")
    ] = None,
    plan: Annotated[
        bool, typer.Option("--plan", help="Only show the runs and how long each takes here.")
    ] = False,
    metrics: Annotated[
        str, typer.Option(help="Metrics, with commas between them.")
    ] = "ndcg@20,recall@20",
) -> None:
    """Train every variant with every seed, then draw the figure; start it again to go on."""
    import json

    from latentrec.analyse.finding import check_figures
    from latentrec.cli.experiment import check_metrics, make_folder, print_plan, run_cells
    from latentrec.errors import ConfigError
    from latentrec.experiment import cells
    from latentrec.experiment.studies import GRIDS, ablation, sensitivity

    # The log stands under the settings, some of which go with a log only.
    log = ["data.kind=files", f"data.path={json.dumps(str(data.resolve()))}"] if data else []
    settings = [*log, *(set_ or [])]
    drawn, folder = metrics.split(","), out or Path("runs") / what
    if what is Study.SENSITIVITY:
        of = sensitivity(preset, settings, axes=axes or tuple(GRIDS), seeds=seeds or (0,))
    elif axes:
        raise ConfigError(
            f"--axis {axes[0]}: an ablation has no axes, it leaves out parts; leave out --axis, or "
            "run `latentrec study sensitivity`"
        )
    else:
        of = ablation(preset, settings, seeds=seeds or (0,))
    todo = cells(of, folder)
    print(f"{of.title}: {len(todo)} runs in {folder}", flush=True)
    if plan:
        print_plan([], todo)
        return
    check_metrics(drawn, todo)
    check_figures()
    make_folder(folder)

    from latentrec.analyse.finding import write
    from latentrec.analyse.study import ablation_of, sensitivity_of

    results = run_cells(todo, folder, of.title, drawn)
    draw = sensitivity_of if what is Study.SENSITIVITY else ablation_of
    print(f"written: {', '.join(map(str, write(draw(results, drawn), folder)))}")
