"""Popularity must be the training counts, whatever the history: it is the floor of every table."""

from latentrec.baselines.popularity import Popularity
from latentrec.data.dataset import Histories


def test_scores_are_training_counts_for_every_history() -> None:
    train = Histories.from_lists([[2, 3, 3], [3, 4], []])
    scorer = Popularity.fit(train, size=6)
    scores = scorer.scores(Histories.from_lists([[2], [4, 4], []]))
    assert scores.shape == (3, scorer.size)
    assert all(row[2:] == [1.0, 3.0, 1.0, 0.0] for row in scores.tolist())
