"""gBCE: binary cross-entropy with a few negatives of each row and calibrated chances."""

from typing import Any, final

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from latentrec.index import FIRST_ITEM
from latentrec.objective.next_item import NextItemLoss
from latentrec.objective.terms import block_rows


@final
class GbceLoss(NextItemLoss):
    """Binary cross-entropy of the target, its chance to the power beta, and S negatives a row.

    Few negatives make a sigmoid far too sure of every target. With a = S / (items - 1) and
    `beta = a (t (1 - 1/a) + 1/a)` the calibration t runs from plain sampled BCE (0) to the chances
    that BCE with all negatives would give (1).

    Paper: gSASRec (arXiv 2308.07192), Eq. of gBCE and of beta.

    Differs: Negatives are drawn uniformly from all items but the row's target, and `log(s^beta)` is
    computed as `beta log s`, which needs no float64 (docs/adr/0036).

    Args:
        negatives: Negatives S of each row.
        calibration: Calibration t, 0 to 1.
    """

    def __init__(self, negatives: int, calibration: float) -> None:
        super().__init__()
        self.negatives = negatives
        self.calibration = calibration

    def forward(
        self,
        states: Float[Tensor, "R D"],
        candidates: Float[Tensor, "N D"],
        targets: Int[Tensor, " R"],
    ) -> Float[Tensor, ""]:
        """The mean loss of all rows; draws from torch's generator."""
        others = len(candidates) - FIRST_ITEM - 1
        power = beta(self.negatives / others, self.calibration)
        shape = (len(targets), self.negatives)
        drawn = torch.randint(FIRST_ITEM, FIRST_ITEM + others, shape, device=targets.device)
        drawn += drawn >= targets[:, None]  # steps over the target
        return generalised_bce(states, candidates, targets, drawn, power)


def beta(share: float, calibration: float) -> float:
    """The power of the target's chance, for a sampled share of all negatives.

    Example:
        >>> beta(0.25, 0.0), beta(0.25, 1.0)
        (1.0, 0.25)
    """
    return share * (calibration * (1 - 1 / share) + 1 / share)


def generalised_bce(
    states: Float[Tensor, "R D"],
    candidates: Float[Tensor, "N D"],
    targets: Int[Tensor, " R"],
    drawn: Int[Tensor, "R S"],
    power: float,
) -> Float[Tensor, ""]:
    """Mean of `-[power log s(target) + sum log(1 - s(negative))] / (S + 1)`, s the sigmoid.

    Rows are taken in blocks, and both gradients are computed in the forward pass, so that no more
    than a block of negatives' vectors and one table of gradients are held.

    Args:
        states: States as they are scored.
        candidates: Vectors of all item indices.
        targets: Item index of each right answer.
        drawn: Item indices of each row's negatives.
        power: Power beta of the target's chance.
    """
    return _GeneralisedBce.apply(states, candidates, targets, drawn, power)  # pyright: ignore


@final
class _GeneralisedBce(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, states: Tensor, candidates: Tensor, targets: Tensor, drawn: Tensor, power: float
    ) -> Tensor:
        with torch.autocast(states.device.type, enabled=False):
            return _forward_with_gradients(ctx, states, candidates, targets, drawn, power)

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> tuple[Tensor | None, ...]:
        grad_states, grad_candidates = ctx.saved_tensors
        return grad_states * grad_outputs[0], grad_candidates * grad_outputs[0], None, None, None


def _forward_with_gradients(
    ctx: Any, states: Tensor, candidates: Tensor, targets: Tensor, drawn: Tensor, power: float
) -> Tensor:
    items = torch.cat([targets[:, None], drawn], 1)  # the target is column 0
    rows, width = items.shape
    block = block_rows(width * states.shape[1], states)
    total = states.new_zeros(())
    grad_states, grad_candidates = torch.empty_like(states), torch.zeros_like(candidates)
    for start in range(0, rows, block):
        part, chosen = states[start : start + block, :, None], items[start : start + block]
        vectors = F.embedding(chosen, candidates).to(states.dtype)
        scores = torch.bmm(vectors, part)
        total -= power * F.logsigmoid(scores[:, 0]).sum() + F.logsigmoid(-scores[:, 1:]).sum()
        slopes = scores.sigmoid()
        slopes[:, 0] = power * (slopes[:, 0] - 1)
        grad_states[start : start + block] = torch.bmm(vectors.transpose(1, 2), slopes)[:, :, 0]
        torch.bmm(slopes, part.transpose(1, 2), out=vectors)
        grad_candidates.index_add_(0, chosen.flatten(), vectors.flatten(0, 1).to(candidates.dtype))
    terms = rows * width
    ctx.save_for_backward(grad_states.div_(terms), grad_candidates.div_(terms))
    return total / terms
