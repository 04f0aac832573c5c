"""Markov: what followed the last few items of the history in the training sequences."""

from typing import Final, cast, final

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
import torch
from jaxtyping import Float
from torch import Tensor

from latentrec.data.dataset import Histories

WINDOW: Final = 5
"""How many items back a transition reaches, in training and in the history."""
DECAY: Final = 0.7
"""Weight lost with every further item back: DECAY ** (distance - 1)."""
SPREAD: Final = 0.5
"""Transitions of an item are divided by its total ** SPREAD: 0 counts, 1 probabilities."""
TIE_WEIGHT: Final = 1e-5
"""Score of the most popular item over the least popular one where the transitions tie."""


@final
class Markov:
    """Decayed first-order Markov: the sum of transitions out of the last five items.

    With w(d) = DECAY ** (d - 1), the transitions are A[i, j] = the sum of w(d) over all places
    where j follows i at distance d <= 5 in a training sequence, each row divided by the root of
    its sum. The score of j is the sum over the last five items i of w(place from the end) A[i, j].
    The four constants were chosen on validation cases of five public data sets.

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
        self, transitions: sp.csr_array, popularity_level: npt.NDArray[np.float32]
    ) -> None:
        self.name = "markov"
        self._transitions = transitions
        self._ties = TIE_WEIGHT * popularity_level

    @staticmethod
    def fit(train: Histories, size: int) -> "Markov":
        """Count the transitions of the training sequences.

        Args:
            train: The training part of every user.
            size: Number of item indices N.
        """
        transitions = sp.csr_array((size, size), dtype=np.float32)
        rows = _rows(train)
        for distance in range(1, min(WINDOW, len(rows) - 1) + 1):
            same = rows[distance:] == rows[:-distance]
            before, after = train.items[:-distance][same], train.items[distance:][same]
            weights = np.full(len(before), DECAY ** (distance - 1), np.float32)
            step = sp.csr_array((weights, (before, after)), (size, size))
            transitions = cast("sp.csr_array", transitions + step)
        totals = np.asarray(transitions.sum(axis=1))
        per_entry = np.repeat(totals, np.diff(transitions.indptr))
        transitions.data = (transitions.data * per_entry**-SPREAD).astype(np.float32)
        return Markov(transitions, _popularity_level(train, size))

    @property
    def size(self) -> int:
        """Number of item indices N."""
        return len(self._ties)

    def scores(self, histories: Histories) -> Float[Tensor, "B N"]:
        """Decayed transitions out of the last five items of each history."""
        rows = _rows(histories)
        back = histories.offsets[1:][rows] - 1 - np.arange(len(rows))
        last = back < WINDOW
        weights = (DECAY ** back[last]).astype(np.float32)
        chosen = sp.csr_array(
            (weights, (rows[last], histories.items[last])), (len(histories), self.size)
        )
        found = cast("sp.csr_array", chosen @ self._transitions)
        return torch.from_numpy(found.toarray() + self._ties)


def _rows(histories: Histories) -> npt.NDArray[np.int64]:
    """The history that each flat item belongs to."""
    return np.repeat(np.arange(len(histories)), histories.lengths)


def _popularity_level(train: Histories, size: int) -> npt.NDArray[np.float32]:
    """Place of each item's training count among the distinct counts, from 0 (lowest) to 1."""
    counts = np.bincount(train.items, minlength=size)
    distinct, level = np.unique(counts, return_inverse=True)
    return (level / max(1, len(distinct) - 1)).astype(np.float32)
