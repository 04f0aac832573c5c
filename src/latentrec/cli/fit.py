"""`latentrec fit`: from an interaction log to a trained and judged run."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

if TYPE_CHECKING:
    from latentrec.config import RunConfig
    from latentrec.data.prepare import Prepared

PLAIN_WIDTH = 100
"""Columns of the printed tables where the output is no terminal."""


def fit(
    path: Annotated[
        str | None,
        typer.Argument(help="Log file, or folder of a data set; without one, synthetic users."),
    ] = None,
    run: Annotated[
        Path, typer.Option(help="Folder of the run; must be new, unless it is resumed.")
    ] = Path("runs/latest"),
    preset: Annotated[
        str | None,
        typer.Option(help="Settings by name: sasrec, plr-sasrec, .. (`--preset ?` lists all)."),
    ] = None,
    protocol: Annotated[
        str | None,
        typer.Option(help="Filters, split and judging by name: paper, leave-one-out or lares."),
    ] = None,
    config: Annotated[
        Path | None, typer.Option(help="TOML file, laid over preset and protocol.", dir_okay=False)
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", help="Any setting, like reasoner.streams=3; repeatable."),
    ] = None,
    split: Annotated[
        Literal["leave-one-out", "time", "given"] | None, typer.Option(help="Which split.")
    ] = None,
    format: Annotated[
        Literal["auto", "table", "movielens", "amazon-2023", "recbole"] | None,
        typer.Option(help="Which reader; by default it is found out."),
    ] = None,
    items: Annotated[
        Path | None, typer.Option(help="Item table; found by itself beside a known log.")
    ] = None,
    user_column: Annotated[str | None, typer.Option(help="Column of the user id.")] = None,
    item_column: Annotated[str | None, typer.Option(help="Column of the item id.")] = None,
    time_column: Annotated[str | None, typer.Option(help="Column of the time.")] = None,
    rating_column: Annotated[str | None, typer.Option(help="Column of the rating.")] = None,
    time_unit: Annotated[
        Literal["auto", "s", "ms", "us", "iso"] | None,
        typer.Option(help="Unit of the time column; by default it is found out."),
    ] = None,
    bad_rows: Annotated[
        Literal["fail", "report"] | None,
        typer.Option(help="Rows that break a rule: refuse the data, or list them in the run."),
    ] = None,
    from_: Annotated[
        Path | None,
        typer.Option("--from", help="Pre-training to start from, see `latentrec pretrain`."),
    ] = None,
    report: Annotated[bool, typer.Option("--report", help="Also write RUN/report.html.")] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on from the last checkpoint of the run.")
    ] = False,
) -> None:
    """Train a model on an interaction log, then judge it beside the baselines."""
    given = {
        name: str(value) if isinstance(value, Path) else value
        for name, value in locals().items()
        if value is not None and value is not False
    }
    from latentrec.configure import load_config

    start = _stored(run) if resume else None
    resolved = load_config(preset, config, set_ or [], base_settings(given), start, protocol)
    train_and_judge(resolved, run, given=given, resume=resume)
    if report:
        from latentrec.report import write_report

        write_report([run], run / "report.html")
        print(f"report: {run / 'report.html'}")


def train_and_judge(
    config: "RunConfig",
    run: Path,
    *,
    given: dict[str, Any],
    resume: bool = False,
    verbose: bool = True,
) -> "Prepared":
    """Prepare, train and judge, printing on the way; gives back the data."""
    from rich.console import Console

    from latentrec.cli.evaluate import judge
    from latentrec.cli.progress import TrainingProgress
    from latentrec.data.prepare import prepare
    from latentrec.run import fit as train
    from latentrec.run import load
    from latentrec.run.folder import check_start

    check_start(config, run, resume)
    console = Console()
    if not console.is_terminal:
        console.width = PLAIN_WIDTH
    prepared = prepare(config.data, config.split, bad_rows_dir=run)
    lines = prepared.report.lines() if verbose else prepared.report.lines()[-6:-1]
    console.print("\n".join(lines), markup=False, highlight=False, soft_wrap=True)
    console.print(f"run: {run}", markup=False, highlight=False, soft_wrap=True)
    with TrainingProgress(console, config.train) as progress:
        reports = train(
            config, run, prepared=prepared, given=given, resume=resume, on_step=progress.step
        )
        report = None
        for report in reports:
            progress.epoch(report)
    if report is None:
        console.print("training had ended before: no epoch is left")
    judge(load(run), prepared, console)
    return prepared


def base_settings(given: dict[str, Any]) -> dict[str, Any]:
    """What the command's own options say, as nested values of the configuration."""
    names = ("path", "format", "user_column", "item_column", "time_column", "rating_column")
    data = {name: given[name] for name in (*names, "time_unit", "bad_rows") if name in given}
    data |= {"items_path": given["items"]} if "items" in given else {}
    for name in {"path", "items_path"} & set(data):  # a run can be judged from any folder
        data[name] = str(Path(data[name]).resolve())
    base: dict[str, Any] = {"data": {"kind": "files", **data}} if data else {}
    if "split" in given:
        base["split"] = {"kind": given["split"]}
    if "from_" in given:
        from latentrec.run.pretrained import start_settings

        base |= start_settings(Path(given["from_"]))
    return base


def _stored(run: Path) -> dict[str, Any]:
    """The configuration of a run that is to go on; what the command says is laid over it."""
    from latentrec.run.folder import read_config

    return read_config(run).model_dump(mode="json")
