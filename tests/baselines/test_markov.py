"""Markov against its formula written as loops, and its tie-break, which decides most lists."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from latentrec.baselines.item_to_item import TIE_WEIGHT
from latentrec.baselines.markov import DECAY, SPREAD, WINDOW, Markov
from latentrec.config import FilesConfig, LeaveOneOutConfig
from latentrec.data.dataset import Histories
from latentrec.data.prepare import prepare
from latentrec.evaluate.evaluate import rank_cases
from latentrec.evaluate.metrics import metrics_of

SIZE = 8
ROWS = st.lists(st.lists(st.integers(2, SIZE - 1), max_size=9), min_size=1, max_size=6)


def loops(train: list[list[int]], history: list[int]) -> np.ndarray:
    """Scores without the tie-break, straight from the docstring."""
    transitions = np.zeros((SIZE, SIZE))
    for row in train:
        for place, item in enumerate(row):
            for distance in range(1, WINDOW + 1):
                if place + distance < len(row):
                    transitions[item, row[place + distance]] += DECAY ** (distance - 1)
    scores = np.zeros(SIZE)
    for back, item in enumerate(reversed(history[-WINDOW:])):
        scores += DECAY**back * transitions[item] / max(transitions[item].sum(), 1e-9) ** SPREAD
    return scores


@settings(max_examples=60, deadline=None)
@given(ROWS, ROWS)
def test_scores_match_the_formula(train: list[list[int]], histories: list[list[int]]) -> None:
    scorer = Markov.fit(Histories.from_lists(train), SIZE)
    scores = scorer.scores(Histories.from_lists(histories))
    assert scores.dtype == torch.float32
    assert scores.shape == (len(histories), scorer.size)
    for row, history in zip(scores.numpy(), histories, strict=True):
        np.testing.assert_allclose(row, loops(train, history), atol=2 * TIE_WEIGHT)


@settings(max_examples=60, deadline=None)
@given(ROWS, ROWS)
def test_popularity_decides_ties_and_only_ties(
    train: list[list[int]], histories: list[list[int]]
) -> None:
    counts = Counter(item for row in train for item in row)
    scores = Markov.fit(Histories.from_lists(train), SIZE).scores(Histories.from_lists(histories))
    for row, history in zip(scores.numpy(), histories, strict=True):
        plain = loops(train, history)
        for a in range(2, SIZE):
            for b in range(2, SIZE):
                if plain[a] > plain[b] + 2 * TIE_WEIGHT:
                    assert row[a] > row[b]
                if plain[a] == plain[b] == 0 and counts[a] > counts[b]:
                    assert row[a] > row[b]


def test_transitions_do_not_cross_from_one_user_to_the_next() -> None:
    scorer = Markov.fit(Histories.from_lists([[2, 3], [4, 5]]), SIZE)
    scores = scorer.scores(Histories.from_lists([[3]]))[0]
    assert float(scores[2:].max()) == pytest.approx(TIE_WEIGHT)


def test_empty_history_and_empty_training_give_popularity_and_zeros() -> None:
    train = Histories.from_lists([[2, 3, 3]])
    scores = Markov.fit(train, SIZE).scores(Histories.from_lists([[]]))[0]
    assert int(scores.argmax()) == 3
    nothing = Markov.fit(Histories.from_lists([[]]), SIZE).scores(Histories.from_lists([[2]]))
    assert not nothing.any()


def test_recent_items_weigh_more() -> None:
    scorer = Markov.fit(Histories.from_lists([[2, 4], [3, 5]]), SIZE)
    scores = scorer.scores(Histories.from_lists([[2, 3], [3, 2]]))
    assert scores[0, 5] > scores[0, 4]
    assert scores[1, 4] > scores[1, 5]


@pytest.mark.parametrize(
    ("folder", "recall", "ndcg"), [("ml-100k", 0.196, 0.108), ("amazon-2014-beauty", 0.081, 0.050)]
)
def test_real_data_reach_the_known_level(
    real_data: Path, folder: str, recall: float, ndcg: float
) -> None:
    """A weak baseline would flatter every model printed beside it."""
    dataset = prepare(FilesConfig(path=str(real_data / folder)), LeaveOneOutConfig()).dataset
    scorer = Markov.fit(dataset.train(), dataset.index.size)
    found = metrics_of(rank_cases(scorer, dataset, dataset.test, exclude_seen=True), [10])
    assert found["recall@10"] >= recall
    assert found["ndcg@10"] >= ndcg
