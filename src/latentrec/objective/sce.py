"""Scalable cross-entropy: states and items that score high meet in random buckets."""

import math
from typing import final

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from latentrec.index import FIRST_ITEM
from latentrec.objective.next_item import NextItemLoss
from latentrec.objective.terms import block_rows


@final
class SceLoss(NextItemLoss):
    """Softmax of the target against the items that are hardest for a group of like states.

    Every bucket has a random mix of the batch's states as its centre, and holds the states and the
    items with the highest products with it. Within a bucket every state's target is judged
    against all its items. A state in several buckets counts with its highest loss, one in none not
    at all. Each such loss bounds the exact one from below; none is an unbiased estimate of it.

    Paper: arXiv 2409.18721, Algorithm 1 with the mixing of states.

    Differs: Buckets and states of a bucket are equally many, `sqrt(coverage R)` (docs/adr/0036).

    Args:
        coverage: Places for states in all buckets together, per state.
        bucket_items: Items of a bucket.
    """

    def __init__(self, coverage: float, bucket_items: int) -> None:
        super().__init__()
        self.coverage = coverage
        self.bucket_items = bucket_items

    def forward(
        self,
        states: Float[Tensor, "R D"],
        candidates: Float[Tensor, "N D"],
        targets: Int[Tensor, " R"],
    ) -> Float[Tensor, ""]:
        """The mean loss of the rows in buckets; draws from torch's generator."""
        with torch.autocast(states.device.type, enabled=False):
            rows, items = self._buckets(states.detach(), candidates.detach().to(states.dtype))
            return bucket_cross_entropy(states, candidates, targets, rows, items)

    def _buckets(
        self, states: Float[Tensor, "R D"], candidates: Float[Tensor, "N D"]
    ) -> tuple[Int[Tensor, "b r"], Int[Tensor, "b c"]]:
        """The rows and the item indices of each bucket."""
        count = max(1, round(math.sqrt(self.coverage * len(states))))
        centres = torch.randn(count, len(states), device=states.device, dtype=states.dtype) @ states
        rows = (centres @ states.T).topk(min(count, len(states))).indices
        items = candidates[FIRST_ITEM:]
        wanted = min(self.bucket_items, len(items))
        block = block_rows(len(items), states)
        best = [(part @ items.T).topk(wanted).indices for part in centres.split(block)]
        return rows, FIRST_ITEM + torch.cat(best)


def bucket_cross_entropy(
    states: Float[Tensor, "R D"],
    candidates: Float[Tensor, "N D"],
    targets: Int[Tensor, " R"],
    rows: Int[Tensor, "b r"],
    items: Int[Tensor, "b c"],
) -> Float[Tensor, ""]:
    """Mean over the rows in buckets of their highest loss within a bucket.

    Args:
        states: States as they are scored.
        candidates: Vectors of all item indices.
        targets: Item index of each right answer; among the items of a bucket it is left out.
        rows: Rows of `states` in each bucket.
        items: Item indices in each bucket.
    """
    vectors = F.embedding(torch.cat([targets, items.flatten()]), candidates).to(states.dtype)
    right, wrong = vectors[: len(targets)], vectors[len(targets) :].view(*items.shape, -1)
    own = (states * right).sum(-1)[rows].unsqueeze(-1)
    others = states[rows] @ wrong.transpose(1, 2)
    others = others.masked_fill(targets[rows].unsqueeze(-1) == items.unsqueeze(1), -torch.inf)
    losses = (torch.cat([own, others], -1).logsumexp(-1, keepdim=True) - own).flatten()
    highest = torch.zeros_like(states[:, 0])
    highest = highest.scatter_reduce(0, rows.flatten(), losses, "amax", include_self=False)
    return highest.sum() / rows.unique().numel()
