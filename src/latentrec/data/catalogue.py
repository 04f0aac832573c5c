"""Catalogue: titles and categorical fields of all items, row by item index."""

from dataclasses import dataclass, field
from itertools import pairwise
from typing import final

import numpy as np
import numpy.typing as npt
import polars as pl

from latentrec.data.item_table import ItemTable
from latentrec.data.item_text.vectoriser import TextVectoriser
from latentrec.index import FIRST_ITEM, ItemIndex


@final
@dataclass(frozen=True)
class CategoricalField:
    """One categorical field of the items; an item may hold no value, one or several.

    Attributes:
        name: Column name in the item table, for example `categories` or `store`.
        values: The distinct values, sorted; a code is a place in this list.
        codes: Codes of all items one after another, in the order of item indices, shape (n,).
        offsets: Where the codes of each item index start, and the end of the last, shape (N + 1,).
    """

    name: str
    values: tuple[str, ...]
    codes: npt.NDArray[np.int32]
    offsets: npt.NDArray[np.int64]

    def lists(self) -> list[list[str]]:
        """The values of every real item, in the order of item indices."""
        bounds = pairwise(self.offsets[FIRST_ITEM:])
        return [[self.values[code] for code in self.codes[a:b]] for a, b in bounds]


@final
@dataclass(frozen=True)
class Catalogue:
    """What is known about the items of an index beside their ids.

    Attributes:
        index: The item index that the rows follow.
        titles: Title by item id, only of items that have one.
        fields: Categorical fields, in the order of the item table's columns.
        text: Text vectors of all N item indices, shape (N, X); None unless items are read as text.
        vectoriser: What made them, where they were made just now; a loaded run keeps it in a file.
    """

    index: ItemIndex
    titles: dict[str, str] = field(default_factory=dict[str, str])
    fields: tuple[CategoricalField, ...] = ()
    text: npt.NDArray[np.float32] | None = None
    vectoriser: TextVectoriser | None = None


def build_catalogue(index: ItemIndex, table: ItemTable | None) -> Catalogue:
    """The catalogue of an index from an item table; items that the table lacks get no values."""
    if table is None:
        return Catalogue(index)
    ids = pl.DataFrame({"item_id": index.all_ids}, schema={"item_id": pl.String})
    rows = ids.join(table.frame, on="item_id", how="left", maintain_order="left")
    titled = rows.filter(pl.col("title").is_not_null())
    titles = dict(zip(titled["item_id"], titled["title"], strict=True))
    return Catalogue(index, titles, tuple(categorical_field(rows[name]) for name in table.fields))


def categorical_field(lists: pl.Series) -> CategoricalField:
    """A field, named like the series, from the value lists of all items in index order."""
    filled = lists.list.len().fill_null(0).to_numpy()
    flat = lists.drop_nulls().explode().drop_nulls()
    values = flat.unique().sort()
    codes = flat.cast(pl.Enum(values)).to_physical().to_numpy().astype(np.int32)
    lengths = np.concatenate([np.zeros(FIRST_ITEM, np.int64), filled.astype(np.int64)])
    offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)])
    return CategoricalField(lists.name, tuple(values), codes, offsets)
