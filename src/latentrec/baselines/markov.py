"""Markov: what followed the last few items of the history in the training sequences."""

from collections.abc import Iterator
from typing import Final, cast, final

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
import torch
from jaxtyping import Float
from torch import Tensor

from latentrec.baselines.bags import popularity_level, rows_of
from latentrec.data.dataset import Histories

WINDOW: Final = 5
"""How many items back a transition reaches, in training and in the history."""
DECAY: Final = 0.7
"""Default weight of a further item back: DECAY ** (distance - 1)."""
SPREAD: Final = 0.5
"""Default: transitions of an item are divided by its total ** SPREAD: 0 counts, 1 shares."""
TIE_WEIGHT: Final = 1e-5
"""Score of the most popular item over the least popular one where the transitions tie."""
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

    Most items have no transition and tie at 0. TIE_WEIGHT times the place of the item among the
    popularity levels (0 to 1) is added, so that the more popular item wins; scores that differ by
    more than TIE_WEIGHT keep their order.

    Example:
        >>> train = Histories.from_lists([[2, 3], [2, 3], [2, 4]])
        >>> scores = Markov.fit(train, size=5).scores(Histories.from_lists([[2]]))
        >>> [round(score, 2) for score in scores[0].tolist()]
        [0.0, 0.0, 0.0, 1.15, 0.58]
    """

    def __init__(
        self,
        transitions: sp.csr_array,
        decay: float,
        popularity_level: npt.NDArray[np.float32],
        settings: str,
    ) -> None:
        self.name = "markov"
        self.settings = settings
        self._transitions = transitions
        self._decay = decay
        self._ties = TIE_WEIGHT * popularity_level

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
        return Markov(_divide(counts, spread), decay, popularity_level(train, size), settings)

    @staticmethod
    def grid(train: Histories, size: int) -> Iterator["Markov"]:
        """One of every combination of `DECAYS` and `SPREADS`."""
        level = popularity_level(train, size)
        for decay in DECAYS:
            counts = _count(train, size, decay)
            for spread in SPREADS:
                settings = f"decay={decay:g}, spread={spread:g}"
                yield Markov(_divide(counts, spread), decay, level, settings)

    @property
    def size(self) -> int:
        """Number of item indices N."""
        return len(self._ties)

    def scores(self, histories: Histories) -> Float[Tensor, "B N"]:
        """Decayed transitions out of the last five items of each history."""
        rows = rows_of(histories)
        back = histories.offsets[1:][rows] - 1 - np.arange(len(rows))
        last = back < WINDOW
        weights = (self._decay ** back[last]).astype(np.float32)
        chosen = sp.csr_array(
            (weights, (rows[last], histories.items[last])), (len(histories), self.size)
        )
        found = cast("sp.csr_array", chosen @ self._transitions)
        return torch.from_numpy(found.toarray() + self._ties)


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
