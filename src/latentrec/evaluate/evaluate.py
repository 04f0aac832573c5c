"""Evaluate: a scorer and cases in, ranks and metrics with intervals out."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from latentrec.blocks import finite_scores, rows_per_block
from latentrec.config import EvaluateConfig
from latentrec.data.dataset import Cases, Histories, Int32s, Int64s, SequenceDataset
from latentrec.errors import DataError
from latentrec.evaluate.bootstrap import bootstrap
from latentrec.evaluate.lists import best_items
from latentrec.evaluate.metrics import USUAL, Ranks, per_case
from latentrec.evaluate.ranks import ranks
from latentrec.index import FIRST_ITEM, UNKNOWN
from latentrec.scorer import Scorer


@final
@dataclass(frozen=True)
class Metric:
    """A mean over cases with its bootstrap interval.

    Attributes:
        value: Mean over the cases.
        low: Lower end of the interval.
        high: Upper end of the interval.
    """

    value: float
    low: float
    high: float


@final
@dataclass(frozen=True)
class Evaluation:
    """How one scorer did on one set of cases.

    Attributes:
        scorer: Name of the scorer.
        metrics: Metric by name: `recall@10` (with one target also the hit rate), `ndcg@10`, ..
        ranks: Rank of the target of each case, in the order of the cases, shape (C,).
        users: Row of the user of each case, shape (C,).
        lists: First items of each case, best first, PAD where they ran out, shape (C, K).
        unknown_targets: Cases whose target training never saw; they count as misses.
        candidates: Items ranked in each case, before hiding any.
        protocol: Split, ranking, ties, hidden items and intervals in words.
        notes: What else must be known to read the figures, such as the tuned constants.
    """

    scorer: str
    metrics: dict[str, Metric]
    ranks: Ranks
    users: npt.NDArray[np.int64]
    lists: Int32s
    unknown_targets: int
    candidates: int
    protocol: str
    notes: tuple[str, ...] = ()

    @property
    def cases(self) -> int:
        """Number of cases C."""
        return len(self.ranks)


def evaluate(
    scorer: Scorer,
    dataset: SequenceDataset,
    cases: Cases,
    *,
    top_k: Sequence[int],
    exclude_seen: bool,
    resamples: int,
    confidence: float,
    metrics: Sequence[str] = USUAL,
    seed: int = 0,
    list_k: int = 0,
    notes: tuple[str, ...] = (),
) -> Evaluation:
    """Rank every target against the whole catalogue and summarise the ranks.

    Args:
        scorer: What gives the scores.
        dataset: Where the histories come from.
        cases: What to predict, usually `dataset.test`; at least one.
        top_k: List lengths K of the metrics.
        exclude_seen: Hide the items of the history; the target itself is never hidden.
        resamples: Bootstrap resamples of users behind each interval.
        confidence: Coverage of the intervals.
        metrics: Which metrics, see `latentrec.evaluate.metrics.METRICS`.
        seed: Seed of the resamples.
        list_k: Length of the lists that are kept for `latentrec.evaluate.beyond`; 0 for none.
        notes: What stands below the table about this scorer.

    Raises:
        DataError: If there is no case, a case has no history, or the scorer has another number of
            items than the data.
        TrainingError: If the scorer gives an item a score that is not finite.
    """
    found = np.empty(len(cases), dtype=np.int64)
    lists = np.empty((len(cases), list_k), dtype=np.int32)
    for rows, histories, scores, targets in _scored(scorer, dataset, cases):
        hidden = histories if exclude_seen else None
        found[rows] = ranks(scores, targets, hidden).cpu().numpy()
        if list_k:
            lists[rows] = best_items(scores, list_k, targets, hidden)
    values = per_case(found, top_k, metrics)
    matrix = np.stack(list(values.values()), axis=1)
    low, high = bootstrap(
        matrix, cases.users, resamples=resamples, confidence=confidence, seed=seed
    )
    rows = zip(values, matrix.mean(0).tolist(), low.tolist(), high.tolist(), strict=True)
    return Evaluation(
        scorer=scorer.name,
        metrics={name: Metric(value, lower, upper) for name, value, lower, upper in rows},
        ranks=found,
        users=cases.users,
        lists=lists,
        unknown_targets=int((cases.targets == UNKNOWN).sum()),
        candidates=len(dataset.index),
        protocol=f"{ranking(dataset, exclude_seen)}; {intervals(resamples, confidence)}",
        notes=notes,
    )


def evaluate_test(
    scorer: Scorer,
    dataset: SequenceDataset,
    knobs: EvaluateConfig,
    *,
    list_k: int = 0,
    notes: tuple[str, ...] = (),
) -> Evaluation:
    """`evaluate` on the test cases, as a configuration says."""
    return evaluate(
        scorer,
        dataset,
        dataset.test,
        top_k=knobs.top_k,
        metrics=knobs.metrics,
        exclude_seen=knobs.exclude_seen,
        resamples=knobs.resamples,
        confidence=knobs.confidence,
        list_k=list_k,
        notes=notes,
    )


def rank_cases(
    scorer: Scorer, dataset: SequenceDataset, cases: Cases, *, exclude_seen: bool
) -> Ranks:
    """The rank of every case's target, in the order of the cases, shape (C,).

    Cases are scored in blocks of similar history length, so that little of a block is padding;
    the scores of all cases never exist at once. With `metrics.metrics_of` this is the evaluation
    without intervals that training uses for validation.

    Raises:
        DataError: If there is no case, a case has no history, or the scorer has another number of
            items than the data.
        TrainingError: If the scorer gives an item a score that is not finite.
    """
    found = np.empty(len(cases), dtype=np.int64)
    for rows, histories, scores, targets in _scored(scorer, dataset, cases):
        found[rows] = ranks(scores, targets, histories if exclude_seen else None).cpu().numpy()
    return found


def _scored(
    scorer: Scorer, dataset: SequenceDataset, cases: Cases
) -> Iterator[tuple[Int64s, Histories, Tensor, Tensor]]:
    """Block after block: which cases, their histories, scores and targets."""
    _check(scorer, dataset, cases)
    order = np.argsort(_history_lengths(dataset, cases), kind="stable")
    step = rows_per_block(scorer.size)
    for start in range(0, len(order), step):
        rows = order[start : start + step]
        histories = dataset.histories(_take(cases, rows))
        yield (
            rows,
            histories,
            finite_scores(scorer, histories),
            torch.from_numpy(cases.targets[rows]),
        )


def _history_lengths(dataset: SequenceDataset, cases: Cases) -> npt.NDArray[np.int64]:
    return cases.ends - dataset.offsets[cases.users]


def _take(cases: Cases, rows: npt.NDArray[np.int64]) -> Cases:
    return Cases(cases.users[rows], cases.ends[rows], cases.targets[rows], cases.timestamps[rows])


def _check(scorer: Scorer, dataset: SequenceDataset, cases: Cases) -> None:
    if len(cases) == 0:
        raise DataError("evaluation: there is no case; check the split (or the time boundaries)")
    if scorer.size != dataset.index.size:
        raise DataError(
            f"scorer '{scorer.name}' knows {scorer.size - FIRST_ITEM} items and the data have "
            f"{len(dataset.index)}: evaluate a scorer on the data that it was fitted on"
        )
    empty = np.flatnonzero(_history_lengths(dataset, cases) < 1)
    if len(empty):
        raise DataError(
            f"evaluation: case {empty[0]} (user '{dataset.user_ids[cases.users[empty[0]]]}') has "
            "no history; leave such cases out, as the splits do"
        )


def ranking(dataset: SequenceDataset, exclude_seen: bool) -> str:
    """Split, ranking, ties and hidden items in words: what the ranks depend on."""
    hidden = "items of the history hidden, never the target" if exclude_seen else "no item hidden"
    return (
        f"{dataset.protocol}; full ranking of {len(dataset.index)} items, ties count against the "
        f"target; {hidden}"
    )


def intervals(resamples: int, confidence: float) -> str:
    """The intervals in words."""
    return f"intervals: {100 * confidence:g}% bootstrap over users, {resamples} resamples"
