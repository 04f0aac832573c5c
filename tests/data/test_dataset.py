"""Flat arrays with offsets: they must say exactly what plain lists would say."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from latentrec.data.catalogue import Catalogue
from latentrec.data.dataset import Cases, Histories, SequenceDataset
from latentrec.index import UNKNOWN, ItemIndex

lists = st.lists(st.lists(st.integers(2, 9), max_size=6), max_size=6)


def rows_of(histories: Histories) -> list[list[int]]:
    return [histories[row].tolist() for row in range(len(histories))]


@st.composite
def datasets(draw: st.DrawFn) -> tuple[SequenceDataset, list[list[int]], list[int]]:
    """A dataset, the plain lists behind it, and how much of each list is training."""
    rows = draw(st.lists(st.lists(st.integers(2, 9), min_size=1, max_size=6), min_size=1))
    trained = [draw(st.integers(0, len(row))) for row in rows]
    flat = Histories.from_lists(rows)
    places = [(u, end) for u, row in enumerate(rows) for end in range(1, len(row) + 1)]
    chosen = draw(st.lists(st.sampled_from(places), max_size=8))
    cases = Cases(
        users=np.array([u for u, _ in chosen], dtype=np.int64),
        ends=np.array([flat.offsets[u] + end for u, end in chosen], dtype=np.int64),
        targets=np.array([UNKNOWN] * len(chosen), dtype=np.int32),
        timestamps=np.zeros(len(chosen), dtype=np.int64),
    )
    index = ItemIndex(f"i{n}" for n in range(8))
    dataset = SequenceDataset(
        index=index,
        catalogue=Catalogue(index),
        user_ids=np.array([f"u{n}" for n in range(len(rows))]),
        items=flat.items,
        timestamps=np.arange(len(flat.items), dtype=np.int64),
        offsets=flat.offsets,
        train_ends=flat.offsets[:-1] + np.array(trained, dtype=np.int64),
        valid=cases,
        test=cases,
        protocol="made up",
    )
    return dataset, rows, trained


@given(lists)
def test_histories_are_their_lists(rows: list[list[int]]) -> None:
    histories = Histories.from_lists(rows)
    assert rows_of(histories) == rows
    assert histories.lengths.tolist() == [len(row) for row in rows]
    assert (histories.items.dtype, histories.offsets.dtype) == (np.int32, np.int64)


@given(lists, st.integers(0, 6), st.integers(0, 6))
def test_a_block_is_a_slice_without_a_copy(rows: list[list[int]], start: int, stop: int) -> None:
    start, stop = min(start, len(rows)), min(stop, len(rows))
    if start > stop:
        start, stop = stop, start
    histories = Histories.from_lists(rows)
    block = histories.block(start, stop)
    assert rows_of(block) == rows[start:stop]
    assert not len(block.items) or np.shares_memory(block.items, histories.items)


@given(datasets())
def test_training_is_the_first_part_of_every_user(
    made: tuple[SequenceDataset, list[list[int]], list[int]],
) -> None:
    dataset, rows, trained = made
    found = dataset.train()
    assert dataset.users == len(rows)
    assert rows_of(found) == [row[:end] for row, end in zip(rows, trained, strict=True)]


@given(datasets(), st.integers(0, 8), st.integers(0, 8) | st.none())
def test_the_history_of_a_case_ends_before_its_target(
    made: tuple[SequenceDataset, list[list[int]], list[int]], start: int, stop: int | None
) -> None:
    """For any block of cases, in any order, also several of one user."""
    dataset, rows, _ = made
    cases = dataset.test
    ends = cases.ends - dataset.offsets[cases.users]
    expected = [rows[u][:end] for u, end in zip(cases.users, ends, strict=True)]
    assert rows_of(dataset.histories(cases, start, stop)) == expected[start:stop]


def test_training_is_a_copy() -> None:
    # Whoever shuffles training sequences must not change the histories of the test.
    index = ItemIndex(["a", "b"])
    flat = Histories.from_lists([[2, 3]])
    none = Cases(*(np.zeros(0, kind) for kind in (np.int64, np.int64, np.int32, np.int64)))
    dataset = SequenceDataset(
        index, Catalogue(index), np.array(["u"]), flat.items, np.zeros(2, np.int64), flat.offsets,
        np.array([2]), none, none, "made up",
    )  # fmt: skip
    dataset.train().items[:] = 9
    assert dataset.items.tolist() == [2, 3]


def test_datasets_are_frozen() -> None:
    with pytest.raises(AttributeError):
        Histories.from_lists([[2]]).items = np.zeros(1, np.int32)
