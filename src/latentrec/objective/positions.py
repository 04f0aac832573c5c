"""A random subset of predicted positions, for terms that are too costly at all of them."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from latentrec.data.batch import Batch


def choose_positions(batch: Batch, count: int) -> tuple[Int[Tensor, "B Q"], Tensor]:
    """Random predicted positions of each history: their columns in P, and which are real.

    Args:
        batch: Histories with targets.
        count: Positions of each history; 0, or more than there are, means all.
    """
    predicted = batch.predicted
    if count == 0 or count >= predicted.shape[1]:
        columns = torch.arange(predicted.shape[1], device=predicted.device).expand_as(predicted)
        return columns, predicted
    chance = torch.rand(predicted.shape, device=predicted.device).masked_fill(~predicted, -1.0)
    columns = chance.topk(count, dim=1).indices
    return columns, predicted.gather(1, columns)


def states_at(
    steps: Float[Tensor, "B P M T D"], columns: Int[Tensor, "B Q"]
) -> Float[Tensor, "B Q M T D"]:
    """The reasoning states at the chosen columns of P."""
    index = columns[:, :, None, None, None].expand(-1, -1, *steps.shape[2:])
    return steps.gather(1, index)
