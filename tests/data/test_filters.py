"""Filters decide which users a table speaks about: order, counts and the k-core are pinned down."""

from collections import Counter

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from latentrec.config import FilesConfig
from latentrec.data.filters import filter_interactions
from latentrec.data.interactions import Interactions, interactions_from_frame
from latentrec.data.report import FilterReport
from latentrec.errors import DataError


def run(
    rows: list[tuple[str, str, int, float]], **options: object
) -> tuple[Interactions, FilterReport]:
    frame = pl.DataFrame(rows, schema=["user_id", "item_id", "timestamp", "rating"], orient="row")
    config = FilesConfig(path="frame", **options)
    return filter_interactions(interactions_from_frame(frame, config), config)


ROWS = [
    ("a", "x", 1, 5.0),
    ("a", "x", 1, 4.0),
    ("a", "x", 2, 4.0),
    ("a", "y", 2, 3.0),
    ("b", "x", 9, 5.0),
]


@pytest.mark.parametrize(
    ("options", "left", "counts"),
    [
        ({}, 4, {"duplicates": 1, "repeats": 1, "ties": 1, "tied_ends": 1}),
        ({"duplicates": "keep"}, 5, {"duplicates": 0, "repeats": 2, "ties": 2}),
        ({"rating_above": 3}, 3, {"low_ratings": 1, "duplicates": 1}),
        ({"repeats": "first"}, 3, {"repeats_removed": 1, "repeats": 0}),
        ({"min_item_interactions": 2}, 3, {"core_items": 1, "core_interactions": 1}),
        ({"min_user_interactions": 2}, 3, {"core_users": 1, "core_interactions": 1}),
        ({"repeats": "last", "min_user_interactions": 2}, 2, {"core_users": 1}),
    ],
)
def test_each_filter_takes_out_and_counts(
    options: dict[str, object], left: int, counts: dict[str, int]
) -> None:
    found, report = run(ROWS, **options)
    assert len(found.frame) == left
    for name, count in counts.items():
        assert getattr(report, name) == count, name


def test_repeats_keep_the_first_or_last_time() -> None:
    for keep, times in (("first", [1000, 2000]), ("last", [2000, 2000])):
        found, _ = run(ROWS[:4], repeats=keep)
        assert found.frame["timestamp"].to_list() == times
    assert run(ROWS, duplicates="first")[0].frame["rating"][0] == 5.0


def test_duplicates_can_be_refused() -> None:
    with pytest.raises(DataError, match=r"1 rows equal another.*user 'a' with item 'x'"):
        run(ROWS, duplicates="error")


def test_a_rating_filter_needs_ratings() -> None:
    frame = pl.DataFrame({"user_id": ["a"], "item_id": ["x"], "timestamp": [1]})
    config = FilesConfig(path="frame", rating_above=3)
    with pytest.raises(DataError, match="no rating column"):
        filter_interactions(interactions_from_frame(frame, config), config)


def test_nothing_left_is_refused() -> None:
    with pytest.raises(DataError, match="none of 5 interactions is left"):
        run(ROWS, min_user_interactions=50)


pairs = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=1, max_size=40)


@given(pairs, st.integers(1, 3), st.integers(1, 3))
def test_the_core_is_the_largest_set_that_meets_the_counts(
    rows: list[tuple[int, int]], least_user: int, least_item: int
) -> None:
    log = [(str(user), str(item), place, 1.0) for place, (user, item) in enumerate(rows)]
    expected = set(range(len(rows)))
    while True:
        users = Counter(rows[place][0] for place in expected)
        items = Counter(rows[place][1] for place in expected)
        still = {
            place
            for place in expected
            if users[rows[place][0]] >= least_user and items[rows[place][1]] >= least_item
        }
        if still == expected:
            break
        expected = still
    options = {"min_user_interactions": least_user, "min_item_interactions": least_item}
    if not expected:
        with pytest.raises(DataError, match="is left"):
            run(log, **options)
        return
    found, _ = run(log, **options)
    assert {time // 1000 for time in found.frame["timestamp"]} == expected
