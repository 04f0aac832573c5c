"""Robustness: what is left of a model's quality when histories are damaged at test time."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final, TypeAlias, final

import numpy as np
from jaxtyping import Float
from torch import Tensor

from latentrec.analyse.finding import (
    COLOURS,
    MARKERS,
    Finding,
    label_of,
    literal,
    number_of_histories,
)
from latentrec.analyse.subject import Subject, check_same_cases
from latentrec.data.dataset import Histories, Int32s
from latentrec.evaluate.evaluate import Metric
from latentrec.evaluate.grid import Grid, grids_markdown
from latentrec.evaluate.table import cell
from latentrec.scorer import Scorer

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Change: TypeAlias = Callable[[Int32s, float, np.random.Generator], Int32s]
"""One history of item indices, how much to damage it, and chance, to the damaged history."""
SEED: Final = 0


def missing(history: Int32s, rate: float, rng: np.random.Generator) -> Int32s:
    """The history without a share of its interactions, drawn at random; one always stays.

    Example:
        >>> len(missing(np.arange(10, dtype=np.int32), 0.3, np.random.default_rng(0)))
        7
    """
    removed = min(round(rate * len(history)), len(history) - 1)
    return np.delete(history, rng.choice(len(history), removed, replace=False))


def shuffled(history: Int32s, rate: float, rng: np.random.Generator) -> Int32s:
    """The history with a share of its places drawn at random, and what stands there mixed up."""
    places = rng.choice(len(history), round(rate * len(history)), replace=False)
    mixed = history.copy()
    mixed[places] = history[rng.permutation(places)]
    return mixed


def truncated(history: Int32s, rate: float, rng: np.random.Generator) -> Int32s:
    """The history without its oldest share; one interaction always stays."""
    return history[min(round(rate * len(history)), len(history) - 1) :]


DAMAGES: Final[dict[str, tuple[Change, tuple[float, ...]]]] = {
    "missing": (missing, (0.1, 0.2, 0.3, 0.5)),
    "shuffled": (shuffled, (0.1, 0.2, 0.5, 1.0)),
    "truncated": (truncated, (0.25, 0.5, 0.75, 0.9)),
}
"""Every damage with its rates; the paper removes 10, 20 and 30 %."""


@final
@dataclass(frozen=True)
class Level:
    """One model under one damage.

    Attributes:
        model: Name of the model.
        damage: `missing`, `shuffled` or `truncated`.
        rate: Share of the history that is damaged.
        metric: Quality with its bootstrap interval over users.
        kept: Share of the undamaged quality that is left; None where that was 0.
    """

    model: str
    damage: str
    rate: float
    metric: Metric
    kept: float | None


@final
@dataclass(frozen=True)
class Robustness(Finding):
    """Quality under growing damage, for one or more models.

    Paper: PLR (arXiv 2601.03153) Fig. 3, which shows missing interactions.

    Attributes:
        protocol: Cases and ranking in words.
        metric: Which metric.
        levels: Every model, damage and rate; rate 0 is the undamaged history.
        cut: Number of histories of which not every model reads all.
    """

    name: ClassVar[str] = "robustness"
    size: ClassVar[tuple[float, float]] = (9.0, 3.4)

    protocol: str
    metric: str
    levels: tuple[Level, ...]
    cut: int = 0

    def to_markdown(self) -> str:
        """A row for every model, damage and rate."""
        rows = tuple(
            (x.model, x.damage, f"{x.rate:.0%}", cell(x.metric),
             "" if x.kept is None else f"{x.kept:.1%}")
            for x in self.levels
        )  # fmt: skip
        table = Grid("Damaged histories", ("model", "damage", "rate", self.metric, "kept"), rows)
        foot = (
            f"{self.protocol}. Every model sees the same damaged histories; hidden items are those "
            f"of the whole history.{self._of_the_whole()}"
        )
        return grids_markdown([table], foot)

    def _of_the_whole(self) -> str:
        if not self.cut:
            return ""
        return (
            f" Rates are of whole histories, but of {number_of_histories(self.cut)} only the last "
            "interactions are read (encoder.max_length): there, truncating may change nothing, and "
            "what is missing lets older interactions in."
        )

    def draw(self, figure: "Figure") -> None:
        """A panel for each damage, a line with its intervals for each model."""
        damages = list(dict.fromkeys(level.damage for level in self.levels))
        models = list(dict.fromkeys(level.model for level in self.levels))
        panels = figure.subplots(1, len(damages), sharey=True, squeeze=False)[0]
        for axes, damage in zip(panels, damages, strict=True):
            for place, model in enumerate(models):
                of = [x for x in self.levels if (x.model, x.damage) == (model, damage)]
                means = np.array([x.metric.value for x in of])
                ends = np.array([[x.metric.low, x.metric.high] for x in of]).T
                axes.errorbar(
                    [100 * x.rate for x in of],
                    means,
                    np.abs(ends - means),
                    label=literal(model),
                    color=COLOURS[place % 7],
                    marker=MARKERS[place % 7],
                    capsize=2,
                )
            axes.set_xlabel(f"{damage} (% of the history)")
        panels[0].set_ylim(bottom=0)
        panels[0].set_ylabel(label_of(self.metric))
        handles, labels = panels[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper center", ncols=4)


@final
class DamagedScorer:
    """A scorer that reads damaged histories.

    A history is damaged in the same way whatever stands beside it and whoever reads it.

    Args:
        scorer: What reads them.
        change: How they are damaged.
        rate: How much.
    """

    def __init__(self, scorer: Scorer, change: Change, rate: float) -> None:
        self._scorer, self._change, self._rate = scorer, change, rate

    @property
    def name(self) -> str:
        """Row label in tables."""
        return self._scorer.name

    @property
    def size(self) -> int:
        """Number of item indices N."""
        return self._scorer.size

    def scores(self, histories: Histories) -> Float[Tensor, "B N"]:
        """Scores of all item indices after the damaged histories."""
        rows = [self._damaged(histories[row]) for row in range(len(histories))]
        offsets = np.cumsum([0, *map(len, rows)], dtype=np.int64)
        return self._scorer.scores(Histories(np.concatenate(rows), offsets))

    def _damaged(self, history: Int32s) -> Int32s:
        return self._change(history, self._rate, np.random.default_rng([SEED, *history.tolist()]))


def robustness(
    subjects: Sequence[Subject],
    metric: str = "ndcg@20",
    damages: Sequence[str] = tuple(DAMAGES),
) -> Robustness:
    """Judge models on damaged test histories.

    Args:
        subjects: Models on the same cases, at least one; names differ.
        metric: What is measured.
        damages: Which damages.

    Raises:
        ConfigError: If the subjects differ in data, split, cases or hidden items.
    """
    check_same_cases(subjects)
    levels: list[Level] = []
    for subject in subjects:
        whole = subject.judged(subject.scorer, metric)
        for damage in damages:
            change, rates = DAMAGES[damage]
            levels.append(Level(subject.name, damage, 0.0, whole, 1.0 if whole.value else None))
            for rate in rates:
                found = subject.judged(DamagedScorer(subject.scorer, change, rate), metric)
                kept = found.value / whole.value if whole.value else None
                levels.append(Level(subject.name, damage, rate, found, kept))
    read = min(subject.longest for subject in subjects)
    cut = int((subjects[0].lengths > read).sum())
    return Robustness(subjects[0].task, metric, tuple(levels), cut)
