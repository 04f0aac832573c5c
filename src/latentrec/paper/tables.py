"""Tables 1 to 3 of the paper, its figures beside ours with their intervals."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, final

from latentrec.analyse.finding import COLOURS, GREY, Finding, arms, label_of
from latentrec.evaluate.evaluate import Metric
from latentrec.evaluate.grid import Grid, grids_markdown
from latentrec.evaluate.table import number
from latentrec.paper.published import Statistics

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@final
@dataclass(frozen=True)
class Table1(Finding):
    """What the data are.

    Paper: PLR (arXiv 2601.03153) Table 1.

    Attributes:
        data: What ours are.
        beside: The paper's category.
        same: Whether our data are that category.
        paper: Its numbers.
        ours: Ours, after the filters; items that occur in training.
    """

    name: ClassVar[str] = "table-1"
    size: ClassVar[tuple[float, float]] = (7.0, 2.0)

    data: str
    beside: str
    same: bool
    paper: Statistics
    ours: Statistics

    def to_markdown(self) -> str:
        """A row for each number."""
        rows = tuple(
            (name, f"{paper:,}", f"{ours:,}", f"{ours - paper:+,}")
            for name, paper, ours in _counts(self.paper, self.ours)
        )
        head = ("number of", f"paper, {self.beside}", f"ours, {self.data}", "difference")
        foot = f"Counted after the filters. {beside_words(self.beside, self.same)}"
        return grids_markdown([Grid("Table 1: the data", head, rows)], foot)

    def draw(self, figure: "Figure") -> None:
        """Bars of the paper's numbers and ours."""
        for axes, (name, paper, ours) in zip(
            figure.subplots(1, 3), _counts(self.paper, self.ours), strict=True
        ):
            bars = axes.bar(["paper", "ours"], [paper, ours], color=[GREY, COLOURS[0]])
            axes.bar_label(bars, fmt="{:,.0f}")
            axes.set_title(name)
            axes.margins(y=0.15)
            axes.set_yticks([])


def _counts(paper: Statistics, ours: Statistics) -> Iterator[tuple[str, int, int]]:
    for name in ("users", "items", "interactions"):
        yield name, getattr(paper, name), getattr(ours, name)


@final
@dataclass(frozen=True)
class Line:
    """One method in Table 2 or 3.

    Attributes:
        method: Name of its row.
        paper: What the paper prints, by metric; empty where it has no such row.
        ours: What we measured, by metric, with intervals over users.
        seeds: Seeds behind it; 0 for a baseline that has none.
    """

    method: str
    paper: dict[str, float]
    ours: dict[str, Metric]
    seeds: int


@final
@dataclass(frozen=True)
class Against:
    """PLR less another method of its backbone, on the same cases.

    Attributes:
        method: The other.
        paper: The paper's difference; None where it has no such row.
        ours: Ours with its paired interval over users.
        p: p of the paired t test over users, corrected by Holm over this backbone's methods.
    """

    method: str
    paper: float | None
    ours: Metric
    p: float


@final
@dataclass(frozen=True)
class Table2(Finding):
    """Every method, as the paper has it and as it came out here.

    Paper: PLR Table 2. The paper names no seeds, and no unit of its t test; ours is over users.

    Attributes:
        protocol: Split, ranking and intervals in words.
        beside: The paper's category.
        same: Whether our data are that category.
        metrics: Which metrics.
        lines: Baselines first, then a line for each method.
        metric: What `against` is about.
        against: PLR less each other method, backbone after backbone.
    """

    name: ClassVar[str] = "table-2"
    size: ClassVar[tuple[float, float]] = (9.0, 4.6)

    protocol: str
    beside: str
    same: bool
    metrics: tuple[str, ...]
    lines: tuple[Line, ...]
    metric: str
    against: tuple[Against, ...]

    def to_markdown(self) -> str:
        """A table for each metric, and one of the differences."""
        grids = [_quality("Table 2", metric, self.beside, self.lines) for metric in self.metrics]
        rows = tuple(
            (x.method, "" if x.paper is None else signed(x.paper), signed(x.ours.value),
             f"[{signed(x.ours.low)}, {signed(x.ours.high)}]", f"{x.p:.2g}")
            for x in self.against
        )  # fmt: skip
        head = ("PLR less", "paper", "ours", "interval", "p")
        title = f"{label_of(self.metric)} of PLR less that of the others on its backbone"
        return grids_markdown([*grids, Grid(title, head, rows)], self._foot())

    def _foot(self) -> str:
        return (
            f"{self.protocol}. {beside_words(self.beside, self.same)} p: paired t test over users, "
            "Holm's correction over the methods of a backbone. LARES is its first phase; the "
            "second is `latentrec post-train`."
        )

    def draw(self, figure: "Figure") -> None:
        """Our values with intervals, the paper's as hollow diamonds; a panel for each metric."""
        _draw_panels(figure, self.metrics, self.lines)


