"""The tables of an experiment: mean and standard deviation over seeds, and paired tests."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import mean, stdev
from typing import final

from latentrec.evaluate.compare import Comparison
from latentrec.experiment.execute import CellResult
from latentrec.run.comparison import compare


@final
@dataclass(frozen=True)
class RowSummary:
    """One row over its seeds.

    Attributes:
        row: Name of the row.
        seeds: Number of seeds.
        means: Mean of every metric over the seeds.
        deviations: Standard deviation over the seeds (n - 1 below the line); None with one seed.
        minutes: Mean minutes of training.
        epochs: Mean epochs.
    """

    row: str
    seeds: int
    means: dict[str, float]
    deviations: dict[str, float] | None
    minutes: float
    epochs: float


def summarise(results: Sequence[CellResult]) -> list[RowSummary]:
    """One summary a row, in the order in which the rows first occur."""
    groups: dict[str, list[CellResult]] = {}
    for result in results:
        groups.setdefault(result.cell.row, []).append(result)
    return [_summary(row, group) for row, group in groups.items()]


def paired(results: Sequence[CellResult], metric: str) -> Comparison:
    """Every row against the first on the same test cases, the baselines beside them.

    Args:
        results: Finished cells of at least two rows on the same data.
        metric: What is tested, like `ndcg@10`.

    Raises:
        ConfigError: If the rows differ in data or protocol.
    """
    return compare(
        [result.cell.folder for result in results],
        names=[result.cell.row for result in results],
        metric=metric,
        top_k=results[0].cell.config.evaluate.top_k,
    )


def to_markdown(
    summaries: Sequence[RowSummary],
    metrics: Sequence[str],
    baselines: Mapping[str, Mapping[str, float]] | None = None,
) -> str:
    """A Markdown table: a line a row, `mean (standard deviation)` over the seeds.

    Args:
        summaries: The rows.
        metrics: Which metrics, for example `ndcg@10`.
        baselines: Metrics of the baselines by name, put first.
    """
    head = ["method", *metrics, "seeds", "epochs", "minutes"]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for name, of in (baselines or {}).items():
        lines.append(
            "| " + " | ".join([name, *(_number(of[m]) for m in metrics), "", "", ""]) + " |"
        )
    for summary in summaries:
        cells = [_cell(summary, metric) for metric in metrics]
        cost = [str(summary.seeds), f"{summary.epochs:.0f}", f"{summary.minutes:.1f}"]
        lines.append("| " + " | ".join([summary.row, *cells, *cost]) + " |")
    return "\n".join(lines) + "\n"


def _summary(row: str, group: Sequence[CellResult]) -> RowSummary:
    names = group[0].metrics
    values = {name: [result.metrics[name] for result in group] for name in names}
    return RowSummary(
        row=row,
        seeds=len(group),
        means={name: mean(of) for name, of in values.items()},
        deviations={n: stdev(of) for n, of in values.items()} if len(group) > 1 else None,
        minutes=mean(result.minutes for result in group),
        epochs=mean(result.epochs for result in group),
    )


def _cell(summary: RowSummary, metric: str) -> str:
    value = _number(summary.means[metric])
    if summary.deviations is None:
        return value
    return f"{value} ({_number(summary.deviations[metric])})"


def _number(value: float) -> str:
    return f"{value:.4f}".removeprefix("0")
