"""Sampled softmax: a few negatives shared by all rows, weighed by how likely they were drawn."""

from typing import final

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from latentrec.objective.next_item import NextItemLoss
from latentrec.objective.terms import block_rows


@final
class SampledLoss(NextItemLoss):
    """Softmax of the target against negatives drawn once for all rows of a batch.

    Items are drawn with replacement, each as often as its weight says; `log(S q)` is taken from the
    logit of a negative (logQ). So the sum over negatives has the expected value of the sum over all
    other items, and the loss tends to the exact one as S grows.

    Paper: arXiv 2507.09331 for the form in which the target is not corrected.

    Differs: A drawn item that is a row's target is no negative of that row (docs/adr/0036).

    Args:
        negatives: Draws S in a batch.
        weights: How often each of the N item indices is drawn in `sum(weights)` draws; 0 for PAD
            and MASK, above 0 for every item. Ones draw uniformly, counts by popularity.
    """

    def __init__(self, negatives: int, weights: Int[Tensor, " N"]) -> None:
        super().__init__()
        self.negatives = negatives
        self.register_buffer("weights", weights, persistent=False)
        self.register_buffer("running", weights.cumsum(0), persistent=False)

    def forward(
        self,
        states: Float[Tensor, "R D"],
        candidates: Float[Tensor, "N D"],
        targets: Int[Tensor, " R"],
    ) -> Float[Tensor, ""]:
        """The mean loss of all rows; draws from torch's generator."""
        running = self.get_buffer("running")
        ticket = torch.randint(int(running[-1]), (self.negatives,), device=running.device)
        drawn = torch.searchsorted(running, ticket, right=True)
        weights = self.get_buffer("weights")
        return corrected_cross_entropy(states, candidates, targets, drawn, weights, self.negatives)


@final
class InBatchLoss(NextItemLoss):
    """Softmax of the target against the targets of the other rows, corrected for popularity.

    The other R - 1 targets count as draws by popularity; the correction is that of `SampledLoss`.
    Costs no further items, but an item that is never a target is never a negative.

    Differs: A row's own target is no negative of it wherever it comes from (docs/adr/0036).

    Args:
        counts: Training interactions of each of the N item indices; their share stands for the
            share of targets.
    """

    def __init__(self, counts: Int[Tensor, " N"]) -> None:
        super().__init__()
        self.register_buffer("counts", counts, persistent=False)

    def forward(
        self,
        states: Float[Tensor, "R D"],
        candidates: Float[Tensor, "N D"],
        targets: Int[Tensor, " R"],
    ) -> Float[Tensor, ""]:
        """The mean loss of all rows."""
        others = max(1, len(targets) - 1)
        counts = self.get_buffer("counts")
        return corrected_cross_entropy(states, candidates, targets, targets, counts, others)


def corrected_cross_entropy(
    states: Float[Tensor, "R D"],
    candidates: Float[Tensor, "N D"],
    targets: Int[Tensor, " R"],
    drawn: Int[Tensor, " S"],
    weights: Int[Tensor, " N"],
    draws: int,
) -> Float[Tensor, ""]:
    """Mean of `-s_p + log(exp s_p + sum_k exp(s_k - log(draws q_k)))`, k over the drawn but p.

    Equal draws are one column with a weight; rows are taken in blocks whose logits are computed
    again in the backward pass, so that R x S logits are never held. In the precision of the states.

    Args:
        states: States as they are scored.
        candidates: Vectors of all item indices.
        targets: Item index p of each right answer.
        drawn: Item indices of the negatives, repeats allowed.
        weights: Chance q of each item index at one draw, times their sum; above 0 where drawn.
        draws: Number of draws that a row's negatives come from.
    """
    items, times = drawn.unique(return_counts=True)
    expected = draws * weights[items].to(states.dtype) / weights.sum()
    logq = times.to(states.dtype).log() - expected.log()
    vectors = F.embedding(torch.cat([targets, items]), candidates).to(states.dtype)
    right, wrong = vectors.split([len(targets), len(items)])
    block = block_rows(len(items), states)
    total = states.new_zeros(())
    for start in range(0, len(states), block):
        rows = slice(start, start + block)
        total = total + checkpoint(
            _block_loss,
            *(states[rows], right[rows], targets[rows], wrong, items, logq),
            use_reentrant=False,
            preserve_rng_state=False,
        )
    return total / len(states)


def _block_loss(
    states: Float[Tensor, "R D"],
    right: Float[Tensor, "R D"],
    targets: Int[Tensor, " R"],
    wrong: Float[Tensor, "C D"],
    items: Int[Tensor, " C"],
    logq: Float[Tensor, " C"],
) -> Float[Tensor, ""]:
    """Sum of the losses of some rows."""
    with torch.autocast(states.device.type, enabled=False):
        own = (states * right).sum(-1, keepdim=True)
        others = states @ wrong.T + logq
        others = others.masked_fill(targets[:, None] == items, -torch.inf)
    return (torch.cat([own, others], 1).logsumexp(1) - own[:, 0]).sum()
