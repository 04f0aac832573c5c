"""Markov: what followed the last few items of the history in the training sequences."""

from collections.abc import Iterator
from typing import Final, cast, final

import numpy as np
import scipy.sparse as sp
from jaxtyping import Float
from torch import Tensor

from latentrec.baselines.bags import popularity_level, rows_of
from latentrec.baselines.item_to_item import TIE_WEIGHT, ItemToItem
from latentrec.data.dataset import Histories

WINDOW: Final = 5
"""How many items back a transition reaches, in training and in the history."""
DECAY: Final = 0.7
"""Default weight of a further item back: DECAY ** (distance - 1)."""
SPREAD: Final = 0.5
"""Default: transitions of an item are divided by its total ** SPREAD: 0 counts, 1 shares."""
DECAYS: Final = (0.3, 0.5, 0.7, 0.9)
SPREADS: Final = (0.25, 0.5, 0.75)
"""Values that `grid` tries of each constant."""


@final
class Markov:
    """Decayed first-order Markov: the sum of transitions out of the last five items.

    With w(d) = decay ** (d - 1), the transitions are A[i, j] = the sum of w(d) over all places
    where j follows i at distance d <= 5 in a training sequence, each row divided by its sum **
    spread. The score of j is the sum over the last five items i of w(place from the end) A[i, j].
    The defaults were chosen on validation cases of five public data sets.

    Example:
        >>> train = Histories.from_lists([[2, 3], [2, 3], [2, 4]])
        >>> scores = Markov.fit(train, size=5).scores(Histories.from_lists([[2]]))
        >>> [round(score, 2) for score in scores[0].tolist()]
        [0.0, 0.0, 0.0, 1.15, 0.58]
    """

    def __init__(self, links: ItemToItem, settings: str) -> None:
        self.name = "markov"
        self.settings = settings
        self.links = links

    @staticmethod
    def fit(
        train: Histories, size: int, *, decay: float = DECAY, spread: float = SPREAD
    ) -> "Markov":
        """Count the transitions of the training sequences.

        Args:
            train: The training part of every user.
            size: Number of item indices N.
            decay: Weight of a further item back, above 0, at most 1.
            spread: How far the transitions of an item are evened out, from 0 (counts) to 1
                (probabilities).
        """
        counts = _count(train, size, decay)
        settings = f"decay={decay:g}, spread={spread:g}"
        return Markov(_links(counts, spread, decay, train, size), settings)

    @staticmethod
    def grid(train: Histories, size: int) -> Iterator["Markov"]:
        """One of every combination of `DECAYS` and `SPREADS`."""
        for decay in DECAYS:
            counts = _count(train, size, decay)
            for spread in SPREADS:
                settings = f"decay={decay:g}, spread={spread:g}"
                yield Markov(_links(counts, spread, decay, train, size), settings)

    @property
    def size(self) -> int:
        """Number of item indices N."""
        return self.links.size

    def scores(self, histories: Histories) -> Float[Tensor, "B N"]:
        """Decayed transitions out of the last five items of each history."""
        return self.links.scores(histories)


def _links(
    counts: sp.csr_array, spread: float, decay: float, train: Histories, size: int
) -> ItemToItem:
    ties = TIE_WEIGHT * popularity_level(train, size)
    return ItemToItem(_divide(counts, spread), decay, WINDOW, ties)


def _count(train: Histories, size: int, decay: float) -> sp.csr_array:
    """Decayed counts of what follows what, shape (N, N)."""
    counts = sp.csr_array((size, size), dtype=np.float32)
    rows = rows_of(train)
    for distance in range(1, min(WINDOW, len(rows) - 1) + 1):
        same = rows[distance:] == rows[:-distance]
        before, after = train.items[:-distance][same], train.items[distance:][same]
        weights = np.full(len(before), decay ** (distance - 1), np.float32)
        step = sp.csr_array((weights, (before, after)), (size, size))
        counts = cast("sp.csr_array", counts + step)
    return counts


def _divide(counts: sp.csr_array, spread: float) -> sp.csr_array:
    """Each row divided by its sum ** spread."""
    totals = np.asarray(counts.sum(axis=1))
    per_entry = np.repeat(totals, np.diff(counts.indptr))
    values = (counts.data * per_entry**-spread).astype(np.float32)
    return sp.csr_array((values, counts.indices, counts.indptr), counts.shape)
