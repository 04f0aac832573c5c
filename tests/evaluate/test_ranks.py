"""Ranks against a brute-force oracle: ties, hidden items and unknown targets decide results."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from latentrec.data.dataset import Histories
from latentrec.errors import DataError
from latentrec.evaluate.ranks import MISS, ranks
from latentrec.index import FIRST_ITEM, UNKNOWN


def oracle(scores: list[float], target: int, excluded: list[int] | None) -> int:
    hidden = set(excluded or []) - {target}
    candidates = [i for i in range(FIRST_ITEM, len(scores)) if i not in hidden]
    if target == UNKNOWN:
        return MISS
    return 1 + sum(1 for i in candidates if i != target and scores[i] >= scores[target])


@st.composite
def blocks(draw: st.DrawFn) -> tuple[list[list[float]], list[int], list[list[int]]]:
    size, rows = draw(st.integers(3, 9)), draw(st.integers(1, 4))
    item = st.integers(FIRST_ITEM, size - 1)
    score = st.sampled_from([-1.0, 0.0, 0.5, 0.5, 2.0])  # few values: many ties
    scores = [draw(st.lists(score, min_size=size, max_size=size)) for _ in range(rows)]
    targets = [draw(item | st.just(UNKNOWN)) for _ in range(rows)]
    return scores, targets, [draw(st.lists(item, max_size=6)) for _ in range(rows)]


@settings(max_examples=300, deadline=None)
@given(blocks(), st.booleans())
def test_ranks_match_the_oracle(
    block: tuple[list[list[float]], list[int], list[list[int]]], exclude: bool
) -> None:
    scores, targets, histories = block
    excluded = Histories.from_lists(histories) if exclude else None
    found = ranks(torch.tensor(scores), torch.tensor(targets), excluded)
    rows = zip(scores, targets, histories, strict=True)
    assert found.dtype == torch.int64
    assert found.tolist() == [oracle(s, t, h if exclude else None) for s, t, h in rows]


def test_one_score_for_all_gives_the_last_place() -> None:
    """A constant scorer reaches recall@10 = 1 when ties count for the target."""
    assert ranks(torch.zeros(1, 102), torch.tensor([50])).tolist() == [100]


def test_reserved_columns_are_no_candidates() -> None:
    scores = torch.tensor([[float("nan"), float("inf"), 1.0, 0.0]])
    assert ranks(scores, torch.tensor([2])).tolist() == [1]


def test_target_in_the_history_is_never_hidden() -> None:
    scores = torch.tensor([[0.0, 0.0, 1.0, 2.0, 3.0]])
    assert ranks(scores, torch.tensor([3]), Histories.from_lists([[3, 4, 4]])).tolist() == [1]


@pytest.mark.parametrize("target", [0, 1, 5, -2])
def test_target_outside_the_catalogue_is_refused(target: int) -> None:
    with pytest.raises(DataError, match=rf"target item index {target}: must be 2\.\.4"):
        ranks(torch.zeros(1, 5), torch.tensor([target]))
