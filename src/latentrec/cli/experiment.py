"""`latentrec experiment`: many runs from one TOML file, and their table."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from latentrec.experiment import Cell, CellResult


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

    whole = part(read_experiment(file), rows or ())
    described = part(whole, seeds=seeds or ())
    first = cells(described, out, data=data)
    tried = trials(whole, out, data) if whole.tune else []
    print(f"{described.title}: {len(tried)} trials, {len(first)} runs in {out}", flush=True)
    if plan:
        print_plan(tried, first)
        return
    check_metrics(metrics.split(","), first)
    if finished:
        tried = _finished(tried)
    chosen = _choose(tried, metrics.split(","))
    todo = cells(described, out, data=data, chosen=chosen)
    if finished and not (todo := _finished(todo)):
        raise ConfigError(f"{out}: none of these runs is finished; leave out --finished to train")
    results = run_cells(todo, out, described.title, metrics.split(","))
    if len({result.cell.row for result in results}) > 1:
        _compare(results, metrics.partition(",")[0], out / "comparison.md")


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


def _choose(tried: "list[Cell]", metrics: list[str]) -> dict[str, tuple[str, ...]]:
    from latentrec.experiment import CellResult, choose, execute

    done: list[CellResult] = []
    for result in execute(tried):
        done.append(result)
        settings = " ".join(result.cell.tuned)
        monitor = result.cell.config.train.monitor
        print(f"trial {settings}: valid {monitor} {result.valid:.4f}; {_line(result, metrics)}")
    chosen = choose(done)
    for row, settings in chosen.items():
        print(f"chosen for {row}: {' '.join(settings)}", flush=True)
    return chosen


def run_cells(todo: "list[Cell]", out: Path, title: str, metrics: list[str]) -> "list[CellResult]":
    """Run every cell, print each and at the end their table, and keep it as OUT/table.md."""
    from latentrec.experiment import CellResult, execute
    from latentrec.experiment.execute import BASELINES, baseline_metrics
    from latentrec.experiment.summary import summarise, to_markdown
    from latentrec.train.atomic import write_text

    done: list[CellResult] = []
    table = ""
    for result in execute(todo):
        done.append(result)
        baselines = baseline_metrics(done[0].cell, out / BASELINES)
        print(_line(result, metrics), flush=True)
        table = to_markdown(summarise(done), metrics, baselines)
        write_text(out / "table.md", f"# {title}\n\n{table}")
    print(f"\n{table}", end="")
    return done


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
    from latentrec.experiment.estimate import plan

    free = tried[0].seed if tried else None
    total = 0.0
    for cell, minutes in plan([*tried, *(cell for cell in first if cell.seed != free)]):
        total += minutes
        state = "finished" if minutes == 0 else f"at most {minutes:.1f} min"
        print(" ".join([cell.row, *cell.tuned, f"seed {cell.seed}: {state}"]), flush=True)
    print(f"together at most {total / 60:.1f} hours here, if nothing stops early")
