"""Intervals: they must cover the truth, repeat under a seed and respect that users come whole."""

import numpy as np
import pytest

from latentrec.evaluate import bootstrap as module
from latentrec.evaluate.bootstrap import bootstrap

OPTIONS = {"resamples": 2000, "confidence": 0.95, "seed": 3}


def width(values: np.ndarray, users: np.ndarray) -> float:
    low, high = bootstrap(values, users, **OPTIONS)
    return float(high[0] - low[0])


def test_width_matches_the_normal_interval_of_a_share() -> None:
    values = np.repeat([0.0, 1.0], [1600, 400])[:, None]
    low, high = bootstrap(values, np.arange(2000), **OPTIONS)
    half = 1.96 * (0.2 * 0.8 / 2000) ** 0.5
    assert low[0] == pytest.approx(0.2 - half, abs=0.002)
    assert high[0] == pytest.approx(0.2 + half, abs=0.002)


def test_intervals_cover_the_true_mean_about_as_often_as_promised() -> None:
    rng = np.random.default_rng(0)
    covered = 0
    for seed in range(200):
        values = (rng.random((300, 1)) < 0.3).astype(float)
        low, high = bootstrap(values, np.arange(300), resamples=300, confidence=0.9, seed=seed)
        covered += bool(low[0] <= 0.3 <= high[0])
    assert 0.83 * 200 <= covered <= 0.97 * 200


def test_equal_seeds_give_equal_intervals_and_others_do_not() -> None:
    values = np.random.default_rng(1).random((50, 2))
    users = np.arange(50)
    first, again = (bootstrap(values, users, **OPTIONS) for _ in range(2))
    other = bootstrap(values, users, **{**OPTIONS, "seed": 4})
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_cases_of_one_user_count_as_one_draw() -> None:
    """Ten copies of each case tell nothing new: the interval must not shrink."""
    values = np.random.default_rng(2).integers(0, 2, (200, 1)).astype(float)
    once = width(values, np.arange(200))
    copied, users = np.repeat(values, 10, axis=0), np.repeat(np.arange(200), 10)
    assert width(copied, users) == pytest.approx(once, rel=0.1)
    assert width(copied, np.arange(2000)) < 0.5 * once


def test_order_of_cases_and_gaps_in_user_rows_do_not_matter() -> None:
    values = np.random.default_rng(3).random((40, 1)).round(1)
    users = np.repeat(np.arange(20), 2)
    order = np.random.default_rng(4).permutation(40)
    plain = bootstrap(values, users, **OPTIONS)
    assert np.allclose(plain, bootstrap(values[order], users[order] * 7 + 5, **OPTIONS))


def test_blocks_do_not_change_the_result(monkeypatch: pytest.MonkeyPatch) -> None:
    values, users = np.random.default_rng(5).random((30, 2)), np.arange(30)
    whole = bootstrap(values, users, **OPTIONS)
    monkeypatch.setattr(module, "BLOCK_CELLS", 100)
    assert np.allclose(whole, bootstrap(values, users, **OPTIONS))


def test_equal_values_have_equal_intervals_whatever_stands_beside_them() -> None:
    """One metric of a run is read in several tables, beside other columns in each."""
    values, users = np.random.default_rng(6).integers(0, 4, (300, 3)) / 3, np.arange(300) // 2
    low, high = bootstrap(values, users, **OPTIONS)
    for column in range(3):
        alone = bootstrap(values[:, [column]], users, **OPTIONS)
        assert (low[column], high[column]) == (alone[0][0], alone[1][0])
    more = np.concatenate([values, np.random.default_rng(7).random((300, 2))], axis=1)
    assert np.array_equal(bootstrap(more, users, **OPTIONS)[0][:3], low)


def test_both_ways_of_drawing_users_spread_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    values, users = np.random.default_rng(8).integers(0, 30, (400, 1)) / 30, np.arange(400)
    together = bootstrap(values, users, resamples=20_000, confidence=0.95, seed=0)
    monkeypatch.setattr(module, "ONE_BY_ONE", 10**6)
    one_by_one = bootstrap(values, users, resamples=20_000, confidence=0.95, seed=0)
    assert not np.array_equal(together, one_by_one)
    assert np.allclose(together, one_by_one, atol=0.05 * width(values, users))


def test_one_user_gives_an_interval_of_no_width() -> None:
    low, high = bootstrap(np.array([[0.0], [1.0]]), np.zeros(2, np.int64), **OPTIONS)
    assert low[0] == high[0] == 0.5
