"""Popularity: every history gets the items in the order of their training counts."""

from typing import final

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from latentrec.data.dataset import Histories


@final
class Popularity:
    """The most interacted items first, the same list for everybody.

    Example:
        >>> train = Histories.from_lists([[2, 3, 3], [3, 4]])
        >>> Popularity.fit(train, size=5).scores(Histories.from_lists([[2]])).tolist()
        [[0.0, 0.0, 1.0, 3.0, 1.0]]
    """

    def __init__(self, counts: Float[Tensor, "N"]) -> None:
        self.name = "popularity"
        self.settings = ""
        self._counts = counts

    @staticmethod
    def fit(train: Histories, size: int) -> "Popularity":
        """Count the training interactions of every item.

        Args:
            train: The training part of every user.
            size: Number of item indices N.
        """
        counts = np.bincount(train.items, minlength=size).astype(np.float32)
        return Popularity(torch.from_numpy(counts))

    @property
    def size(self) -> int:
        """Number of item indices N."""
        return len(self._counts)

    def scores(self, histories: Histories) -> Float[Tensor, "B N"]:
        """The counts, one row a history (views of one row: do not write into them)."""
        return self._counts.expand(len(histories), -1)
