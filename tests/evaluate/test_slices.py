"""Slices by hand: which case belongs where, and that a slice's metric is that of its cases."""

from collections.abc import Callable

import numpy as np
import pytest

from latentrec.data.dataset import SequenceDataset
from latentrec.evaluate.evaluate import Evaluation
from latentrec.evaluate.slices import repeats, sliced, slices_of

Build = Callable[..., SequenceDataset]


@pytest.fixture
def dataset(by_hand: Build) -> SequenceDataset:
    """Training counts: item 2 six, 3 four, 4 two; user 3 has no training part."""
    rows = [[2, 2, 2, 2, 2, 2, 3], [3, 3, 2], [3, 4, 3], [4, 4], [4, 3, 9]]
    return by_hand(rows, items=8, unknown=(4,), cold=(3,))


def test_cases_are_where_they_belong(dataset: SequenceDataset) -> None:
    slices = slices_of(dataset, dataset.test)
    found = {name: np.flatnonzero(rows).tolist() for name, rows in slices.items()}
    assert found == {
        "history 1-4": [1, 2, 3, 4],
        "history 5-9": [0],
        "target head": [1],
        "target middle": [0, 2],
        "target tail": [3],
        "target unknown": [4],
        "target repeated": [2, 3],
        "target novel": [0, 1, 4],
        "user in training": [0, 1, 2, 4],
        "user new": [3],
    }
    assert repeats(dataset, dataset.test).tolist() == [False, False, True, True, False]


def test_values_are_those_of_the_cases(dataset: SequenceDataset) -> None:
    evaluation = Evaluation(
        scorer="x",
        metrics={},
        ranks=np.array([1, 3, 1, 50, 2**40]),
        users=dataset.test.users,
        lists=np.empty((5, 0), np.int32),
        unknown_targets=1,
        candidates=8,
        protocol="by hand",
    )
    knobs = {"metric": "ndcg@10", "resamples": 5000, "confidence": 0.95}
    found = {s.name: s for s in sliced([evaluation], dataset, dataset.test, **knobs)}
    assert found["target repeated"].cases == 2
    assert found["target repeated"].values["x"].value == 0.5
    assert found["target head"].values["x"].value == pytest.approx(0.5)
    novel = found["target novel"].values["x"]
    assert (novel.low, novel.value, novel.high) == (0.0, pytest.approx(0.5), 1.0)
