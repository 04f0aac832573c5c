"""Codes follow the sorted ids, and the one-number sort equals the sort by keys."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from latentrec.data.codes import encoded, id_codes, sorted_order

ROWS = st.lists(st.tuples(st.integers(0, 3), st.integers(-4, 4), st.integers(0, 2)), max_size=30)


@given(rows=ROWS, scale=st.sampled_from([1, 60_000_000, 2**50]))
def test_the_order_is_that_of_a_stable_sort_by_all_keys(
    rows: list[tuple[int, int, int]], scale: int
) -> None:
    """Whether the keys fit into one number (with a common factor taken out) or not."""
    columns = np.array(rows, np.int64).reshape(-1, 3).T
    keys = [columns[0], columns[1] * scale, columns[2]]
    expected = sorted(range(len(rows)), key=lambda row: rows[row])
    assert sorted_order(keys).tolist() == expected


def test_keys_that_do_not_fit_into_one_number_are_sorted_too() -> None:
    wide = np.array([0, 2**62 + 1, 3, 2**62 + 1], np.int64)
    assert sorted_order([wide, np.array([7, 1, 8, 0])]).tolist() == [0, 2, 3, 1]


@pytest.mark.parametrize("ids", [["b", "a", "b", "é"], ["z"]])
def test_codes_lead_back_to_the_ids(ids: list[str]) -> None:
    distinct, codes = id_codes(pl.Series(ids))
    assert distinct.to_list() == sorted(set(ids))
    assert distinct.gather(codes).to_list() == ids


def test_encoding_twice_changes_nothing() -> None:
    """After a filter the codes stay, so that nothing is encoded again."""
    column = encoded(pl.Series(["b", "a", "c"])).filter(pl.Series([True, False, True]))
    assert encoded(column) is column
    assert id_codes(column)[1].tolist() == [1, 2]