@final
@dataclass(frozen=True)
class Table3(Finding):
    """PLR without each of its parts.

    Paper: PLR Table 3; triggers, step embeddings and h_0 in the ranking are ours to leave out.

    Attributes:
        protocol: Split, ranking and intervals in words.
        beside: The paper's category.
        same: Whether our data are that category.
        metrics: Which metrics.
        lines: The whole model first.
    """

    name: ClassVar[str] = "table-3"
    size: ClassVar[tuple[float, float]] = (7.5, 3.0)

    protocol: str
    beside: str
    same: bool
    metrics: tuple[str, ...]
    lines: tuple[Line, ...]

    def to_markdown(self) -> str:
        """A table for each metric."""
        grids = [_quality("Table 3", metric, self.beside, self.lines) for metric in self.metrics]
        return grids_markdown(grids, f"{self.protocol}. {beside_words(self.beside, self.same)}")

    def draw(self, figure: "Figure") -> None:
        """Our values with intervals, the paper's as hollow diamonds; a panel for each metric."""
        _draw_panels(figure, self.metrics, self.lines)


def signed(value: float) -> str:
    """Four decimals with a sign.

    Example:
        >>> signed(0.0034), signed(-0.0034)
        ('+.0034', '-.0034')
    """
    return ("-" if number(value).startswith("-") else "+") + number(abs(value))


def _quality(table: str, metric: str, beside: str, lines: Sequence[Line]) -> Grid:
    head = ("method", f"paper, {beside}", "ours", "interval", "difference", "seeds")
    rows = tuple(_row(line, metric) for line in lines)
    return Grid(f"{table}: {label_of(metric)}", head, rows)


def _row(line: Line, metric: str) -> tuple[str, ...]:
    ours, paper = line.ours[metric], line.paper.get(metric)
    return (
        line.method,
        "" if paper is None else number(paper),
        number(ours.value),
        f"[{number(ours.low)}, {number(ours.high)}]",
        "" if paper is None else signed(ours.value - paper),
        str(line.seeds or ""),
    )


def beside_words(category: str, same: bool) -> str:
    """Which of the paper's numbers stand beside ours, and whether they are of the same data."""
    if same:
        return f"Paper: {category}."
    return (
        f"Our data are not {category}, whose numbers in the paper stand beside ours: the "
        "differences say how the numbers lie, nothing about the method."
    )


def _draw_panels(figure: "Figure", metrics: Sequence[str], lines: Sequence[Line]) -> None:
    panels = figure.subplots(1, len(metrics), sharey=True, squeeze=False)[0]
    for axes, metric in zip(panels, metrics, strict=True):
        _draw_lines(axes, metric, lines)
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=2)


def _draw_lines(axes: "Axes", metric: str, lines: Sequence[Line]) -> None:
    places = range(len(lines))
    ours = [line.ours[metric] for line in lines]
    spread = arms(ours)
    values = [x.value for x in ours]
    axes.errorbar(
        values, places, xerr=spread, fmt="o", color=COLOURS[0], ms=4, capsize=2, label="ours"
    )
    known = [(line.paper[metric], i) for i, line in enumerate(lines) if metric in line.paper]
    if known:
        axes.scatter(
            *zip(*known, strict=True), marker="D", s=22, facecolors="none", edgecolors=COLOURS[1],
            label="paper", zorder=3,
        )  # fmt: skip
    axes.set_yticks(places, [line.method for line in lines])
    axes.set_ylim(len(lines) - 0.5, -0.5)
    axes.grid(visible=False, axis="y")
    axes.grid(visible=True, axis="x")
    axes.set_xlabel(label_of(metric))
