"""Small data sets made by hand."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from latentrec.data.catalogue import Catalogue, categorical_field
from latentrec.data.dataset import Cases, Histories, SequenceDataset
from latentrec.index import FIRST_ITEM, UNKNOWN, ItemIndex

Build = Callable[..., SequenceDataset]


@pytest.fixture
def by_hand() -> Build:
    """by_hand(rows, items, unknown, cold, categories): leave-one-out of item index rows."""

    def build(
        rows: list[list[int]],
        items: int,
        unknown: tuple[int, ...] = (),
        cold: tuple[int, ...] = (),
        categories: list[list[str]] | None = None,
    ) -> SequenceDataset:
        flat = Histories.from_lists(rows)
        index = ItemIndex(f"i{item:04}" for item in range(items))
        users = np.arange(len(rows))
        targets = np.array([UNKNOWN if u in unknown else row[-1] for u, row in enumerate(rows)])
        ends = flat.offsets[1:] - 1
        test = Cases(users, ends, targets.astype(np.int32), np.zeros(len(rows), np.int64))
        fields = ()
        if categories is not None:
            series = pl.Series("categories", categories, dtype=pl.List(pl.String))
            fields = (categorical_field(series),)
        assert FIRST_ITEM == 2
        return SequenceDataset(
            index=index,
            catalogue=Catalogue(index, fields=fields),
            user_ids=np.array([f"u{u}" for u in users]),
            items=flat.items,
            timestamps=np.zeros(len(flat.items), np.int64),
            offsets=flat.offsets,
            train_ends=np.where(np.isin(users, cold), flat.offsets[:-1], ends),
            valid=replace(test, users=users[:0], ends=ends[:0], targets=test.targets[:0],
                          timestamps=test.timestamps[:0]),
            test=test,
            protocol="by hand",
        )  # fmt: skip

    return build
