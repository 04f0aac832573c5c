"""`latentrec experiment`: many runs from one TOML file, and their table."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from latentrec.experiment import Cell, CellResult, Experiment


def experiment(
    file: Annotated[Path, typer.Argument(help="Experiment file, like those in experiments/.")],
    data: Annotated[
        Path | None, typer.Argument(help="Log file or folder, if the experiment names none.")
    ] = None,
    out: Annotated[
        Path, typer.Option(help="Folder of all its runs; what is done there is kept.")
    ] = Path("runs/experiment"),
    plan: Annotated[
        bool, typer.Option("--plan", help="Only show the runs and how long each takes here.")
    ] = False,
    rows: Annotated[
        list[str] | None, typer.Option("--row", help="Only this row; repeatable.")
    ] = None,
    seeds: Annotated[
        list[int] | None, typer.Option("--seed", help="Only this seed; repeatable.")
    ] = None,
    finished: Annotated[
        bool, typer.Option("--finished", help="Train nothing: the tables of what is finished.")
    ] = False,
    metrics: Annotated[
        str, typer.Option(help="Metrics of the table, with commas between them.")
    ] = "ndcg@10,recall@10,ndcg@20,recall@20",
) -> None:
    """Train and judge every row of an experiment with every seed; start it again to go on."""
    from latentrec.errors import ConfigError
    from latentrec.experiment import cells, part, read_experiment, trials
    from latentrec.experiment.execute import check_settings, settled

    whole = read_experiment(file)
    wanted = part(whole, rows or (), seeds or ())
    every_trial = trials(whole, out, data) if whole.tune else []
    check_settings(every_trial)
    tried = _of(wanted, every_trial, seeds=whole.seeds)
    every = cells(whole, out, data=data, chosen=settled(every_trial))
    print(
        f"{whole.title}: {len(tried)} trials, {len(_of(wanted, every))} runs in {out}", flush=True
    )
    if plan:
        print_plan(tried, _of(wanted, every))
        return
    check_metrics(metrics.split(","), every)
    chosen = settled(every_trial)
    if finished:  # a row with open trials has no setting yet: fewer tries are no equal budget
        tried = [cell for cell in _finished(tried) if cell.row in chosen]
    else:
        make_folder(out)
    chosen |= _choose(tried, every_trial, metrics.split(","))
    every = cells(whole, out, data=data, chosen=chosen)
    final = [cell for cell in every if cell.row in chosen or not whole.tune]
    todo = _of(wanted, final)
    if finished and not (todo := _finished(todo)):
        raise ConfigError(f"{out}: none of these runs is finished; leave out --finished to train")
    check_settings(final)
    results = run_cells(todo, out, whole.title, metrics.split(","), final)
    if len({result.cell.row for result in results}) > 1:
        _compare(results, metrics.partition(",")[0], out / "comparison.md")


def make_folder(out: Path) -> None:
    """Make the folder of all runs; raise ConfigError now, not after hours, if it cannot be used."""
    from latentrec.run.folder import check_usable

    check_usable(f"--out {out}", out)
    out.mkdir(parents=True, exist_ok=True)


def _of(
    wanted: "Experiment", every: "list[Cell]", seeds: "Sequence[int] | None" = None
) -> "list[Cell]":
    """The cells of the wanted rows and seeds."""
    rows, of = {row.name for row in wanted.rows}, seeds or wanted.seeds
    return [cell for cell in every if cell.row in rows and cell.seed in of]


def _finished(of: "list[Cell]") -> "list[Cell]":
    """The finished ones; what is left out is said."""
    from latentrec.experiment.execute import is_finished

    for cell in of:
        if not is_finished(cell):
            print(" ".join(["not finished:", cell.row, *cell.tuned, f"seed {cell.seed}"]))
    return [cell for cell in of if is_finished(cell)]


def _compare(results: "list[CellResult]", metric: str, path: Path) -> None:
    """Write paired tests of every row against the first, baselines beside them."""
    from latentrec.errors import ConfigError
    from latentrec.evaluate.compare_table import to_markdown
    from latentrec.experiment.summary import paired
    from latentrec.train.atomic import write_text

    try:
        found = paired(results, metric)
    except ConfigError as error:
        print(f"no comparison: {error}")
        return
    write_text(path, to_markdown(found))
    print(f"\npaired tests of {metric} against {found.reference}: {path}")


def _choose(
    tried: "list[Cell]", every: "list[Cell]", metrics: list[str]
) -> dict[str, tuple[str, ...]]:
    from latentrec.experiment import CellResult, choose, execute

    done: list[CellResult] = []
    for result in execute(tried, every):
        done.append(result)
        settings = " ".join(result.cell.tuned)
        monitor = result.cell.config.train.monitor
        print(f"trial {settings}: valid {monitor} {result.valid:.4f}; {_line(result, metrics)}")
    chosen = choose(done)
    for row, settings in chosen.items():
        print(f"chosen for {row}: {' '.join(settings)}", flush=True)
    return chosen


def run_cells(
    todo: "list[Cell]", out: Path, title: str, metrics: list[str], every: "Sequence[Cell]" = ()
) -> "list[CellResult]":
    """Run cells, print each and at the end the table of all finished ones, kept as OUT/table.md.

    Args:
        todo: What is to be done here.
        out: Folder of all the runs.
        title: Head of the table.
        metrics: Columns of the table.
        every: Whatever else may be finished in the folder too; empty if `todo` is all.

    Returns:
        All that is finished, in the order of the cells.
    """
    from latentrec.experiment import CellResult, execute
    from latentrec.experiment.execute import BASELINES, baseline_metrics, collect
    from latentrec.experiment.summary import summarise, to_markdown
    from latentrec.train.atomic import write_text

    done: dict[Path, CellResult] = {}
    table = ""
    for result in execute(todo, every):
        print(_line(result, metrics), flush=True)
        done = collect(every or todo, done | {result.cell.folder: result})
        baselines = baseline_metrics([x.cell for x in done.values()], out / BASELINES)
        table = to_markdown(summarise([*done.values()]), metrics, baselines)
        write_text(out / "table.md", f"# {title}\n\n{table}")
    print(f"\n{table}", end="")
    return [*done.values()]


def check_metrics(wanted: list[str], todo: "list[Cell]") -> None:
    """Refuse a metric before hours of training that no run will have."""
    from latentrec.errors import ConfigError

    for cell in todo:
        knobs = cell.config.evaluate
        have = [f"{name}@{k}" for name in knobs.metrics for k in knobs.top_k]
        for name in wanted:
            if name not in have:
                raise ConfigError(
                    f"--metrics {name}: row '{cell.row}' has only {', '.join(have)}; "
                    "set evaluate.top_k or evaluate.metrics in the experiment"
                )


def _line(result: "CellResult", metrics: list[str]) -> str:
    values = "  ".join(f"{name} {result.metrics[name]:.4f}" for name in metrics)
    again = "  (was finished)" if result.again else ""
    return (
        f"{result.cell.row} seed {result.cell.seed}: {values}  "
        f"[best of {result.epochs} epochs: {result.best_epoch}, {result.minutes:.1f} min]{again}"
    )


def print_plan(tried: "list[Cell]", first: "list[Cell]") -> None:
    """One line a run. The trials' winners are the runs of their seed, so these are free."""
    free = tried[0].seed if tried else None
    print_hours(print_runs([*tried, *(cell for cell in first if cell.seed != free)]))


def print_runs(todo: "Sequence[Cell]") -> float:
    """One line a run; the minutes of all."""
    from latentrec.experiment.estimate import plan

    total = 0.0
    for cell, minutes in plan(todo):
        total += minutes
        state = "finished" if minutes == 0 else f"about {minutes:.1f} min"
        print(" ".join([cell.row, *cell.tuned, f"seed {cell.seed}: {state}"]), flush=True)
    return total


def print_hours(minutes: float) -> None:
    """The last line of a plan."""
    print(f"together about {minutes / 60:.1f} hours here, if nothing stops early")
