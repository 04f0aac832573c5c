"""Text vectors that a file gives: `.npy` with `ids.txt` beside it, or Parquet."""

from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from latentrec.errors import DataError
from latentrec.index import ItemIndex

IDS: Final = "ids.txt"
"""Stands beside the `.npy` file: the item ids of its rows, one a line."""


def given_vectors(path: Path, index: ItemIndex) -> npt.NDArray[np.float64]:
    """The vectors of all items of an index, in its order; those of other items are not used.

    Args:
        path: `.npy` of shape (items, X) with `ids.txt` beside it, or Parquet with the columns
            `item_id` and `vector`.
        index: The items.

    Raises:
        DataError: If the file is unreadable, shapes or ids do not fit, or an item has no vector.
    """
    ids, vectors = _read_parquet(path) if path.suffix == ".parquet" else _read_npy(path)
    if vectors.ndim != 2 or len(vectors) != len(ids):
        raise DataError(
            f"{path}: has shape {vectors.shape} for {len(ids):,} item ids; "
            "must be one row of numbers an item"
        )
    rows = {item_id: row for row, item_id in enumerate(ids)}
    if len(rows) < len(ids):
        raise DataError(f"{path}: an item id occurs twice; every item needs one vector")
    missing = [item_id for item_id in index.all_ids if item_id not in rows]
    if missing:
        raise DataError(
            f"{path}: has no vector for item '{missing[0][:40]}' ({len(missing):,} such items of "
            f"{len(index):,}); add them, or filter the items out"
        )
    return vectors[[rows[item_id] for item_id in index.all_ids]].astype(np.float64)


def _read_npy(path: Path) -> tuple[list[str], npt.NDArray[np.float64]]:
    try:
        vectors = np.load(path, allow_pickle=False)
        ids = (path.parent / IDS).read_text(encoding="utf-8").splitlines()
    except FileNotFoundError as error:
        raise DataError(
            f"{error.filename}: does not exist; text vectors are a .npy file with {IDS} beside it "
            "(one item id a line)"
        ) from None
    except (OSError, ValueError, EOFError) as error:
        raise DataError(f"{path}: not readable as text vectors ({error})") from None
    if vectors.dtype.kind not in "fiu":
        raise DataError(f"{path}: holds {vectors.dtype}; must hold numbers")
    return ids, vectors


def _read_parquet(path: Path) -> tuple[list[str], npt.NDArray[np.float64]]:
    try:
        frame = pl.read_parquet(path, glob=False).select("item_id", "vector")
        lists = frame["vector"].cast(pl.List(pl.Float64))
    except (OSError, pl.exceptions.PolarsError) as error:
        reason = str(error).splitlines()[0]
        raise DataError(
            f"{path}: not readable as text vectors ({reason}); must be Parquet with the columns "
            "item_id and vector"
        ) from None
    sizes = lists.list.len().unique().to_list()
    if len(sizes) != 1 or not sizes[0]:
        raise DataError(f"{path}: vectors have lengths {sizes[:5]}; all must have one length")
    vectors = lists.explode().fill_null(float("nan")).to_numpy().reshape(len(frame), -1)
    return frame["item_id"].cast(pl.String).to_list(), vectors
