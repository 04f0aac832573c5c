"""Figure 4 and Table 4 of the paper: oracles of every method that reasons, and what it costs."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, final

from latentrec.analyse.ceiling import ACHIEVED, Ceiling
from latentrec.analyse.cost import Cost
from latentrec.analyse.finding import COLOURS, GREY, MARKERS, Finding, label_of
from latentrec.evaluate.evaluate import Metric
from latentrec.evaluate.grid import Grid, grids_markdown
from latentrec.evaluate.table import cell, number
from latentrec.paper.published import Efficiency
from latentrec.paper.tables import beside_words

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@final
@dataclass(frozen=True)
class Room:
    """How far a method stands below the oracle over its states.

    Attributes:
        method: Name of its row.
        oracle: What the oracle picks from.
        candidates: How many states.
        current: The method as it ranks.
        best: The oracle.
    """

    method: str
    oracle: str
    candidates: int
    current: Metric
    best: Metric


@final
@dataclass(frozen=True)
class Figure4(Finding):
    """Every method beside the oracle that picks its best step for each case.

    Paper: PLR (arXiv 2601.03153) Fig. 4, whose values are drawn only; its text names oracles from
    .0402 to .0416 of NDCG@20 on CDs & Vinyl. An oracle over more states is higher by chance alone.

    Attributes:
        protocol: Cases and ranking in words.
        metric: Which metric.
        rooms: A line for each method and oracle.
    """

    name: ClassVar[str] = "figure-4"
    size: ClassVar[tuple[float, float]] = (7.5, 4.2)

    protocol: str
    metric: str
    rooms: tuple[Room, ...]

    def to_markdown(self) -> str:
        """A row for each method and oracle."""
        head = ("method", "oracle over", "states", "as it ranks", "oracle", "gap")
        rows = tuple(
            (x.method, x.oracle, str(x.candidates), cell(x.current), cell(x.best),
             number(x.best.value - x.current.value))
            for x in self.rooms
        )  # fmt: skip
        foot = (
            f"{self.protocol}. Paper: oracles of .0402 to .0416 on CDs & Vinyl, in its text. More "
            "states raise an oracle by chance alone: compare gaps with equal numbers of them only."
        )
        return grids_markdown([Grid(f"Figure 4: {label_of(self.metric)}", head, rows)], foot)

    def draw(self, figure: "Figure") -> None:
        """From where each method stands to its oracle."""
        axes, places = figure.subplots(), range(len(self.rooms))
        current = [x.current.value for x in self.rooms]
        best = [x.best.value for x in self.rooms]
        axes.hlines(places, current, best, color=GREY, lw=1.5)
        axes.scatter(current, places, color=COLOURS[0], label="as it ranks", zorder=3)
        axes.scatter(best, places, color=COLOURS[1], marker="D", label="oracle", zorder=3)
        axes.set_yticks(places, [f"{x.method}: {x.oracle} ({x.candidates})" for x in self.rooms])
        axes.invert_yaxis()
        axes.grid(visible=False, axis="y")
        axes.grid(visible=True, axis="x")
        axes.set_xlabel(label_of(self.metric))
        figure.legend(loc="outside upper center", ncols=2)


def figure_4(found: Mapping[str, Ceiling], protocol: str, metric: str) -> Figure4:
    """The ceilings of several methods, by the names of their rows."""
    rooms = tuple(
        Room(name, oracle.name, oracle.candidates, of.states[ACHIEVED][metric],
             oracle.metrics[metric])
        for name, of in found.items()
        for oracle in of.oracles
        if oracle.name in ("steps", "all states")
    )  # fmt: skip
    return Figure4(protocol, metric, rooms)


@final
@dataclass(frozen=True)
class Price:
    """What a method costs over plain SASRec.

    Attributes:
        method: Name of its row.
        flops: Operations of one longest history, as the papers count.
        paper_flops: The paper's operations; None where it has no such row.
        extra: Share of operations over plain SASRec.
        paper_extra: The paper's share.
        latency: Share of time over plain SASRec, by number of histories in a call.
        paper_latency: The paper's share; it does not say of how many.
    """

    method: str
    flops: int
    paper_flops: float | None
    extra: float
    paper_extra: float | None
    latency: dict[int, float]
    paper_latency: float | None


@final
@dataclass(frozen=True)
class Table4(Finding):
    """Operations and latency over plain SASRec.

    Paper: PLR Table 4. It scores 87,969 items with d = 256; smaller catalogues and vectors make the
    same reasoning weigh more.

    Attributes:
        setting: Sizes and device in words.
        beside: The paper's category.
        same: Whether our data are that category.
        prices: Plain SASRec first.
    """

    name: ClassVar[str] = "table-4"
    size: ClassVar[tuple[float, float]] = (7.0, 3.2)

    setting: str
    beside: str
    same: bool
    prices: tuple[Price, ...]

    def to_markdown(self) -> str:
        """A row for each method."""
        batches = tuple(self.prices[0].latency)
        head = ("method", "FLOPs, paper", "FLOPs, ours", "extra, paper", "extra, ours",
                "difference", "latency, paper",
                *(f"latency, ours, batch {batch}" for batch in batches))  # fmt: skip
        rows = tuple(_price_row(price) for price in self.prices)
        foot = (
            f"{self.setting}. {beside_words(self.beside, self.same)} Extra and latency: over plain "
            "SASRec. Operations are counted, so they have no interval; latencies are medians of "
            "seven calls. The paper's ReaRec stands beside sasrec+erl; it does not say of how many "
            "samples its seconds are."
        )
        return grids_markdown([Grid("Table 4: cost", head, rows)], foot)

    def draw(self, figure: "Figure") -> None:
        """Extra operations and latency of each method, the paper's as diamonds."""
        panels = figure.subplots(1, 2, sharey=True)
        names, places = [x.method for x in self.prices], range(len(self.prices))
        panels[0].scatter([100 * x.extra for x in self.prices], places, color=COLOURS[0])
        _diamonds(panels[0], [x.paper_extra for x in self.prices])
        panels[0].set_xlabel("extra operations (%)")
        for nth, batch in enumerate(self.prices[0].latency):
            values = [100 * x.latency[batch] for x in self.prices]
            panels[1].scatter(values, places, color=COLOURS[0], marker=MARKERS[nth], alpha=0.8,
                              label=f"ours, batch {batch}")  # fmt: skip
        _diamonds(panels[1], [x.paper_latency for x in self.prices])
        panels[1].set_xlabel("extra latency (%)")
        for axes in panels:
            axes.set_yticks(places, names)
            axes.set_ylim(len(names) - 0.5, -0.5)
            axes.grid(visible=False, axis="y")
            axes.grid(visible=True, axis="x")
        figure.legend(*panels[1].get_legend_handles_labels(), loc="outside upper center", ncols=4)


