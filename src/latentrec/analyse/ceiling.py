"""Ceiling: how good a model would be if an oracle picked the best of its states for each case."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final, final

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from latentrec.analyse.finding import COLOURS, GREY, ROW_INCHES, Finding, arms, label_of
from latentrec.analyse.subject import Subject, Thoughts
from latentrec.errors import ConfigError
from latentrec.evaluate.evaluate import Metric
from latentrec.evaluate.grid import Grid, grids_markdown
from latentrec.evaluate.metrics import Ranks, value_of
from latentrec.evaluate.table import cell

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ACHIEVED: Final = "as it ranks"
FIRST: Final = "h_0"
POOLED: Final = "pooled"
WITH_FIRST: Final = "all states and h_0"
METRICS: Final = ("ndcg@10", "recall@10")
NO_GAP: Final = 1e-12
"""Means of equal values differ by less, from rounding alone."""


@final
@dataclass(frozen=True)
class Oracle:
    """The best of several states for each case.

    Attributes:
        name: What it picks from.
        candidates: How many states; more of them raise the ceiling by chance alone.
        metrics: What the oracle reaches, by metric.
        mean: What a state picked at random reaches, by metric.
        against: What the model itself makes of them: the pooled state, or the ranking state where
            h_0 is among them.
        gap_closed: Share of the way from `mean` to the oracle that `against` goes, by metric; None
            where there is no gap.
    """

    name: str
    candidates: int
    metrics: dict[str, Metric]
    mean: dict[str, float]
    against: str
    gap_closed: dict[str, float | None]


@final
@dataclass(frozen=True)
class Ceiling(Finding):
    """Single states, oracles over them, and the model as it ranks.

    Paper: PLR (arXiv 2601.03153) Fig. 4. Whether the paper's oracle picks among T steps or T M
    states is unsaid; both stand here, with their number of candidates.

    Attributes:
        protocol: Model, cases and ranking in words.
        states: Metrics of each state alone: the model as it ranks, h_0, the pooled state, each
            stream and step, each step over all streams, each stream over all steps.
        oracles: The best per step, per stream and over all states.
    """

    name: ClassVar[str] = "ceiling"
    size: ClassVar[tuple[float, float]] = (7.0, 4.2)

    protocol: str
    states: dict[str, dict[str, Metric]]
    oracles: tuple[Oracle, ...]

    def to_markdown(self) -> str:
        """A table of the single states and one of the oracles."""
        metrics = tuple(self.states[ACHIEVED])
        single = Grid(
            "Each state alone",
            ("state", *metrics),
            tuple((name, *(cell(of[m]) for m in metrics)) for name, of in self.states.items()),
        )
        best = Grid(
            "The best state for each case, picked by an oracle",
            ("oracle over", "states", "against", *(f"{m}, gap closed" for m in metrics)),
            tuple(_oracle_row(oracle, metrics) for oracle in self.oracles),
        )
        foot = (
            f"{self.protocol}. Gap closed: how far what the model itself makes of the states "
            "('against') stands from their mean (0 %) towards the oracle (100 %). More candidates "
            "raise a ceiling by chance alone: compare oracles with equal numbers of states only."
        )
        return grids_markdown([single, best], foot)

    @property
    def figure_size(self) -> tuple[float, float]:
        """High enough for the labels of its bars."""
        bars = len(self.states) - 1 + len(self.oracles)
        return self.size[0], max(self.size[1], 1.0 + ROW_INCHES * bars)

    def draw(self, figure: "Figure") -> None:
        """Bars for states and oracles; a line for the model as it ranks."""
        metric = next(iter(self.states[ACHIEVED]))
        achieved = self.states[ACHIEVED][metric]
        rest = {k: v[metric] for k, v in self.states.items() if k != ACHIEVED}
        oracles = {f"oracle: {o.name} ({o.candidates})": o.metrics[metric] for o in self.oracles}
        values = [*rest.values(), *oracles.values()]
        colours = [COLOURS[5]] * len(rest) + [COLOURS[1]] * len(oracles)
        axes, places = figure.subplots(), np.arange(len(values))
        means = [value.value for value in values]
        spread = arms(values)
        axes.barh(places, means, xerr=spread, color=colours, error_kw={"ecolor": GREY, "lw": 1})
        axes.axvline(achieved.value, color=COLOURS[0], lw=1.5, label=ACHIEVED)
        axes.axvspan(achieved.low, achieved.high, color=COLOURS[0], alpha=0.15, lw=0)
        axes.set_yticks(places, [*rest, *oracles])
        axes.invert_yaxis()
        axes.grid(visible=False, axis="y")
        axes.grid(visible=True, axis="x")
        axes.set_xlabel(label_of(metric))
        figure.legend(loc="outside upper right")


def ceiling(subject: Subject, metrics: Sequence[str] = METRICS) -> Ceiling:
    """Rank every target by each state of the model alone, and by the best of them.

    Args:
        subject: A model that reasons, and cases.
        metrics: Which metrics, the first one is drawn.

    Raises:
        ConfigError: If the model does not reason, or a metric is unknown.
    """
    found: dict[str, Ranks] = {}
    for block in subject.thoughts():
        for name, states in _states(block, subject.first_step):
            ranks = found.setdefault(name, np.empty(len(subject.cases), dtype=np.int64))
            ranks[block.rows] = subject.ranks(states, block)
    groups = _groups(list(found), subject.first_step)
    oracles = {name: np.min([found[each] for each in of], axis=0) for name, of in groups.items()}
    single, best = _judged(subject, found, metrics), _judged(subject, oracles, metrics)
    return Ceiling(
        subject.protocol,
        single,
        tuple(_oracle(name, of, single, best[name]) for name, of in groups.items()),
    )


def _states(block: Thoughts, first_step: int) -> Iterator[tuple[str, Float[Tensor, "B D"]]]:
    """Every state to judge, by its name."""
    _, streams, steps, _ = block.steps.shape
    if steps == 0:
        raise ConfigError("ceiling: this model does not reason, so it has one state only")
    yield ACHIEVED, block.ranking
    yield FIRST, block.first
    yield POOLED, block.pooled
    for stream in range(streams):
        for step in range(steps):
            name = f"stream {stream + 1}, step {step + first_step}"
            yield name, block.steps[:, stream, step]
    if streams > 1 and steps > 1:
        for step in range(steps):
            yield f"step {step + first_step}, all streams", _mixed(block, step)
        for stream in range(streams):
            yield f"stream {stream + 1}, all steps", block.steps[:, stream].mean(dim=1)


def _mixed(block: Thoughts, step: int) -> Float[Tensor, "B D"]:
    """The streams' states of one step, mixed by the gate."""
    assert block.gate is not None, "several streams are mixed by a gate"
    return torch.einsum("bm,bmd->bd", block.gate, block.steps[:, :, step])


