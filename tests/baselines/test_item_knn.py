"""ItemKNN against its formula as float64 loops over sets of users, and by hand."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from latentrec.baselines import item_knn
from latentrec.baselines.item_knn import ItemKNN
from latentrec.baselines.item_to_item import TIE_WEIGHT
from latentrec.data.dataset import Histories

SIZE = 8
ROWS = st.lists(st.lists(st.integers(2, SIZE - 1), max_size=7), min_size=1, max_size=6)


def loops(
    train: list[list[int]], history: list[int], neighbours: int, shrink: float, decay: float
) -> np.ndarray:
    """Scores without the tie-break, straight from the docstring."""
    users = [{u for u, row in enumerate(train) if i in row} for i in range(SIZE)]

    def similarity(i: int, j: int) -> float:
        both = len(users[i] & users[j])
        return both / (math.sqrt(len(users[i]) * len(users[j])) + shrink) if both else 0.0

    scores = np.zeros(SIZE)
    for j in range(2, SIZE):
        near = sorted((i for i in range(SIZE) if i != j), key=lambda i: (-similarity(i, j), i))
        for i in set(history) & set(near[:neighbours]):
            place = history[::-1].index(i)
            scores[j] += decay**place * similarity(i, j)
    return scores


@settings(max_examples=60)
@given(
    ROWS, ROWS, st.integers(1, 9), st.sampled_from([0.0, 1.0, 10.0]), st.sampled_from([1.0, 0.6])
)
def test_scores_match_the_formula(
    train: list[list[int]],
    histories: list[list[int]],
    neighbours: int,
    shrink: float,
    decay: float,
) -> None:
    knobs = {"neighbours": neighbours, "shrink": shrink, "decay": decay}
    # Similarities in float32 may tie where those in float64 differ in the last bit.
    scorer = ItemKNN.fit(Histories.from_lists(train), SIZE, **knobs)
    scores = scorer.scores(Histories.from_lists(histories))
    assert (scores.dtype, scores.shape) == (torch.float32, (len(histories), scorer.size))
    for row, history in zip(scores.numpy(), histories, strict=True):
        np.testing.assert_allclose(row, loops(train, history, **knobs), atol=2 * TIE_WEIGHT)


def test_the_order_of_a_history_matters_only_with_decay() -> None:
    train = Histories.from_lists([[2, 4], [2, 4], [3, 5]])
    both = Histories.from_lists([[2, 3], [3, 2]])
    plain = ItemKNN.fit(train, SIZE).scores(both)
    assert torch.equal(plain[0], plain[1])
    decayed = ItemKNN.fit(train, SIZE, shrink=0.0, decay=0.5).scores(both)
    assert decayed[0, 5] > decayed[0, 4]
    assert decayed[1, 4] > decayed[1, 5]


def test_popularity_settles_ties() -> None:
    train = Histories.from_lists([[2], [3], [3]])
    scores = ItemKNN.fit(train, SIZE).scores(Histories.from_lists([[2]]))[0]
    assert scores[3] > scores[2] > scores[4]
    assert float(scores.max()) == pytest.approx(TIE_WEIGHT)


def test_a_full_matrix_scores_like_a_sparse_one(monkeypatch: pytest.MonkeyPatch) -> None:
    train = Histories.from_lists([[2, 3, 4], [3, 4, 5]])
    histories = Histories.from_lists([[2, 5], [4]])
    found = []
    for share in (0.0, 2.0):
        monkeypatch.setattr(item_knn, "DENSE", share)
        found.append(ItemKNN.fit(train, SIZE).scores(histories))
    torch.testing.assert_close(*found)


def test_the_grid_holds_what_fit_gives() -> None:
    train, history = Histories.from_lists([[2, 3, 4], [3, 4, 5]]), Histories.from_lists([[2, 5]])
    grid = list(ItemKNN.grid(train, SIZE))
    assert len({scorer.settings for scorer in grid}) == len(grid) == 16
    last = ItemKNN.fit(train, SIZE, neighbours=300, shrink=20.0, decay=0.4)
    assert last.settings == grid[-1].settings
    assert torch.equal(last.scores(history), grid[-1].scores(history))
