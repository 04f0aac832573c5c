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
    metrics: Annotated[
        str, typer.Option(help="Metrics of the table, with commas between them.")
    ] = "ndcg@10,recall@10,ndcg@20,recall@20",
) -> None:
    """Train and judge every row of an experiment with every seed; start it again to go on."""
    from latentrec.experiment.spec import cells, read_experiment

    described = read_experiment(file)
    todo = cells(described, out, data=data, rows=rows or (), seeds=seeds or ())
    print(f"{described.title}: {len(todo)} runs in {out}", flush=True)
    if plan:
        _print_plan(todo)
    else:
        _check_metrics(metrics.split(","), todo)
        _run(todo, out, described.title, metrics.split(","))


def _run(todo: "list[Cell]", out: Path, title: str, metrics: list[str]) -> None:
    from latentrec.experiment.execute import execute
    from latentrec.experiment.summary import summarise, to_markdown
    from latentrec.train.atomic import write_text

    done: list[CellResult] = []
    table = ""
    for result in execute(todo):
        done.append(result)
        print(_line(result, metrics), flush=True)
        table = to_markdown(summarise(done), metrics)
        write_text(out / "table.md", f"# {title}\n\n{table}")
    print(f"\n{table}", end="")


def _check_metrics(wanted: list[str], todo: "list[Cell]") -> None:
    """Refuse a metric before hours of training that no run will have."""
    from latentrec.errors import ConfigError
    from latentrec.evaluate.metrics import METRICS

    for cell in todo:
        have = [f"{name}@{k}" for name in METRICS for k in cell.config.evaluate.top_k]
        for name in wanted:
            if name not in have:
                raise ConfigError(
                    f"--metrics {name}: row '{cell.row}' has only {', '.join(have)}; "
                    "set evaluate.top_k in the experiment"
                )


def _line(result: "CellResult", metrics: list[str]) -> str:
    values = "  ".join(f"{name} {result.metrics[name]:.4f}" for name in metrics)
    again = "  (was finished)" if result.again else ""
    return (
        f"{result.cell.row} seed {result.cell.seed}: {values}  "
        f"[best of {result.epochs} epochs: {result.best_epoch}, {result.minutes:.1f} min]{again}"
    )


def _print_plan(todo: "list[Cell]") -> None:
    from latentrec.experiment.estimate import plan

    total = 0.0
    for cell, minutes in plan(todo):
        total += minutes
        state = "finished" if minutes == 0 else f"at most {minutes:.1f} min"
        print(f"{cell.row} seed {cell.seed}: {state}", flush=True)
    print(f"together at most {total / 60:.1f} hours here, if nothing stops early")
