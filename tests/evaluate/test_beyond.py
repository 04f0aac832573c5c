"""Each figure beyond accuracy by hand, and against what theory says of controls."""

import math
from collections.abc import Callable

import numpy as np
import pytest

from latentrec.data.dataset import SequenceDataset
from latentrec.evaluate.beyond import beyond, diversity, field_of, gini, miscalibration, of_targets
from latentrec.evaluate.sections import beyond_grid
from latentrec.index import PAD

Build = Callable[..., SequenceDataset]
ROWS = [[2, 3, 3], [2, 3, 4], [2, 5, 5]]
CATEGORIES = [["a", "b"], ["b"], ["c"], []]


def test_figures_by_hand(by_hand: Build) -> None:
    dataset = by_hand(ROWS, items=4, categories=CATEGORIES)
    # Training users: item 2 all three, 3 two, 4 none, 5 one.
    lists = np.array([[2, 3], [3, 5], [2, 5]], np.int32)
    found = beyond(lists, dataset, dataset.test)
    shares = [1, 2 / 3, 2 / 3, 1 / 3, 1, 1 / 3]
    assert found.coverage == 3 / 4
    assert found.popularity == pytest.approx(np.mean(shares))
    assert found.novelty == pytest.approx(-np.mean(np.log2(shares)))
    history = np.mean([1, 2 / 3, 1, 2 / 3, 1, 1 / 3])
    assert found.lift == pytest.approx(np.mean(shares) / history - 1)
    # Counts 2 2 0 2: mean absolute difference of 6 pairs is 1, mean 1.5; times n / (n - 1).
    assert found.gini == pytest.approx((2 * 3 * 2 / 16) / (2 * 1.5) * 4 / 3)
    # Categories ab b | b - | ab -: distances 1/2, 1, 1.
    assert found.diversity == pytest.approx((0.5 + 1 + 1) / 3)
    # Histories 2 3 | 2 3 | 2 5 hold a, b as 1:3 | 1:3 | 1:1; the second list has b alone.
    second = 0.25 * math.log(0.25 / 0.0025) + 0.75 * math.log(0.75 / (0.99 + 0.0075))
    assert found.miscalibration == pytest.approx(second / 3)


def test_lists_as_popular_as_the_histories_have_no_lift(by_hand: Build) -> None:
    """Also where long histories hold what few have: each counts as one list does."""
    rows = [[2, 3, 2]] * 9 + [[*range(4, 24), 2]]
    dataset = by_hand(rows, items=22)
    lists = np.array([[2, 3]] * 9 + [[4, 5]], np.int32)
    assert beyond(lists, dataset, dataset.test).lift == pytest.approx(0.0)


def test_targets_by_hand(by_hand: Build) -> None:
    dataset = by_hand([[2, 2], [2, 3, 2], [3, 3], [2, 3]], items=2, unknown=(3,))
    # Training users: item 2 three of four, 3 two of four. Known targets: 2, 2, 3.
    novelty, popularity = of_targets(dataset, dataset.test)
    assert popularity == pytest.approx((0.75 + 0.75 + 0.5) / 3)
    assert novelty == pytest.approx((2 * math.log2(4 / 3) + 1) / 3)


def test_one_list_for_all_and_a_random_list_per_case(by_hand: Build) -> None:
    """Controls: a constant scorer covers K of N items; a random one nearly all, evenly."""
    rng = np.random.default_rng(0)
    rows = rng.integers(2, 102, (3000, 4)).tolist()
    dataset = by_hand(rows, items=100)
    constant = np.tile(np.arange(2, 12, dtype=np.int32), (3000, 1))
    found = beyond(constant, dataset, dataset.test)
    assert found.coverage == 0.1
    assert found.gini == pytest.approx(0.9 * 100 / 99)
    noise = np.stack([rng.permutation(100)[:10] + 2 for _ in rows]).astype(np.int32)
    found = beyond(noise, dataset, dataset.test)
    assert found.coverage == 1.0
    # Counts are near normal with mean 300 and variance 270: Gini is s / (mean sqrt(pi)).
    assert found.gini == pytest.approx(math.sqrt(270) / 300 / math.sqrt(math.pi), rel=0.25)
    assert found.lift == pytest.approx(0.0, abs=0.02)


def test_gini_is_that_of_all_pairs() -> None:
    counts = np.random.default_rng(2).integers(0, 9, 40)
    pairs = np.abs(counts[:, None] - counts[None, :]).sum() / (40 * 39)
    assert gini(counts) == pytest.approx(pairs / (2 * counts.mean()))


def test_padding_and_missing_categories_do_not_count(by_hand: Build) -> None:
    dataset = by_hand(ROWS, items=4, categories=CATEGORIES)
    short = np.array([[3, 0], [5, 5], [5, 5]], np.int32)
    assert math.isnan(diversity(short, dataset.catalogue))
    found = beyond(short, dataset, dataset.test)
    assert found.coverage == 2 / 4
    # Only the first list has a category: b, which its history has for three quarters.
    first = 0.25 * math.log(0.25 / 0.0025) + 0.75 * math.log(0.75 / (0.99 + 0.0075))
    assert found.miscalibration == pytest.approx(first)
    bare = by_hand(ROWS, items=4).catalogue
    assert math.isnan(miscalibration(short, dataset.histories(dataset.test), bare))
    assert field_of(bare) is None
    assert math.isnan(diversity(np.array([[2, 3]], np.int32), bare))


def test_without_items_there_is_nothing_to_describe(by_hand: Build) -> None:
    """Everything of the catalogue is hidden, and no target is known to training."""
    dataset = by_hand([[2, 2], [2, 2]], items=1, unknown=(0, 1))
    found = beyond(np.full((2, 3), PAD, np.int32), dataset, dataset.test)
    assert found.coverage == 0
    rest = (found.gini, found.novelty, found.popularity, found.lift)
    assert all(math.isnan(value) for value in (*rest, *of_targets(dataset, dataset.test)))
    (row, targets) = beyond_grid({"a": found}, 3, dataset, dataset.test).rows
    assert row[1:] == (".0000", *"------")
    assert targets == ("(targets)", *"-------")
