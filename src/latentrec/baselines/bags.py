"""Bags: who has which item, how often two items meet, and a history as weighted items."""

from typing import cast

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from latentrec.data.dataset import Histories


def rows_of(histories: Histories) -> npt.NDArray[np.int64]:
    """The history that each flat item belongs to, shape (n,)."""
    return np.repeat(np.arange(len(histories)), histories.lengths)


def bags(histories: Histories, size: int, decay: float = 1.0) -> sp.csr_array:
    """Histories as sparse rows, shape (B, N): every distinct item once, repeats do not count.

    Args:
        histories: Histories of item indices.
        size: Number of item indices N.
        decay: Weight of an item is decay ** (places between its last occurrence and the end), so
            1 forgets the order altogether.
    """
    rows = rows_of(histories)
    # Read from the end, so that the first occurrence found of an item is its last one.
    keys = (rows * size + histories.items)[::-1]
    keys, first = np.unique(keys, return_index=True)
    places = len(rows) - 1 - first
    back = histories.offsets[1:][rows[places]] - 1 - places
    weights = (decay**back).astype(np.float32)
    return sp.csr_array((weights, (keys // size, keys % size)), (len(histories), size))


def last_items(histories: Histories, size: int, decay: float, window: int) -> sp.csr_array:
    """The last interactions of histories as sparse rows, shape (B, N): a repeat counts each time.

    Args:
        histories: Histories of item indices.
        size: Number of item indices N.
        decay: Weight of an interaction is decay ** (places between it and the end).
        window: How many interactions count.
    """
    rows = rows_of(histories)
    back = histories.offsets[1:][rows] - 1 - np.arange(len(rows))
    last = back < window
    weights = (decay ** back[last]).astype(np.float32)
    entries = (weights, (rows[last], histories.items[last]))
    return sp.csr_array(entries, (len(histories), size))


def co_occurrence(train: Histories, size: int) -> sp.csr_array:
    """In how many training sequences two items meet; the diagonal: in how many one stands."""
    held = bags(train, size)
    return cast("sp.csr_array", (held.T @ held).tocsr())


def popularity_level(train: Histories, size: int) -> npt.NDArray[np.float32]:
    """Place of each item's training count among the distinct counts, 0 (lowest) to 1, shape (N,).

    Baselines give most items the same score; a small multiple of this settles such ties.
    """
    counts = np.bincount(train.items, minlength=size)
    distinct, level = np.unique(counts, return_inverse=True)
    return (level / max(1, len(distinct) - 1)).astype(np.float32)
