"""EASE: a linear model from the items of a history to all items, solved in closed form."""

from collections.abc import Iterator
from typing import Final, final

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
import torch
from jaxtyping import Float
from torch import Tensor

from latentrec.baselines.bags import co_occurrence, popularity_level
from latentrec.baselines.item_to_item import TIE_WEIGHT, ItemToItem
from latentrec.data.dataset import Histories
from latentrec.errors import DataError
from latentrec.index import FIRST_ITEM

EXACT_SIZE: Final = 6000
"""Up to this many item indices the matrix is inverted in float64, above in float32."""
RIDGES: Final = (50.0, 300.0, 2000.0)
DECAYS: Final = (1.0, 0.9, 0.7, 0.4)
"""Values that `grid` tries of each constant."""


@final
class EASE:
    """The shallow linear autoencoder with a zero diagonal.

    X holds a 1 where a user has an item in training. B minimises ||X - X B||^2 + ridge ||B||^2
    under diag(B) = 0; with P the inverse of X'X + ridge I, B[i, j] is -P[i, j] / P[j, j]. The
    score of j is the sum of B[i, j] over the items i of the history.

    The history is a bag: a repeated item counts once, and with decay = 1 the order does not
    matter. A smaller decay lets an item weigh decay ** (its distance from the end).

    B has N^2 entries and takes of the order of N^3 steps, so the catalogue must be small.

    Paper: arXiv 1905.03375, equation 8.
    """

    def __init__(self, links: ItemToItem, settings: str) -> None:
        self.name = "ease"
        self.settings = settings
        self.links = links

    @staticmethod
    def fit(
        train: Histories, size: int, *, ridge: float = 500.0, decay: float = 1.0, most: int = 20_000
    ) -> "EASE":
        """Solve for the weights of the training sequences.

        Args:
            train: The training part of every user.
            size: Number of item indices N.
            ridge: Weight of the squared weights, above 0.
            decay: Weight lost with every place from the end of the history, above 0, at most 1.
            most: Largest catalogue.

        Raises:
            DataError: If the catalogue is larger than `most`.
        """
        reason = too_large(size, most)
        if reason:
            raise DataError(reason)
        weights = _solve(co_occurrence(train, size), ridge)
        return _ease(weights, popularity_level(train, size), ridge, decay)

    @staticmethod
    def grid(train: Histories, size: int) -> Iterator["EASE"]:
        """One of every combination of `RIDGES` and `DECAYS`."""
        together, level = co_occurrence(train, size), popularity_level(train, size)
        for ridge in RIDGES:
            weights = _solve(together, ridge)
            for decay in DECAYS:
                yield _ease(weights, level, ridge, decay)
            del weights  # whoever asked keeps the best; the next solution needs the room

    @property
    def size(self) -> int:
        """Number of item indices N."""
        return self.links.size

    def scores(self, histories: Histories) -> Float[Tensor, "B N"]:
        """Sum of the weights out of the items of each history."""
        return self.links.scores(histories)


def too_large(size: int, most: int) -> str:
    """Why a catalogue is too large for EASE, or nothing."""
    items = size - FIRST_ITEM
    if items <= most:
        return ""
    gib = 3 * 4 * size**2 / 2**30  # the best so far, and two to solve for the next
    return (
        f"ease: {items:,} items need {gib:,.1f} GiB and a time that grows with their cube; "
        f"at most {most:,} are allowed (raise evaluate.ease_items, or leave ease out)"
    )


def _ease(
    weights: npt.NDArray[np.float32], level: npt.NDArray[np.float32], ridge: float, decay: float
) -> EASE:
    links = ItemToItem(weights, decay, None, TIE_WEIGHT * level)
    return EASE(links, f"ridge={ridge:g}, decay={decay:g}")


def _solve(together: sp.csr_array, ridge: float) -> npt.NDArray[np.float32]:
    """B, shape (N, N), from how often items meet; two N x N matrices exist at once."""
    kind = np.float64 if len(together.diagonal()) <= EXACT_SIZE else np.float32
    gram = torch.from_numpy(together.astype(kind).toarray())
    gram.diagonal().add_(ridge)
    root = torch.linalg.cholesky(gram, out=gram)
    inverse = torch.cholesky_inverse(root)
    del gram, root
    inverse.div_(-inverse.diagonal().clone())
    inverse.fill_diagonal_(0.0)
    return inverse.float().numpy()
