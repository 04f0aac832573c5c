"""The text of an item: title, categories, store, in that order, by item index."""

import numpy as np

from latentrec.data.catalogue import Catalogue, CategoricalField
from latentrec.data.item_text.texts import item_texts
from latentrec.index import ItemIndex


def field(name: str, values: tuple[str, ...], rows: list[list[int]]) -> CategoricalField:
    codes = np.array([code for row in rows for code in row], np.int32)
    lengths = [0, 0, 0, *(len(row) for row in rows)]
    return CategoricalField(name, values, codes, np.cumsum(lengths, dtype=np.int64))


def test_title_categories_and_store_are_joined() -> None:
    store = field("store", ("Blue Note",), [[0], [], [0]])
    categories = field("categories", ("CDs", "Jazz"), [[0, 1], [1], []])
    colour = field("colour", ("red",), [[0], [0], [0]])  # no part of the text
    index = ItemIndex(["a", "b", "c"])
    catalogue = Catalogue(index, {"a": "Blue Train"}, (store, colour, categories))
    assert item_texts(catalogue) == ["Blue Train CDs Jazz Blue Note", "Jazz", "Blue Note"]
