"""ItemKNN: items whose buyers also had the items of the history."""

from collections.abc import Iterator
from typing import Final, final

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
from jaxtyping import Float
from torch import Tensor

from latentrec.baselines.bags import co_occurrence, popularity_level
from latentrec.baselines.item_to_item import TIE_WEIGHT, ItemToItem
from latentrec.data.dataset import Histories

NEIGHBOURS: Final = (30, 300)
SHRINKS: Final = (0.0, 20.0)
DECAYS: Final = (1.0, 0.9, 0.7, 0.4)
"""Values that `grid` tries of each constant."""
DENSE: Final = 0.05
"""Share of pairs above which a full matrix is faster than a sparse one."""


@final
class ItemKNN:
    """Cosine similarity of items over users, shrunk, and only the k nearest of each item.

    With U_i the training sequences that hold item i, s(i, j) is |U_i and U_j| divided by
    sqrt(|U_i| |U_j|) + shrink. The score of j is the sum of s(i, j) over the items i of the
    history that are among the k nearest of j. An item is no neighbour of itself.

    The history is a bag: a repeated item counts once, and with decay = 1 the order does not
    matter. A smaller decay lets an item weigh decay ** (its distance from the end).

    Example:
        >>> train = Histories.from_lists([[2, 3], [2, 3], [4, 2]])
        >>> scores = ItemKNN.fit(train, 5, neighbours=1, shrink=0.0).scores(
        ...     Histories.from_lists([[2]])
        ... )
        >>> [round(score, 2) for score in scores[0].tolist()]
        [0.0, 0.0, 0.0, 0.82, 0.58]
    """

    def __init__(self, links: ItemToItem, settings: str) -> None:
        self.name = "item-knn"
        self.settings = settings
        self.links = links

    @staticmethod
    def fit(
        train: Histories,
        size: int,
        *,
        neighbours: int = 100,
        shrink: float = 10.0,
        decay: float = 1.0,
    ) -> "ItemKNN":
        """Count which items meet in the training sequences.

        Args:
            train: The training part of every user.
            size: Number of item indices N.
            neighbours: Nearest items k that count for each item.
            shrink: Users that a similarity must outweigh, at least 0.
            decay: Weight lost with every place from the end of the history, above 0, at most 1.
        """
        similar = _cosine(co_occurrence(train, size), shrink)
        nearest = _nearest(similar, _places(similar), neighbours)
        return _item_knn(nearest, popularity_level(train, size), neighbours, shrink, decay)

    @staticmethod
    def grid(train: Histories, size: int) -> Iterator["ItemKNN"]:
        """One of every combination of `NEIGHBOURS`, `SHRINKS` and `DECAYS`."""
        together, level = co_occurrence(train, size), popularity_level(train, size)
        for shrink in SHRINKS:
            similar = _cosine(together, shrink)
            places = _places(similar)
            for neighbours in NEIGHBOURS:
                nearest = _nearest(similar, places, neighbours)
                for decay in DECAYS:
                    yield _item_knn(nearest, level, neighbours, shrink, decay)

    @property
    def size(self) -> int:
        """Number of item indices N."""
        return self.links.size

    def scores(self, histories: Histories) -> Float[Tensor, "B N"]:
        """Sum of the similarities to the items of each history."""
        return self.links.scores(histories)


def _item_knn(
    nearest: sp.csr_array,
    level: npt.NDArray[np.float32],
    neighbours: int,
    shrink: float,
    decay: float,
) -> ItemKNN:
    full = nearest.nnz > DENSE * len(level) ** 2
    weights = nearest.toarray() if full else nearest
    settings = f"neighbours={neighbours}, shrink={shrink:g}, decay={decay:g}"
    return ItemKNN(ItemToItem(weights, decay, None, TIE_WEIGHT * level), settings)


def _cosine(together: sp.csr_array, shrink: float) -> sp.coo_array:
    """Shrunk cosine of all pairs that meet, without the diagonal, shape (N, N)."""
    pairs = together.tocoo()
    roots = np.sqrt(together.diagonal())
    apart = pairs.row != pairs.col
    row, col = pairs.row[apart], pairs.col[apart]
    values = pairs.data[apart] / (roots[row] * roots[col] + shrink)
    return sp.coo_array((values.astype(np.float32), (row, col)), together.shape)


def _places(similar: sp.coo_array) -> npt.NDArray[np.int64]:
    """Place of each entry in its column, 0 for the most similar; of equal ones the lower row."""
    order = np.lexsort((similar.row, np.negative(similar.data), similar.col))
    columns = similar.col[order]
    places = np.empty(len(order), np.int64)
    places[order] = np.arange(len(order)) - np.searchsorted(columns, columns)
    return places


def _nearest(similar: sp.coo_array, places: npt.NDArray[np.int64], count: int) -> sp.csr_array:
    """Column j keeps the `count` items most similar to j."""
    kept = places < count
    entries = (similar.data[kept], (similar.row[kept], similar.col[kept]))
    return sp.csr_array(entries, similar.shape)
