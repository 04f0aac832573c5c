"""Bags: a repeat counts once, at its last place; all three bag baselines rest on this."""

import numpy as np
import pytest

from latentrec.baselines.bags import bags, co_occurrence, popularity_level
from latentrec.data.dataset import Histories


def test_a_repeat_counts_once_and_at_its_last_place() -> None:
    histories = Histories.from_lists([[2, 3, 2, 4], [], [3]])
    assert bags(histories, 6).toarray()[:, 2:].tolist() == [[1, 1, 1, 0], [0] * 4, [0, 1, 0, 0]]
    decayed = bags(histories, 6, decay=0.5).toarray()[:, 2:]
    np.testing.assert_allclose(decayed, [[0.5, 0.25, 1, 0], [0] * 4, [0, 1, 0, 0]])


def test_items_meet_in_sequences_not_in_interactions() -> None:
    found = co_occurrence(Histories.from_lists([[2, 3, 3], [3, 2], [4]]), 5).toarray()
    assert found[2:, 2:].tolist() == [[2, 2, 0], [2, 2, 0], [0, 0, 1]]


def test_levels_run_from_the_rarest_to_the_most_popular() -> None:
    level = popularity_level(Histories.from_lists([[2, 2, 3, 4]]), 5)
    assert level.tolist() == pytest.approx([0, 0, 1, 0.5, 0.5])
