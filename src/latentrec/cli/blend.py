"""`latentrec blend`: a trained run and a counting baseline rank together, as a run of its own."""

from pathlib import Path
from typing import Annotated, Literal

import typer


def blend(
    run: Annotated[Path, typer.Argument(help="Folder of a trained run.")],
    out: Annotated[Path, typer.Option(help="Folder of the new run.")],
    partner: Annotated[
        Literal["markov", "item-knn", "ease"] | None,
        typer.Option("--with", help="Which baseline; default: the best of all on validation."),
    ] = None,
) -> None:
    """Let a run and a baseline rank together, weighed on validation; judge it beside both."""
    from rich.console import Console

    from latentrec.cli.fit import PLAIN_WIDTH
    from latentrec.evaluate.table import to_json, to_rich
    from latentrec.run import evaluate_run, load
    from latentrec.run.blend import blend as blend_run
    from latentrec.run.blend import check_blend
    from latentrec.run.folder import EVALUATION, read_config
    from latentrec.run.judged import keep_ranks
    from latentrec.run.run import prepared_data
    from latentrec.train.atomic import write_text

    check_blend(read_config(run), run, out)
    prepared = prepared_data(load(run))
    found = blend_run(run, out, partner=partner, prepared=prepared)
    assert found.partner is not None, "blend gives a blend"
    assert found.config.blend is not None, "blend gives a blend"
    console = Console()
    if not console.is_terminal:
        console.width = PLAIN_WIDTH
    console.print(f"{found.ranker.name}: {found.partner.settings}")
    beside = {"baselines": (found.config.blend.partner,)}  # `evaluate` judges beside all of them
    knobs = found.config.evaluate.model_copy(update=beside)
    judged = evaluate_run(found, prepared, knobs)
    keep_ranks(out, prepared, knobs, judged)
    write_text(out / EVALUATION, to_json(judged))
    console.print(to_rich(judged))
    console.print(f"\nrun: {out}", markup=False, highlight=False, soft_wrap=True)
