"""`latentrec tune`: search for settings by validation, resumable."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from latentrec.config import RunConfig
    from latentrec.tune import Plan, Trial


def tune(
    path: Annotated[
        str | None,
        typer.Argument(help="Log file, or folder of a data set; without one, synthetic users."),
    ] = None,
    space: Annotated[
        str, typer.Option(help="What is tried: sasrec, erl, prl, lares, plr, or a file NAME.toml.")
    ] = "plr",
    out: Annotated[
        Path, typer.Option(help="Folder of the study; what is done there is kept.")
    ] = Path("runs/tune"),
    preset: Annotated[
        str | None, typer.Option(help="Settings by name; by default the space's own.")
    ] = None,
    protocol: Annotated[
        str | None, typer.Option(help="Filters, split and judging by name, as in fit.")
    ] = None,
    config: Annotated[
        Path | None, typer.Option(help="TOML file, laid over preset and protocol.", dir_okay=False)
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", help="Any setting, like train.epochs=30; repeatable."),
    ] = None,
    split: Annotated[
        Literal["leave-one-out", "time", "given"] | None, typer.Option(help="Which split.")
    ] = None,
    sampler: Annotated[
        Literal["tpe", "grid"],
        typer.Option(help="tpe learns from earlier trials; grid takes every point once."),
    ] = "tpe",
    trials: Annotated[
        int | None, typer.Option(min=1, help="Most trials; default 20, or the whole grid.")
    ] = None,
    minutes: Annotated[
        float | None, typer.Option(min=0, help="Start no trial after this many minutes.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the search.")] = 0,
    prune: Annotated[
        bool, typer.Option("--prune/--no-prune", help="Stop trials below the median of others.")
    ] = True,
) -> None:
    """Search for settings by validation, never by test; start it again to go on."""
    given = {"path": path, "split": split}
    from latentrec.cli.fit import base_settings
    from latentrec.configure import load_config
    from latentrec.tune import Plan, read_space

    wanted = read_space(space)
    base = base_settings({name: value for name, value in given.items() if value is not None})

    def configure(tried: "Sequence[str]") -> "RunConfig":
        overrides = [*(set_ or []), *tried]
        under = preset or wanted.preset
        return load_config(under, config, overrides, base, protocol=protocol)

    run(Plan(wanted, configure, out, sampler, trials, minutes, seed, prune))


def run(plan: "Plan") -> None:
    """Do what a plan says, printing a line a trial, and keep table and best settings."""
    from rich.console import Console

    from latentrec.cli.experiment import make_folder
    from latentrec.cli.progress import TrainingProgress
    from latentrec.tune import best, trials_of
    from latentrec.tune import tune as search

    console, train = Console(), plan.configure(()).train
    points = "ranges" if plan.space.points is None else f"{plan.space.points} points"
    print(f"{plan.space.title} ({points}): at most {plan.most} trials in {plan.out}", flush=True)
    make_folder(plan.out)
    for old in trials_of(plan):
        print(f"{_line(old, train.monitor)}  (was finished)", flush=True)
    with TrainingProgress(console, train) as progress:
        for trial in search(plan, progress.step, lambda _: progress.clear()):
            console.print(
                _line(trial, train.monitor), markup=False, highlight=False, soft_wrap=True
            )
            _keep(plan, train.monitor, trials_of(plan))
    trials = trials_of(plan)
    if trials:
        _keep(plan, train.monitor, trials)  # a command before may have been killed before it could
    found = best(trials)
    print(f"best: {_line(found, train.monitor)}")
    print(f"its settings: latentrec fit --config {plan.out / 'best.toml'} --run RUN")
    print(f"judge it on the test: latentrec evaluate {found.folder}")


def _line(trial: "Trial", monitor: str) -> str:
    tried = "  ".join(
        f"{name}={value:.4g}" if isinstance(value, float) else f"{name}={value}"
        for name, value in trial.values.items()
    )
    valid = "-" if trial.valid is None else f"{trial.valid:.4f}"
    cost = f"[{trial.epochs} epochs, {trial.minutes:.1f} min]"
    state = f"{trial.state} ({trial.reason})" if trial.reason else trial.state
    return f"trial {trial.number}: {tried}  valid {monitor} {valid}  {state}  {cost}"


def _keep(plan: "Plan", monitor: str, trials: "Sequence[Trial]") -> None:
    """Write trials.md and, once a trial was trained to its end, best.toml."""
    from latentrec.toml_text import to_toml
    from latentrec.train.atomic import write_text
    from latentrec.tune import best, to_markdown

    write_text(plan.out / "trials.md", to_markdown(plan.space.title, monitor, trials))
    if not any(trial.state == "done" for trial in trials):
        return
    found = best(trials)
    config = plan.configure(plan.space.overrides(found.values)).model_dump(mode="json")
    head = f"# Trial {found.number}, the best of {len(trials)}: valid {monitor} {found.valid:.4f}\n"
    write_text(plan.out / "best.toml", head + to_toml(config))
