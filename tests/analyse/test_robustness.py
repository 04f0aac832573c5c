"""Damage does what its name says, to everyone alike, and no damage changes nothing."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from latentrec.analyse.robustness import DamagedScorer, missing, robustness, shuffled, truncated
from latentrec.analyse.subject import Subject, take
from latentrec.data.cloze import masked_ends
from latentrec.data.dataset import Histories
from latentrec.errors import ConfigError
from latentrec.evaluate.evaluate import evaluate
from latentrec.model.reasoner.contract import Reasoner
from latentrec.model.reasoner.none import NoReasoner
from latentrec.scorer import ModelScorer

MakeSubject = Callable[[Callable[[int], Reasoner]], Subject]
histories = st.lists(st.integers(2, 9), min_size=1, max_size=12).map(
    lambda items: np.array(items, dtype=np.int32)
)
rates = st.floats(0, 1)


@given(history=histories, rate=rates, seed=st.integers(0, 5))
def test_damages_keep_their_promise(history: np.ndarray, rate: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    left = max(1, len(history) - round(rate * len(history)))
    rest = iter(history.tolist())
    thinned = missing(history, rate, rng).tolist()
    assert len(thinned) == left
    assert all(item in rest for item in thinned)  # a subsequence: the order stays
    assert truncated(history, rate, rng).tolist() == history[-left:].tolist()
    mixed = shuffled(history, rate, rng)
    assert sorted(mixed) == sorted(history)
    assert (mixed != history).sum() <= round(rate * len(history))


def test_a_history_is_damaged_alike_in_any_company(subject_with: MakeSubject) -> None:
    scorer = subject_with(lambda dim: NoReasoner()).scorer
    damaged = DamagedScorer(scorer, missing, 0.5)
    rows = [[2, 3, 4, 5], [6, 7, 8, 9, 10]]
    together = damaged.scores(Histories.from_lists(rows))
    alone = damaged.scores(Histories.from_lists(rows[1:]))
    torch.testing.assert_close(together[1:], alone)


def test_undamaged_is_the_evaluation(subject_with: MakeSubject) -> None:
    subject = subject_with(lambda dim: NoReasoner())
    found = robustness([subject, replace(subject, name="again")], "recall@5", ["missing"])
    want = evaluate(
        subject.scorer, subject.dataset, subject.cases,
        top_k=(5,), exclude_seen=True, resamples=20, confidence=0.9,
    ).metrics["recall@5"]  # fmt: skip
    first, again = found.levels[:5], found.levels[5:]
    assert (first[0].rate, first[0].metric.value, first[0].kept) == (0.0, want.value, 1.0)
    assert [level.metric for level in again] == [level.metric for level in first]
    assert found.protocol == subject.task  # of all models: it names none of them


def test_other_cases_are_refused(subject_with: MakeSubject) -> None:
    subject = subject_with(lambda dim: NoReasoner())
    fewer = replace(subject, name="fewer", cases=take(subject.cases, np.arange(5)))
    with pytest.raises(ConfigError, match="have other test cases"):
        robustness([subject, fewer])


def test_it_is_said_where_rates_are_of_more_than_is_read(subject_with: MakeSubject) -> None:
    """The model reads the last 6 interactions, one less where a mask asks."""
    subject = subject_with(lambda dim: NoReasoner())
    short = replace(subject, cases=take(subject.cases, np.flatnonzero(subject.lengths <= 6)))
    found, fits = (robustness([each], damages=["truncated"]) for each in (subject, short))
    assert (found.cut, fits.cut) == ((subject.lengths > 6).sum(), 0)
    assert f"of {found.cut} histories only the last interactions are read" in found.to_markdown()
    assert "are read" not in fits.to_markdown()
    scorer = subject.scorer
    asked = ModelScorer(scorer.model, "tiny", scorer.max_length, scorer.device, masked_ends)
    assert replace(subject, scorer=asked).longest == 5