def _groups(names: Sequence[str], first_step: int) -> dict[str, list[str]]:
    """The states that each oracle picks from."""
    every = [name for name in names if name.startswith("stream ") and ", step " in name]
    groups = {
        "steps": [name for name in names if name.endswith(", all streams")],
        "streams": [name for name in names if name.endswith(", all steps")],
        "all states": every,
        WITH_FIRST: [FIRST, *every] if first_step else [],
    }
    return {name: of for name, of in groups.items() if of}


def _judged(
    subject: Subject, found: Mapping[str, Ranks], metrics: Sequence[str]
) -> dict[str, dict[str, Metric]]:
    columns = [value_of(ranks, metric) for ranks in found.values() for metric in metrics]
    means = iter(subject.intervals(np.stack(columns, axis=1)))
    return {name: {metric: next(means) for metric in metrics} for name in found}


def _oracle(
    name: str,
    of: Sequence[str],
    single: Mapping[str, Mapping[str, Metric]],
    best: dict[str, Metric],
) -> Oracle:
    against = ACHIEVED if name == WITH_FIRST else POOLED
    mean = {m: float(np.mean([single[each][m].value for each in of])) for m in best}
    closed: dict[str, float | None] = {}
    for metric, top in best.items():
        gap, done = top.value - mean[metric], single[against][metric].value - mean[metric]
        closed[metric] = done / gap if gap > NO_GAP else None
    return Oracle(name, len(of), best, mean, against, closed)


def _oracle_row(oracle: Oracle, metrics: Sequence[str]) -> tuple[str, ...]:
    cells = (f"{cell(oracle.metrics[m])}, {_share(oracle.gap_closed[m])}" for m in metrics)
    return (oracle.name, str(oracle.candidates), oracle.against, *cells)


def _share(value: float | None) -> str:
    return "no gap" if value is None else f"{value:.0%}"
