"""items.parquet: the catalogue that a run was trained on, with how often each item occurred."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl
import torch
from jaxtyping import Float
from torch import Tensor

from latentrec.config import AnyItemsConfig, UnisrecItemsConfig
from latentrec.data.catalogue import Catalogue, categorical_field
from latentrec.data.dataset import Histories
from latentrec.data.item_text.vectoriser import TextVectoriser
from latentrec.data.item_text.vectors import with_text
from latentrec.data.prepare import Prepared
from latentrec.errors import CheckpointError
from latentrec.index import FIRST_ITEM, ItemIndex

ID, TITLE, COUNT, TEXT, FIELD = "item_id", "title", "interactions", "text", "field:"


def add_text(
    prepared: Prepared,
    config: AnyItemsConfig,
    kept: Path | None,
    known: TextVectoriser | None = None,
) -> Prepared:
    """The data with text vectors, if the items are read as text.

    Args:
        prepared: The data.
        config: How an item becomes a vector.
        kept: The items.parquet of a run that goes on: its vectors are taken, not made anew.
        known: The vectoriser of a pre-trained model, or that of `kept`; default: one is fitted.

    Raises:
        DataError: If an item has no usable vector.
        ConfigError: If a text model cannot be loaded.
        CheckpointError: If `kept` cannot be read.
    """
    if not isinstance(config, UnisrecItemsConfig):
        return prepared
    catalogue = prepared.dataset.catalogue
    if kept is None:
        catalogue = with_text(catalogue, config, known)
    else:
        catalogue = replace(catalogue, text=read_items(kept)[0].text, vectoriser=known)
    return replace(prepared, dataset=replace(prepared.dataset, catalogue=catalogue))


def write_items(path: Path, catalogue: Catalogue, train: Histories) -> None:
    """Write one row an item, in the order of item indices."""
    counts = np.bincount(train.items, minlength=catalogue.index.size)[FIRST_ITEM:]
    write_counted_items(path, catalogue, counts)


def write_counted_items(path: Path, catalogue: Catalogue, counts: npt.NDArray[np.int64]) -> None:
    """Write one row an item, where it is known how often each item occurred."""
    ids = catalogue.index.all_ids
    columns: dict[str, pl.Series] = {
        ID: pl.Series(ids, dtype=pl.String),
        TITLE: pl.Series([catalogue.titles.get(i) for i in ids], dtype=pl.String),
        COUNT: pl.Series(counts, dtype=pl.Int64),
    }
    for field in catalogue.fields:
        columns[FIELD + field.name] = pl.Series(field.lists(), dtype=pl.List(pl.String))
    if catalogue.text is not None:
        width = catalogue.text.shape[1]
        vectors = catalogue.text[FIRST_ITEM:]
        columns[TEXT] = pl.Series(vectors, dtype=pl.Array(pl.Float32, width))
    pl.DataFrame(columns).write_parquet(path)


def read_items(path: Path) -> tuple[Catalogue, Float[Tensor, " N"]]:
    """The catalogue, and how often each item index occurred in training.

    Raises:
        CheckpointError: If the file is missing or not what `write_items` wrote.
    """
    try:
        frame = pl.read_parquet(path)
        index = ItemIndex(frame[ID].to_list())
        titles = {i: t for i, t in zip(frame[ID], frame[TITLE], strict=True) if t is not None}
        fields = tuple(
            categorical_field(frame[name].alias(name.removeprefix(FIELD)))
            for name in frame.columns
            if name.startswith(FIELD)
        )
        counts = torch.zeros(index.size)
        counts[FIRST_ITEM:] = torch.from_numpy(frame[COUNT].to_numpy().copy()).float()
    except (OSError, pl.exceptions.PolarsError) as error:
        raise CheckpointError(f"{path}: not readable ({error})") from None
    return Catalogue(index, titles, fields, _text(frame)), counts


def _text(frame: pl.DataFrame) -> npt.NDArray[np.float32] | None:
    """Text vectors of all item indices; None if the run reads its items by their ids."""
    if TEXT not in frame.columns:
        return None
    rows = frame[TEXT].to_numpy()
    return np.concatenate([np.zeros((FIRST_ITEM, rows.shape[1]), np.float32), rows])
