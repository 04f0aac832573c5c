"""Efficiency: what reasoning costs beside the same model without it, and what it buys."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Final, final

from latentrec.analyse.cost import (
    BATCHES,
    Cost,
    count_flops,
    latency_ms,
    measure,
    random_histories,
    without_reasoning,
)
from latentrec.analyse.finding import COLOURS, GREY, MARKERS, Finding, arms, label_of, literal
from latentrec.analyse.subject import Subject, check_same_cases
from latentrec.evaluate.evaluate import Metric
from latentrec.evaluate.grid import Grid, grids_markdown
from latentrec.evaluate.table import cell
from latentrec.model.reasoner.effort import Effort

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PAPER_FLOPS: Final = {"ERL": 0.0269, "PLR": 0.0522}
"""Published extra operations (PLR, arXiv 2601.03153, Table 4), M = T = 2, scoring included."""
POINT_BATCH: Final = 64
AXES_POINTS: Final = (430.0, 220.0)
"""Width and height of the axes in points, about."""
LABEL_POINTS: Final = (60.0, 10.0)
"""Room that the name of an end takes."""


@final
@dataclass(frozen=True)
class Row:
    """What one model costs.

    Attributes:
        model: Its name.
        cost: Its cost.
        base: Cost of the same weights without reasoning; None where a model cannot leave it out,
            or has none.
        extra_flops: Extra operations over the base as the papers count: every state computed,
            scoring included.
        extra_flops_pruned: Extra operations over the base as both are computed here.
    """

    model: str
    cost: Cost
    base: Cost | None
    extra_flops: float | None
    extra_flops_pruned: float | None


@final
@dataclass(frozen=True)
class Point:
    """Quality and cost of a model at one effort.

    Attributes:
        model: Name of the model.
        streams: Streams that think.
        steps: Steps of each; 0 ranks with h_0.
        flops: Operations of one longest history.
        milliseconds: Time of a call with `POINT_BATCH` histories over their number.
        metric: Quality with its interval.
        best: Whether no other point is at least as good for fewer operations.
    """

    model: str
    streams: int
    steps: int
    flops: int
    milliseconds: float
    metric: Metric
    best: bool


@final
@dataclass(frozen=True)
class Efficiency(Finding):
    """Cost of models, and quality against cost.

    Paper: PLR Table 4: +5.22 % operations and +5.80 % latency with two streams of two steps,
    against +2.69 % and +5.55 % of ReaRec, over a base that computes every state and scores 87,969
    items.

    Attributes:
        protocol: Cases and ranking in words.
        device: Where it was measured.
        threads: Threads of the CPU.
        metric: Which quality.
        rows: Cost of each model as trained.
        points: Quality and cost at every effort.
    """

    name: ClassVar[str] = "efficiency"
    size: ClassVar[tuple[float, float]] = (7.0, 4.0)

    protocol: str
    device: str
    threads: int
    metric: str
    rows: tuple[Row, ...]
    points: tuple[Point, ...]

    def to_markdown(self) -> str:
        """A table of costs and one of the efforts."""
        latencies = tuple(f"ms, batch {each.batch}" for each in self.rows[0].cost.latency)
        head = ("model", "parameters", "FLOPs, every state", "extra", "extra over pruned")
        head += (*latencies, "MiB")
        costs = Grid("Cost of one call", head, tuple(_cost_rows(self.rows)))
        efforts = Grid(
            "Quality and cost by effort",
            ("model", "streams", "steps", "FLOPs, as scored", "ms a history", self.metric, "best"),
            tuple(_effort_row(point) for point in self.points),
        )
        published = ", ".join(f"{name} {share:+.2%}" for name, share in PAPER_FLOPS.items())
        foot = (
            f"{self.protocol}. Measured on {self.device} with {self.threads} threads, longest "
            "histories, scoring of the whole catalogue included. Extra: over the same weights "
            "without reasoning, every state computed, as the papers count; 'pruned' and 'as "
            "scored' leave out what is not read of the last layer. Published (87,969 items): "
            f"{published}. Milliseconds a history are those of batch {POINT_BATCH}; best: none is "
            "as good for "
            "fewer operations. MiB: what the largest batch needs beside the weights."
        )
        return grids_markdown([costs, efforts], foot)

    def draw(self, figure: "Figure") -> None:
        """Quality against operations: a line for each number of streams, by steps."""
        axes = figure.subplots()
        ends: list[tuple[Point, str]] = []
        for place, model in enumerate(dict.fromkeys(point.model for point in self.points)):
            of = [point for point in self.points if point.model == model]
            colour = COLOURS[place % 7]
            ends += [(end, colour) for end in _draw_model(axes, of, colour, MARKERS[place % 7])]
        front = sorted((p.flops / 1e6, p.metric.value) for p in self.points if p.best)
        axes.plot(
            *zip(*front, strict=True),
            color=GREY, lw=4, marker="o", ms=13, mew=0, alpha=0.35, label="best for cost",
        )  # fmt: skip
        axes.set_xlabel("operations of one history as it is scored (MFLOP)")
        axes.set_ylabel(label_of(self.metric))
        axes.margins(x=0.12)
        _name_ends(axes, ends)
        figure.legend(loc="outside upper center", ncols=3)


def _draw_model(axes: "Axes", points: Sequence[Point], colour: str, marker: str) -> list[Point]:
    """A line for each number of streams, from h_0 where a model has it; the ends of the lines.

    A model that does not reason is a point of its own, hollow: one that does starts there.
    """
    alone = [point for point in points if point.steps == 0]
    widths = sorted({point.streams for point in points if point.steps})
    if not widths:
        _draw_line(axes, alone, points[0].model, color=colour, marker=marker, ms=10, mfc="none")
        return []
    ends: list[Point] = []
    for streams in widths:
        of = [*alone, *(point for point in points if point.streams == streams and point.steps)]
        label = points[0].model if streams == widths[0] else None
        _draw_line(axes, of, label, color=colour, marker=marker, lw=0.8)
        ends.append(of[-1])
    for point in alone:
        place = (point.flops / 1e6, point.metric.value)
        axes.annotate("h_0", place, (-6, 4), textcoords="offset points", ha="right")
    return ends


def _draw_line(axes: "Axes", points: Sequence[Point], label: str | None, **style: Any) -> None:
    x, y = [p.flops / 1e6 for p in points], [p.metric.value for p in points]
    axes.errorbar(x, y, arms([p.metric for p in points]), label=label and literal(label), **style)


def _name_ends(axes: "Axes", ends: Sequence[tuple[Point, str]]) -> None:
    """Streams and steps of the last point of each line, below it or where there is room."""
    axes.autoscale_view()
    taken: list[tuple[float, float]] = []
    for point, colour in ends:
        place = (point.flops / 1e6, point.metric.value)
        across, up = axes.transLimits.transform(place) * AXES_POINTS
        drop = -12
        while any(abs(across - x) < LABEL_POINTS[0] and abs(up + drop - y) < LABEL_POINTS[1]
                  for x, y in taken):  # fmt: skip
            drop -= 1
        taken.append((across, up + drop))
        axes.annotate(f"M = {point.streams}, T = {point.steps}", place, (5, drop),
                      textcoords="offset points", fontsize=8, color=colour)  # fmt: skip


def efficiency(
    subjects: Sequence[Subject],
    metric: str = "ndcg@10",
    batches: tuple[int, ...] = BATCHES,
) -> Efficiency:
    """Count, time and judge models at every effort.

    Args:
        subjects: Models on the same cases, at least one; names differ.
        metric: Which quality.
        batches: Histories in the timed calls.

    Raises:
        ConfigError: If the subjects differ in data, split, cases or hidden items.
    """
    import torch

    check_same_cases(subjects)
    rows: list[Row] = []
    points: list[Point] = []
    for subject in subjects:
        base = without_reasoning(subject.scorer)
        cost = measure(subject.scorer, batches)
        rows.append(_row(subject.name, cost, base and measure(base, batches)))
        points += _points(subject, metric)
    return Efficiency(
        protocol=subjects[0].task,
        device=str(subjects[0].scorer.device),
        threads=torch.get_num_threads(),
        metric=metric,
        rows=tuple(rows),
        points=tuple(_marked(points)),
    )


def _row(model: str, cost: Cost, base: Cost | None) -> Row:
    if base is None:
        return Row(model, cost, None, None, None)
    extra = cost.full_flops / base.full_flops - 1
    return Row(model, cost, base, extra, cost.flops / base.flops - 1)


def efforts(subject: Subject) -> list[Effort]:
    """Every effort that a model can spend, h_0 alone first where it has that."""
    thoughts = next(iter(subject.thoughts()))
    streams, steps = thoughts.steps.shape[1], thoughts.steps.shape[2]
    if streams * steps == 0:
        return [Effort(steps=0)]
    steps -= subject.first_step == 0  # h_0 is one of the states
    found = [Effort(m, t) for m in range(1, streams + 1) for t in range(1, steps + 1)]
    return found if without_reasoning(subject.scorer) is None else [Effort(steps=0), *found]


def _points(subject: Subject, metric: str) -> Iterator[Point]:
    for effort in efforts(subject):
        scorer = subject.scorer.limited(effort)
        yield Point(
            model=subject.name,
            streams=effort.streams or 0,
            steps=effort.steps or 0,
            flops=count_flops(scorer),
            milliseconds=latency_ms(scorer, random_histories(scorer, POINT_BATCH)) / POINT_BATCH,
            metric=subject.judged(scorer, metric),
            best=False,
        )


def _marked(points: Sequence[Point]) -> Iterator[Point]:
    """The points, the best for their cost marked."""
    top = -1.0
    best: set[int] = set()
    for place in sorted(
        range(len(points)), key=lambda i: (points[i].flops, -points[i].metric.value)
    ):
        if points[place].metric.value > top:
            top = points[place].metric.value
            best.add(place)
    for place, point in enumerate(points):
        yield replace(point, best=place in best)


def _cost_rows(rows: Sequence[Row]) -> Iterator[tuple[str, ...]]:
    for row in rows:
        if row.base is not None:
            yield _cost_row(f"{row.model} without reasoning", row.base, None, None)
        yield _cost_row(row.model, row.cost, row.extra_flops, row.extra_flops_pruned)


def _cost_row(name: str, cost: Cost, extra: float | None, pruned: float | None) -> tuple[str, ...]:
    return (
        name,
        f"{cost.parameters:,}",
        f"{cost.full_flops:,}",
        "" if extra is None else f"{extra:+.2%}",
        "" if pruned is None else f"{pruned:+.2%}",
        *(f"{each.milliseconds:.2f}" for each in cost.latency),
        "" if cost.peak_bytes is None else f"{cost.peak_bytes / 2**20:.1f}",
    )


def _effort_row(point: Point) -> tuple[str, ...]:
    return (
        point.model,
        str(point.streams or ""),
        str(point.steps),
        f"{point.flops:,}",
        f"{point.milliseconds:.3f}",
        cell(point.metric),
        "yes" if point.best else "",
    )
