"""Slices: groups of cases in which a recommender may do well or badly."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias, final

import numpy as np
import numpy.typing as npt

from latentrec.data.dataset import Cases, SequenceDataset
from latentrec.evaluate.bootstrap import bootstrap
from latentrec.evaluate.evaluate import Evaluation, Metric
from latentrec.evaluate.metrics import value_of
from latentrec.index import UNKNOWN

Bools: TypeAlias = npt.NDArray[np.bool_]

LENGTHS: Final = ((1, 4), (5, 9), (10, 19), (20, 49), (50, None))
"""Shortest and longest history of each slice by length."""
POPULARITY: Final = ("head", "middle", "tail")
"""Items in the order of training counts, cut where each part holds a third of interactions."""


@final
@dataclass(frozen=True)
class Slice:
    """Some of the cases.

    Attributes:
        name: What the cases have in common.
        cases: How many they are.
        users: Of how many users.
        values: Metric by scorer, with its interval over users.
    """

    name: str
    cases: int
    users: int
    values: dict[str, Metric]


def slices_of(dataset: SequenceDataset, cases: Cases) -> dict[str, Bools]:
    """The cases of each slice, by name, shape (C,); only slices with some of them but not all.

    History length, how popular the target is in training, whether the target stands in the history,
    and whether the user has any training interaction.
    """
    lengths = cases.ends - dataset.offsets[cases.users]
    found: dict[str, Bools] = {}
    for low, high in LENGTHS:
        name = f"history {low}-{high}" if high else f"history {low}+"
        found[name] = (lengths >= low) & (lengths <= (high or lengths.max()))
    found |= _by_popularity(dataset, cases)
    repeat = repeats(dataset, cases)
    found["target repeated"], found["target novel"] = repeat, ~repeat
    cold = (dataset.train_ends == dataset.offsets[:-1])[cases.users]
    found["user in training"], found["user new"] = ~cold, cold
    return {name: rows for name, rows in found.items() if rows.any() and not rows.all()}


def sliced(
    evaluations: Sequence[Evaluation],
    dataset: SequenceDataset,
    cases: Cases,
    *,
    metric: str,
    resamples: int,
    confidence: float,
) -> list[Slice]:
    """One metric of every scorer in every slice.

    Args:
        evaluations: What to take apart.
        dataset: Where the cases come from.
        cases: The cases of the evaluations.
        metric: Metric like `ndcg@10`.
        resamples: Bootstrap resamples of users behind each interval.
        confidence: Coverage of the intervals.
    """
    values = np.stack([value_of(found.ranks, metric) for found in evaluations], axis=1)
    names = [found.scorer for found in evaluations]

    def one(name: str, rows: Bools) -> Slice:
        low, high = bootstrap(
            values[rows], cases.users[rows], resamples=resamples, confidence=confidence, seed=0
        )
        cells = zip(values[rows].mean(0).tolist(), low.tolist(), high.tolist(), strict=True)
        metrics = dict(zip(names, (Metric(*cell) for cell in cells), strict=True))
        return Slice(name, int(rows.sum()), len(np.unique(cases.users[rows])), metrics)

    return [one(name, rows) for name, rows in slices_of(dataset, cases).items()]


def repeats(dataset: SequenceDataset, cases: Cases) -> Bools:
    """Whether the target of each case stands in its history, shape (C,)."""
    histories = dataset.histories(cases)
    rows = np.repeat(np.arange(len(cases)), histories.lengths)
    same = histories.items == cases.targets[rows]
    return np.bincount(rows[same], minlength=len(cases)) > 0


def _by_popularity(dataset: SequenceDataset, cases: Cases) -> dict[str, Bools]:
    counts = np.bincount(dataset.train().items, minlength=dataset.index.size)
    order = np.argsort(-counts, kind="stable")
    before = np.empty_like(counts)
    before[order] = np.cumsum(counts[order]) - counts[order]
    third = np.minimum(before * 3 // max(1, counts.sum()), 2)
    known = cases.targets != UNKNOWN
    of_target = third[np.maximum(cases.targets, 0)]
    found = {f"target {name}": known & (of_target == i) for i, name in enumerate(POPULARITY)}
    return {**found, "target unknown": ~known}
