"""ItemIndex: one mapping for model, files and answers; if it drifts, every answer is wrong."""

import json
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from latentrec.errors import DataError, UnknownItemError
from latentrec.index import FIRST_ITEM, MASK, PAD, UNKNOWN, ItemIndex

ids = st.lists(st.text(st.characters(codec="utf-8"), min_size=1, max_size=4), unique=True)


@given(ids)
def test_ids_and_indices_are_inverse(item_ids: list[str]) -> None:
    index = ItemIndex(item_ids)
    found = index.indices(item_ids)
    assert sorted(found.tolist()) == list(range(FIRST_ITEM, index.size))
    assert index.item_ids(found.tolist()) == item_ids
    assert [index.index(i) for i in item_ids] == found.tolist()
    assert len(index) == len(item_ids) == index.size - FIRST_ITEM


@given(ids)
def test_json_gives_the_same_index(item_ids: list[str]) -> None:
    index = ItemIndex(item_ids)
    again = ItemIndex.from_json(index.to_json())
    assert again.all_ids == index.all_ids
    assert again.fingerprint == index.fingerprint


@given(ids, st.randoms())
def test_the_order_of_the_input_changes_nothing(item_ids: list[str], random: Random) -> None:
    """The same items in another row order must give the same model rows."""
    shuffled = list(item_ids)
    random.shuffle(shuffled)
    assert ItemIndex(shuffled).all_ids == ItemIndex(item_ids).all_ids == sorted(item_ids)
    assert ItemIndex(shuffled).fingerprint == ItemIndex(item_ids).fingerprint


def test_other_items_give_another_fingerprint() -> None:
    prints = {ItemIndex(i).fingerprint for i in ([], ["a"], ["b"], ["a", "b"], ["ab"], ['a", "b'])}
    assert len(prints) == 6


def test_the_fingerprint_is_the_same_in_every_release() -> None:
    """Runs hold it; a changed formula would make every old run unreadable."""
    expected = "3554d2b8a1e34099053865de8576d1460b807430ec8c6b85315c9607ba93d308"
    assert ItemIndex(["b", "a"]).fingerprint == expected


def test_the_reserved_indices_come_first() -> None:
    assert (PAD, MASK, FIRST_ITEM) == (0, 1, 2)
    assert ItemIndex(["x"]).index("x") == FIRST_ITEM
    assert ItemIndex([]).size == FIRST_ITEM
    assert UNKNOWN < 0  # so that no table row can be read for it


def test_unknown_ids_are_marked_or_refused() -> None:
    index = ItemIndex(["a"])
    found = index.indices(["z", "a", ""])
    assert found.tolist() == [UNKNOWN, FIRST_ITEM, UNKNOWN]
    assert found.dtype == np.int32
    assert "a" in index
    assert "z" not in index
    with pytest.raises(UnknownItemError, match=r"^item 'z' is not among the 1 items"):
        index.index("z")


def test_a_huge_unknown_id_does_not_flood_the_message() -> None:
    with pytest.raises(UnknownItemError) as error:
        ItemIndex(["a"]).index("z" * 10_000)
    assert len(str(error.value)) < 200


@pytest.mark.parametrize("wrong", [PAD, MASK, UNKNOWN, 4, 10**9])
def test_an_index_outside_the_catalogue_is_refused(wrong: int) -> None:
    # -1 must not quietly mean the last item.
    with pytest.raises(UnknownItemError, match=rf"^item index {wrong}: must be 2\.\.3$"):
        ItemIndex(["a", "b"]).item_ids([2, wrong])


@pytest.mark.parametrize(("item_ids", "rule"), [(["a", "a"], "twice"), (["", "a"], "empty")])
def test_ids_must_be_distinct_and_not_empty(item_ids: list[str], rule: str) -> None:
    with pytest.raises(DataError, match=rule):
        ItemIndex(item_ids)


def test_json_keeps_ids_readable() -> None:
    assert json.loads(ItemIndex(["é", "a"]).to_json()) == ["a", "é"]
    assert "é" in ItemIndex(["é"]).to_json()
