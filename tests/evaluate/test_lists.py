"""Lists agree with the ranks, hide what is hidden, and are the same where scores tie."""

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from latentrec.data.dataset import Histories
from latentrec.evaluate.lists import best_items
from latentrec.evaluate.ranks import ranks

SIZE = 9


@given(
    st.lists(st.lists(st.integers(0, 3), min_size=SIZE, max_size=SIZE), min_size=1, max_size=4),
    st.integers(1, 9),
    st.booleans(),
    st.randoms(use_true_random=False),
)
def test_lists_are_a_stable_sort_of_the_candidates(rows, top_k, hide, random) -> None:
    scores = torch.tensor(rows, dtype=torch.float32)
    targets = torch.tensor([random.randrange(2, SIZE) for _ in rows])
    seen = [[random.randrange(2, SIZE) for _ in range(4)] for _ in rows]
    hidden = Histories.from_lists(seen) if hide else None
    found = best_items(scores, top_k, targets, hidden)
    places = ranks(scores, targets, hidden).tolist()
    for row, target, history, place, items in zip(
        rows, targets.tolist(), seen, places, found.tolist(), strict=True
    ):
        out = set(history) - {target} if hide else set()
        candidates = [i for i in range(2, SIZE) if i not in out]
        expected = sorted(candidates, key=lambda i: (-row[i], i))[:top_k]
        assert items == expected + [0] * (top_k - len(expected))
        if place <= top_k:  # ranks are pessimistic: a hit by rank is always listed
            assert target in items


def test_scores_are_not_written_into() -> None:
    scores = torch.arange(5.0).expand(2, -1)
    best_items(scores, 2, torch.tensor([2, 3]), Histories.from_lists([[4], [4]]))
    assert scores.tolist() == [[0, 1, 2, 3, 4]] * 2
    assert np.array_equal(best_items(scores, 1, torch.tensor([2, 3])), [[4], [4]])
