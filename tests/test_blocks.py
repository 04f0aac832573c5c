"""Blocks keep memory bounded and keep scores that are not numbers out of every result."""

import pytest
import torch
from torch import Tensor

from latentrec.blocks import SCORES_BYTES, finite_scores, rows_per_block
from latentrec.data.dataset import Histories
from latentrec.errors import TrainingError

TWO = Histories.from_lists([[2], [3]])


class Fixed:
    """A scorer whose scores are given."""

    name = "fixed"

    def __init__(self, scores: Tensor) -> None:
        self.given, self.size = scores, scores.shape[1]

    def scores(self, histories: Histories) -> Tensor:
        return self.given


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
def test_a_score_that_is_not_finite_is_refused(bad: float) -> None:
    """With comparisons alone, a model of NaN reaches recall@10 = 1."""
    scores = torch.zeros(2, 6)
    scores[1, 4] = bad
    with pytest.raises(TrainingError, match="scorer 'fixed': the scores after 1 of 2 histories"):
        finite_scores(Fixed(scores), TWO)


def test_reserved_columns_may_hold_anything() -> None:
    scores = torch.zeros(2, 6)
    scores[:, :2] = float("nan")
    assert finite_scores(Fixed(scores), TWO) is scores


@pytest.mark.parametrize("size", [3, 1000, 10**6, 10**9])
def test_a_block_stays_under_its_bound(size: int) -> None:
    rows = rows_per_block(size)
    assert rows >= 1
    assert rows == 1 or rows * size * 4 <= SCORES_BYTES
