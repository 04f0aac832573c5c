"""EASE against the minimum it claims to be, item by item in float64, and its limit."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from latentrec.baselines import ease
from latentrec.baselines.ease import EASE
from latentrec.baselines.item_to_item import TIE_WEIGHT
from latentrec.data.dataset import Histories
from latentrec.errors import DataError

SIZE = 8
ROWS = st.lists(st.lists(st.integers(2, SIZE - 1), max_size=7), min_size=1, max_size=6)


def regressions(train: list[list[int]], ridge: float) -> np.ndarray:
    """Each column by its own ridge regression on all other items: no inverse of the whole."""
    held = np.array([[float(i in row) for i in range(SIZE)] for row in train])
    weights = np.zeros((SIZE, SIZE))
    for j in range(SIZE):
        others = [i for i in range(SIZE) if i != j]
        left = held[:, others]
        gram = left.T @ left + ridge * np.eye(SIZE - 1)
        weights[others, j] = np.linalg.solve(gram, left.T @ held[:, j])
    return weights


@settings(max_examples=60)
@given(ROWS, ROWS, st.sampled_from([0.5, 20.0]), st.sampled_from([1.0, 0.6]))
def test_scores_are_those_of_ridge_regressions(
    train: list[list[int]], histories: list[list[int]], ridge: float, decay: float
) -> None:
    scorer = EASE.fit(Histories.from_lists(train), SIZE, ridge=ridge, decay=decay)
    scores = scorer.scores(Histories.from_lists(histories))
    assert (scores.dtype, scores.shape) == (torch.float32, (len(histories), scorer.size))
    weights = regressions(train, ridge)
    for row, history in zip(scores.numpy(), histories, strict=True):
        place = {item: decay ** history[::-1].index(item) for item in set(history)}
        expected = sum((w * weights[i] for i, w in place.items()), np.zeros(SIZE))
        np.testing.assert_allclose(row, expected, atol=2 * TIE_WEIGHT)


def test_by_hand() -> None:
    # Items 2 and 3 always together, twice: gram of the pair [[2, 2], [2, 2]], ridge 2:
    # regressing one on the other gives 2 / (2 + 2).
    scorer = EASE.fit(Histories.from_lists([[2, 3], [3, 2]]), 4, ridge=2.0)
    scores = scorer.scores(Histories.from_lists([[2]]))[0]
    assert scores[2:].tolist() == pytest.approx([TIE_WEIGHT, 0.5 + TIE_WEIGHT])


def test_float32_is_close_to_float64(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    train = Histories.from_lists([rng.zipf(1.5, 30).clip(1, 300) + 1 for _ in range(400)])
    histories = Histories.from_lists([[2, 40], [7]])
    exact = EASE.fit(train, 302, ridge=50.0).scores(histories)
    monkeypatch.setattr(ease, "EXACT_SIZE", 0)
    single = EASE.fit(train, 302, ridge=50.0).scores(histories)
    torch.testing.assert_close(single, exact, atol=1e-5, rtol=0)


def test_a_huge_catalogue_is_refused_with_its_cost() -> None:
    train = Histories.from_lists([[2, 3]])
    with pytest.raises(DataError) as caught:
        EASE.fit(train, 100_002)
    assert "100,000 items need 111.8 GiB" in str(caught.value)
    assert "at most 20,000" in str(caught.value)
    assert "raise evaluate.ease_items" in str(caught.value)
