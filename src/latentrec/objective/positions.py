"""A random subset of predicted positions, for terms that are too costly at all of them."""

from collections.abc import Callable
from typing import Final

import torch
from jaxtyping import Float, Int
from torch import Tensor

from latentrec.data.batch import Batch

PARTS: Final = 4
"""Parts of a batch, each cut to its own length: 4 save 3/8 of the work, 8 would save 7/16."""


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


def encode_prefixes(
    items: Int[Tensor, "B L"],
    positions: Int[Tensor, "B Q"],
    states: Callable[[Int[Tensor, "b l"], Int[Tensor, "b Q"]], Float[Tensor, "b *S"]],
) -> Float[Tensor, "B *S"]:
    """Compute states from histories cut behind the last position that is read.

    A random position leaves half a history to encode; those of like length go together. Only on
    the CPU: elsewhere the host would wait for lengths, and parts would leave the device idle.

    Args:
        items: Histories padded on the right; read causally, or up to their ends.
        positions: Positions that are read.
        states: Computes states of some histories; called with parts of `items` and `positions`.
    """
    if items.device.type != "cpu":
        return states(items, positions)
    order = positions.amax(dim=1).argsort()
    parts = [
        states(items[rows, : int(positions[rows].max()) + 1], positions[rows])
        for rows in order.tensor_split(min(PARTS, len(order)))
    ]
    return torch.cat(parts)[order.argsort()]
