"""The embedded default must teach something, and its control with no plan must teach nothing."""

import itertools

import numpy as np
import pytest
from scipy import stats

from latentrec.config import LeaveOneOutConfig, SyntheticConfig
from latentrec.data.prepare import prepare
from latentrec.data.synthetic import synthetic
from latentrec.errors import ConfigError

SMALL = {"users": 400, "items": 60, "interests": 6, "interests_per_user": 4, "mean_length": 30}


def test_the_same_seed_gives_the_same_bits_and_another_seed_others() -> None:
    first, second, third = (synthetic(SyntheticConfig(users=50, seed=seed)) for seed in (7, 7, 8))
    assert first.frame.equals(second.frame)
    assert not first.frame.equals(third.frame)
    assert first.items is not None
    assert first.items.frame["title"][0] == "Jazz 001"


def test_times_rise_and_users_are_sorted() -> None:
    log = synthetic(SyntheticConfig(**SMALL))
    assert log.frame.equals(log.frame.sort("user_id", "timestamp", maintain_order=True))
    assert log.frame.select("user_id", "timestamp").is_unique().all()


def successors(predictability: float) -> np.ndarray:
    """How often each item follows each other one, shape (items, items)."""
    config = SyntheticConfig(**SMALL, predictability=predictability)
    sequences = prepare(config, LeaveOneOutConfig()).dataset.train()
    counts = np.zeros((60, 60))
    for row in sequences:
        np.add.at(counts, (row[:-1] - 2, row[1:] - 2), 1)
    return counts


def test_without_predictability_every_step_is_a_uniform_draw() -> None:
    counts = successors(0.0)
    assert stats.chisquare(counts.sum(axis=0)).pvalue > 1e-3
    assert stats.chisquare(counts.ravel()).pvalue > 1e-3


def test_the_item_before_says_little_about_the_next() -> None:
    counts = successors(1.0)
    assert stats.chisquare(counts.ravel()).pvalue < 1e-6
    assert counts.max(axis=1).sum() / counts.sum() < 0.3


def test_the_item_before_in_the_same_interest_fixes_the_next() -> None:
    config = SyntheticConfig(**SMALL, predictability=1.0)
    follows: dict[int, set[int]] = {}
    for row in prepare(config, LeaveOneOutConfig()).dataset.train():
        for interest in range(6):
            own = [int(item) for item in row if (item - 2) % 6 == interest]
            for before, after in itertools.pairwise(own):
                follows.setdefault(before, set()).add(after)
    assert {len(after) for after in follows.values()} == {1}


def test_items_need_not_divide_by_interests() -> None:
    log = synthetic(SyntheticConfig(users=30, items=23, interests=5, interests_per_user=2))
    assert log.frame["item_id"].n_unique() <= 23
    assert log.items is not None
    assert len(log.items.frame) == 23


def test_more_interests_than_names_still_have_distinct_ones() -> None:
    log = synthetic(SyntheticConfig(users=3, items=60, interests=30, interests_per_user=2))
    assert log.items is not None
    assert log.items.frame["title"].n_unique() == 60


@pytest.mark.parametrize("sizes", [{"interests": 2, "interests_per_user": 3}, {"items": 15}])
def test_sizes_that_do_not_fit_are_refused(sizes: dict[str, int]) -> None:
    with pytest.raises(ConfigError, match="must be at"):
        synthetic(SyntheticConfig(**sizes))
