"""The baselines of a data set, each with the constants that do best on validation."""

from collections.abc import Iterable, Iterator
from functools import partial
from typing import Final, Protocol, TypeVar, assert_never

import numpy as np

from latentrec.baselines.ease import EASE, too_large
from latentrec.baselines.item_knn import ItemKNN
from latentrec.baselines.markov import Markov
from latentrec.baselines.popularity import Popularity
from latentrec.baselines.recent import RecentPopularity
from latentrec.blend_config import PartnerName
from latentrec.config import BaselineName, EvaluateConfig
from latentrec.data.dataset import Cases, SequenceDataset
from latentrec.evaluate.evaluate import Evaluation, evaluate_test, rank_cases
from latentrec.evaluate.metrics import ndcg
from latentrec.scorer import Scorer

TUNING_CASES: Final = 3000
"""Most validation cases that decide; more are drawn from with a fixed seed."""
TUNING_K: Final = 10
"""The constants with the best NDCG@10 are taken."""


class Baseline(Scorer, Protocol):
    """A scorer that can say with which constants it was fitted."""

    settings: str
    """The constants in words, empty if there are none."""


B = TypeVar("B", bound=Baseline)


def fit_baselines(dataset: SequenceDataset, knobs: EvaluateConfig) -> Iterator[Baseline]:
    """Fit the wanted baselines on the training part, one after another, tuned on validation.

    One that the data are too large for is left out; `left_out` says why.

    Args:
        dataset: The data; no test case is read.
        knobs: Which baselines, and whether items of the history are hidden while tuning.
    """
    for name in knobs.baselines:
        if not too_large_for(name, dataset, knobs):
            yield fit_baseline(name, dataset, exclude_seen=knobs.exclude_seen)


def left_out(dataset: SequenceDataset, knobs: EvaluateConfig) -> dict[str, str]:
    """Why wanted baselines are missing, by name."""
    reasons: dict[str, str] = {
        name: too_large_for(name, dataset, knobs) for name in knobs.baselines
    }
    return {name: reason for name, reason in reasons.items() if reason}


def evaluate_baselines(
    dataset: SequenceDataset, knobs: EvaluateConfig, *, list_k: int = 0
) -> list[Evaluation]:
    """Judge the wanted baselines on the test cases; their notes name the constants found.

    Args:
        dataset: The data.
        knobs: Which baselines, and how to judge.
        list_k: Length of the lists that are kept, see `latentrec.evaluate.beyond`; 0 for none.
    """
    return [
        evaluate_test(found, dataset, knobs, list_k=list_k, notes=_tuning_note(found))
        for found in fit_baselines(dataset, knobs)
    ]


def _tuning_note(found: Baseline) -> tuple[str, ...]:
    return (f"{found.name} tuned on validation: {found.settings}",) if found.settings else ()


def fit_baseline(name: BaselineName, dataset: SequenceDataset, *, exclude_seen: bool) -> Baseline:
    """Fit one baseline on the training part, tuned on validation."""
    train, size = dataset.train(), dataset.index.size
    match name:
        case "popularity":
            return Popularity.fit(train, size)
        case "recent-popularity":
            return tuned(RecentPopularity.grid(dataset), dataset, exclude_seen=exclude_seen)
        case _:
            return fit_linked(name, dataset, exclude_seen=exclude_seen)


def fit_linked(
    name: PartnerName, dataset: SequenceDataset, *, exclude_seen: bool
) -> Markov | ItemKNN | EASE:
    """Fit a baseline of weights from item to item on the training part, tuned on validation."""
    train, size = dataset.train(), dataset.index.size
    match name:
        case "markov":
            return tuned(Markov.grid(train, size), dataset, exclude_seen=exclude_seen)
        case "item-knn":
            return tuned(ItemKNN.grid(train, size), dataset, exclude_seen=exclude_seen)
        case "ease":
            return tuned(EASE.grid(train, size), dataset, exclude_seen=exclude_seen)
        case _:
            assert_never(name)


def tuned(candidates: Iterable[B], dataset: SequenceDataset, *, exclude_seen: bool) -> B:
    """The candidate with the best NDCG@10 on validation cases; of equal ones the first.

    Args:
        candidates: At least one; each is judged before the next is asked for.
        dataset: The data that they were fitted on.
        exclude_seen: Hide the items of the history.
    """
    return max(
        candidates, key=partial(validation_score, dataset=dataset, exclude_seen=exclude_seen)
    )


def validation_score(scorer: Scorer, dataset: SequenceDataset, *, exclude_seen: bool) -> float:
    """NDCG@10 on at most `TUNING_CASES` validation cases: by what constants are chosen."""
    ranks = rank_cases(scorer, dataset, _some(dataset.valid), exclude_seen=exclude_seen)
    return float(ndcg(ranks, TUNING_K).mean())


def too_large_for(name: BaselineName, dataset: SequenceDataset, knobs: EvaluateConfig) -> str:
    """Why the catalogue is too large for a baseline, or nothing."""
    return too_large(dataset.index.size, knobs.ease_items) if name == "ease" else ""


def _some(cases: Cases) -> Cases:
    """At most `TUNING_CASES` of the cases, always the same ones."""
    if len(cases) <= TUNING_CASES:
        return cases
    rows = np.sort(np.random.default_rng(0).permutation(len(cases))[:TUNING_CASES])
    return Cases(cases.users[rows], cases.ends[rows], cases.targets[rows], cases.timestamps[rows])
