"""Study: figures of a sensitivity or an ablation, from the finished runs of its experiment."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, final

from latentrec.analyse.finding import COLOURS, GREY, MARKERS, Finding, label_of, literal
from latentrec.evaluate.grid import Grid, grids_markdown
from latentrec.experiment.execute import CellResult
from latentrec.experiment.studies import DEFAULT, GRIDS, value_of
from latentrec.experiment.summary import RowSummary, summarise

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NAMES = {
    "streams": "streams M",
    "steps": "steps T",
    "kl_weight": "KL weight λ",
    "dropout": "dropout",
}


@final
@dataclass(frozen=True)
class Outcome:
    """One row of a study over its seeds.

    Attributes:
        row: Name of the row.
        value: Where it stands on its axis; None in an ablation.
        means: Mean over the seeds, by metric.
        deviations: Standard deviation over the seeds (n - 1); None with one seed.
        seeds: Number of seeds.
    """

    row: str
    value: float | None
    means: dict[str, float]
    deviations: dict[str, float] | None
    seeds: int


@final
@dataclass(frozen=True)
class Sensitivity(Finding):
    """Quality along each axis, the others at their default.

    Paper: PLR Fig. 2. Along the steps this is the over-thinking curve.

    Attributes:
        metrics: Which metrics.
        axes: Outcomes in growing order of value, by axis; the default is on those where the
            settings behind the axis have one value.
    """

    name: ClassVar[str] = "sensitivity"
    size: ClassVar[tuple[float, float]] = (11.0, 3.2)

    metrics: tuple[str, ...]
    axes: dict[str, tuple[Outcome, ...]]

    def to_markdown(self) -> str:
        """A table for each axis."""
        grids = [
            Grid(NAMES[axis], (NAMES[axis], *self.metrics, "seeds"), tuple(
                (f"{x.value:g}", *_cells(x, self.metrics), str(x.seeds)) for x in outcomes
            ))
            for axis, outcomes in self.axes.items()
        ]  # fmt: skip
        return grids_markdown(grids, f"{_FOOT}{self._beside()}")

    def _beside(self) -> str:
        names = [NAMES[axis] for axis, outcomes in self.axes.items() if _default(outcomes) is None]
        if not names:
            return ""
        return (
            f" The default has several values of {', '.join(names)} (dropout of states and of "
            "attention are two settings), so it is not on that curve."
        )

    def draw(self, figure: "Figure") -> None:
        """A panel for each axis, a line for each metric; the default is marked where it lies."""
        panels = figure.subplots(1, len(self.axes), sharey=True, squeeze=False)[0]
        for axes, (axis, outcomes) in zip(panels, self.axes.items(), strict=True):
            values = [outcome.value or 0.0 for outcome in outcomes]
            if axis == "kl_weight":
                _scale_by_tens(axes, values)
            for place, metric in enumerate(self.metrics):
                axes.errorbar(
                    values,
                    [outcome.means[metric] for outcome in outcomes],
                    [(outcome.deviations or {}).get(metric, 0.0) for outcome in outcomes],
                    label=label_of(metric),
                    color=COLOURS[place % 7],
                    marker=MARKERS[place % 7],
                    capsize=2,
                )
            default = _default(outcomes)
            if default is not None:
                axes.axvline(default, color=GREY, lw=1, ls="--", zorder=0, label="default")
            axes.set_xticks(values, [_tick(value, axis) for value in values])
            axes.minorticks_off()
            axes.set_xlabel(NAMES[axis])
        panels[0].set_ylabel("quality, mean over seeds")
        known = {
            label: handle
            for axes in panels
            for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)
        }
        figure.legend(known.values(), known.keys(), loc="outside upper center", ncols=5)


@final
@dataclass(frozen=True)
class Ablation(Finding):
    """Quality without each part.

    Paper: PLR Table 3.

    Attributes:
        metrics: Which metrics; the first is drawn.
        rows: The whole model first, then one row for each part left out.
    """

    name: ClassVar[str] = "ablation"
    size: ClassVar[tuple[float, float]] = (7.0, 3.2)

    metrics: tuple[str, ...]
    rows: tuple[Outcome, ...]

    def to_markdown(self) -> str:
        """A row for each part, with its change against the whole model."""
        whole = self.rows[0].means
        rows = tuple(
            (x.row, *(f"{text} {_change(x.means[m], whole[m])}" for text, m in
                      zip(_cells(x, self.metrics), self.metrics, strict=True)), str(x.seeds))
            for x in self.rows
        )  # fmt: skip
        return grids_markdown([Grid("Ablation", ("model", *self.metrics, "seeds"), rows)], _FOOT)

    def draw(self, figure: "Figure") -> None:
        """A bar for each row; a line at the whole model."""
        metric, axes = self.metrics[0], figure.subplots()
        means = [row.means[metric] for row in self.rows]
        spread = [(row.deviations or {}).get(metric, 0.0) for row in self.rows]
        colours = [COLOURS[0], *[COLOURS[5]] * (len(means) - 1)]
        axes.barh(range(len(means)), means, xerr=spread, color=colours, ecolor=GREY, capsize=2)
        axes.axvline(means[0], color=GREY, lw=1, ls="--")
        axes.set_yticks(range(len(means)), [literal(row.row) for row in self.rows])
        axes.invert_yaxis()
        axes.grid(visible=False, axis="y")
        axes.grid(visible=True, axis="x")
        axes.set_xlabel(f"{label_of(metric)}, mean over seeds")


_FOOT = "Mean over the seeds, standard deviation (n - 1) in brackets; test cases, see table.md."


def sensitivity_of(results: Sequence[CellResult], metrics: Sequence[str]) -> Sensitivity:
    """The figure of a finished `latentrec.experiment.studies.sensitivity`."""
    configs = {result.cell.row: result.cell.config for result in results}
    axes: dict[str, tuple[Outcome, ...]] = {}
    summaries = summarise(results)
    for axis in GRIDS:
        of = [s for s in summaries if s.row == DEFAULT or s.row.startswith(f"{axis}=")]
        if len(of) > 1:
            outcomes = [_outcome(s, metrics, value_of(configs[s.row], axis)) for s in of]
            on_axis = [outcome for outcome in outcomes if outcome.value is not None]
            axes[axis] = tuple(sorted(on_axis, key=lambda outcome: outcome.value or 0.0))
    return Sensitivity(tuple(metrics), axes)


def _scale_by_tens(axes: "Axes", values: Sequence[float]) -> None:
    """Each ten times as far as the last, also with 0 among the values."""
    smallest = min((value for value in values if value > 0), default=1.0)
    if min(values) > 0:
        axes.set_xscale("log")
    else:
        axes.set_xscale("symlog", linthresh=smallest)


def _tick(value: float, axis: str) -> str:
    """A label on the axis; that of a default between the values of the study, a line lower."""
    return f"{value:g}" if value == 0 or value in GRIDS[axis][1] else f"\n{value:g}"


def _default(outcomes: Sequence[Outcome]) -> float | None:
    """Where the default lies on an axis, None if it lies beside it."""
    return next((outcome.value for outcome in outcomes if outcome.row == DEFAULT), None)


def ablation_of(results: Sequence[CellResult], metrics: Sequence[str]) -> Ablation:
    """The figure of a finished `latentrec.experiment.studies.ablation`."""
    rows = (_outcome(summary, metrics, None) for summary in summarise(results))
    return Ablation(tuple(metrics), tuple(rows))


def _outcome(summary: RowSummary, metrics: Sequence[str], value: float | None) -> Outcome:
    deviations = summary.deviations and {m: summary.deviations[m] for m in metrics}
    means = {metric: summary.means[metric] for metric in metrics}
    return Outcome(summary.row, value, means, deviations, summary.seeds)


def _cells(outcome: Outcome, metrics: Sequence[str]) -> list[str]:
    spread = outcome.deviations
    return [f"{outcome.means[m]:.4f}" + (f" ({spread[m]:.4f})" if spread else "") for m in metrics]


def _change(value: float, whole: float) -> str:
    return "" if value == whole or whole == 0 else f"{value / whole - 1:+.1%}"