def table_4(
    costs: Mapping[str, Cost],
    paper: Mapping[str, Efficiency],
    setting: str,
    beside: str,
    same: bool,
) -> Table4:
    """Costs by the names of rows, plain SASRec first, over that of plain SASRec."""
    base_name, base = next(iter(costs.items()))
    prices = [
        Price(
            method=name,
            flops=cost.full_flops,
            paper_flops=paper[name].flops if name in paper else None,
            extra=cost.full_flops / base.full_flops - 1,
            paper_extra=_over([paper[n].flops for n in (name, base_name) if n in paper]),
            latency={
                mine.batch: mine.milliseconds / plain.milliseconds - 1
                for mine, plain in zip(cost.latency, base.latency, strict=True)
            },
            paper_latency=_over([paper[n].latency_s for n in (name, base_name) if n in paper]),
        )
        for name, cost in costs.items()
    ]
    return Table4(setting, beside, same, tuple(prices))


def _over(values: Sequence[float]) -> float | None:
    """How much the first is above the second; None where the first is missing."""
    return values[0] / values[1] - 1 if len(values) == 2 else None


def _price_row(price: Price) -> tuple[str, ...]:
    def cells() -> Iterator[str]:
        yield price.method
        yield "" if price.paper_flops is None else f"{price.paper_flops / 1e8:.4f}e8"
        yield f"{price.flops / 1e8:.4f}e8"
        yield _percent(price.paper_extra)
        yield _percent(price.extra)
        yield _percent(None if price.paper_extra is None else price.extra - price.paper_extra)
        yield _percent(price.paper_latency)
        yield from (_percent(value) for value in price.latency.values())

    return tuple(cells())


def _percent(share: float | None) -> str:
    return "" if share is None else f"{share:+.2%}"


def _diamonds(axes: "Axes", values: Sequence[float | None]) -> None:
    known = [(100 * value, i) for i, value in enumerate(values) if value is not None]
    axes.scatter(*zip(*known, strict=True), marker="D", facecolors="none", edgecolors=COLOURS[1],
                 label="paper", zorder=3)  # fmt: skip
