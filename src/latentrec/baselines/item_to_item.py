"""Item-to-item weights: the common form of Markov, ItemKNN and EASE, and what a blend keeps."""

from dataclasses import dataclass, replace
from typing import Final, cast, final

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
import torch
from jaxtyping import Float
from torch import Tensor

from latentrec.baselines.bags import bags, last_items
from latentrec.data.dataset import Histories

TIE_WEIGHT: Final = 1e-5
"""Score of the most popular item over the least popular one where the weights tie."""
ENTRIES: Final = 2**24
"""Weights of a dense matrix that are looked through at once."""


@final
@dataclass(frozen=True)
class ItemToItem:
    """The score of j is the weighted sum of W[i, j] over the items i of a history.

    Most items have no weight out of a short history and tie at 0: TIE_WEIGHT times the item's place
    among the popularity levels is added, so that the more popular one wins.

    Attributes:
        weights: W, shape (N, N), sparse or dense.
        decay: Weight of an item is decay ** (its places from the end of the history).
        window: Only so many last interactions count, each for itself; None: the history is a bag
            of which every distinct item counts once, at its last place.
        ties: What is added to the score of each item index, shape (N,).
    """

    weights: sp.csr_array | npt.NDArray[np.float32]
    decay: float
    window: int | None
    ties: npt.NDArray[np.float32]

    @property
    def size(self) -> int:
        """Number of item indices N."""
        return len(self.ties)

    def scores(self, histories: Histories) -> Float[Tensor, "B N"]:
        """Scores of all item indices, ties settled."""
        return self.linked(histories).add_(torch.from_numpy(self.ties))

    def linked(self, histories: Histories) -> Float[Tensor, "B N"]:
        """The weighted sums alone; all 0 after a history without any weight."""
        if self.window is None:
            held = bags(histories, self.size, self.decay)
        else:
            held = last_items(histories, self.size, self.decay, self.window)
        found = held @ self.weights
        dense = found if isinstance(found, np.ndarray) else cast("sp.csr_array", found).toarray()
        return torch.from_numpy(dense)

    def strongest(self, count: int) -> "ItemToItem":
        """The same with the `count` weights of largest size out of each item; the rest are 0."""
        if isinstance(self.weights, np.ndarray):
            return replace(self, weights=_largest(self.weights, count))
        rows = self.weights
        sizes, starts = np.abs(rows.data), rows.indptr
        of = np.repeat(np.arange(self.size), np.diff(starts))
        order = np.lexsort((-sizes, of))
        places = np.empty(len(order), np.int64)
        places[order] = np.arange(len(order)) - starts[of[order]]
        kept = places < count
        entries = (rows.data[kept], (of[kept], rows.indices[kept]))
        return replace(self, weights=sp.csr_array(entries, rows.shape))


def _largest(weights: npt.NDArray[np.float32], count: int) -> sp.csr_array:
    """The entries of largest size of each row; some rows at a time, so that little is copied."""
    step = max(1, ENTRIES // weights.shape[1])
    parts: list[sp.csr_array] = []
    for start in range(0, len(weights), step):
        rows = weights[start : start + step]
        kept = rows
        if count < rows.shape[1]:
            best = np.argpartition(-np.abs(rows), count, axis=1)[:, :count]
            kept = np.zeros_like(rows)
            np.put_along_axis(kept, best, np.take_along_axis(rows, best, axis=1), axis=1)
        parts.append(sp.csr_array(kept))
    return cast("sp.csr_array", sp.vstack(parts, format="csr"))
