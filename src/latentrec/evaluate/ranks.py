"""Ranks: the place of each target in the full list of items, counted and never sorted."""

from typing import Final

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from latentrec.data.dataset import Histories
from latentrec.errors import DataError
from latentrec.index import FIRST_ITEM, UNKNOWN

MISS: Final = 2**40
"""Rank of an unknown target: longer than any list, also where the catalogue is shorter than K."""


def ranks(
    scores: Float[Tensor, "B N"],
    targets: Int[Tensor, " B"],
    excluded: Histories | None = None,
) -> Int[Tensor, " B"]:
    """The full rank of each target among all items, 1 for the best place.

    Ties are pessimistic: every other item with the target's score stands before it, so a scorer
    that gives all items one score gets the last place and not the first.

    Args:
        scores: Finite scores (see `latentrec.blocks.finite_scores`); the columns PAD and MASK are
            no candidates.
        targets: Item index of each target; `UNKNOWN` gets the rank `MISS`.
        excluded: Items that are no candidates, one history a row; the target itself always is one.

    Raises:
        DataError: If a target is neither an item of the catalogue nor `UNKNOWN`.

    Example:
        >>> scores = torch.tensor([[9.0, 9.0, 0.5, 0.1, 0.5]])
        >>> ranks(scores, torch.tensor([2])).tolist()
        [2]
        >>> ranks(scores, torch.tensor([2]), Histories.from_lists([[4]])).tolist()
        [1]
    """
    known = _check_targets(targets, scores.shape[1]).to(scores.device)
    targets = targets.to(scores.device).long()
    target_scores = scores.gather(1, targets.clamp_min(0)[:, None])
    # The target itself is not below its own score: the count is its rank.
    before = torch.count_nonzero(scores[:, FIRST_ITEM:] >= target_scores, dim=1)
    if excluded is not None:
        rows, items = _distinct(excluded, scores)
        ahead = (items != targets[rows]) & (scores[rows, items] >= target_scores[rows, 0])
        before = before - torch.bincount(rows[ahead], minlength=len(before))
    return torch.where(known, before, MISS)


def _check_targets(targets: Int[Tensor, " B"], size: int) -> Tensor:
    """Which targets are known."""
    known = targets != UNKNOWN
    wrong = known & ((targets < FIRST_ITEM) | (targets >= size))
    if wrong.any():
        raise DataError(
            f"target item index {int(targets[wrong][0])}: must be {FIRST_ITEM}..{size - 1}, "
            f"or {UNKNOWN} for an item that training never saw"
        )
    return known


def _distinct(excluded: Histories, scores: Tensor) -> tuple[Tensor, Tensor]:
    """Row and item of every distinct item of each history."""
    size = scores.shape[1]
    rows = np.repeat(np.arange(len(excluded)), excluded.lengths)
    pairs = torch.from_numpy(np.unique(rows * size + excluded.items)).to(scores.device)
    return pairs // size, pairs % size
