"""The catalogue is what models see of items: each row must belong to its own item index."""

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from latentrec.data.catalogue import build_catalogue
from latentrec.data.item_table import ItemTable
from latentrec.index import FIRST_ITEM, ItemIndex

values = st.lists(st.sampled_from("pqrs"), max_size=3, unique=True)


@given(st.dictionaries(st.sampled_from("abcdef"), st.none() | values, min_size=1))
def test_every_item_keeps_its_own_values(table: dict[str, list[str] | None]) -> None:
    index = ItemIndex("abcxyz")
    frame = pl.DataFrame(
        {"item_id": list(table), "title": list(table), "tags": list(table.values())},
        schema={"item_id": pl.String, "title": pl.String, "tags": pl.List(pl.String)},
    )
    catalogue = build_catalogue(index, ItemTable(frame, len(frame), 0))
    (tags,) = catalogue.fields
    assert len(tags.offsets) == index.size + 1
    assert list(tags.values) == sorted(tags.values)
    for item in range(index.size):
        codes = tags.codes[tags.offsets[item] : tags.offsets[item + 1]]
        own = [] if item < FIRST_ITEM else table.get(index.item_ids([item])[0]) or []
        assert [tags.values[code] for code in codes] == own
    assert catalogue.titles == {item: item for item in table if item in index}


def test_without_a_table_there_is_nothing_but_the_index() -> None:
    catalogue = build_catalogue(ItemIndex("ab"), None)
    assert (catalogue.titles, catalogue.fields) == ({}, ())
