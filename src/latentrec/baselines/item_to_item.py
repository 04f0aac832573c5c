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
        """Scores of all item indices."""
        if self.window is None:
            held = bags(histories, self.size, self.decay)
        else:
            held = last_items(histories, self.size, self.decay, self.window)
        found = held @ self.weights
        dense = found if isinstance(found, np.ndarray) else cast("sp.csr_array", found).toarray()
        return torch.from_numpy(dense + self.ties)

    def strongest(self, count: int) -> "ItemToItem":
        """The same with the `count` weights of largest size out of each item; the rest are 0."""
        rows = sp.csr_array(self.weights)
        sizes, starts = np.abs(rows.data), rows.indptr
        of = np.repeat(np.arange(self.size), np.diff(starts))
        order = np.lexsort((-sizes, of))
        places = np.empty(len(order), np.int64)
        places[order] = np.arange(len(order)) - starts[of[order]]
        kept = places < count
        entries = (rows.data[kept], (of[kept], rows.indices[kept]))
        return replace(self, weights=sp.csr_array(entries, rows.shape))
