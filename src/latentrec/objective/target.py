"""The target's log-probability and rank in the whole catalogue, one block of logits at a time."""

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from latentrec.objective.terms import block_rows, full


def target_log_probability(
    states: Float[Tensor, "R D"], candidates: Float[Tensor, "N D"], targets: Int[Tensor, " R"]
) -> Float[Tensor, " R"]:
    """Log-probability of each row's target under a softmax over the whole catalogue, in nats.

    Rows are taken in blocks, whose logits are computed again when gradients are asked for, so
    R x N logits never exist at once. Unlike in `catalogue_cross_entropy` each row's gradient may
    have a weight of its own, which need not be known yet.

    Args:
        states: States to score, at least one.
        candidates: Vectors of all items that can be the answer.
        targets: Row of each right answer in `candidates`.
    """
    with torch.autocast(states.device.type, enabled=False):
        parts = [
            checkpoint(_log_probability, *block, use_reentrant=False, preserve_rng_state=False)
            for block in _blocks(states, candidates, targets)
        ]
    return torch.cat(parts)


@torch.no_grad()
def target_ranks(
    states: Float[Tensor, "R D"], candidates: Float[Tensor, "N D"], targets: Int[Tensor, " R"]
) -> Int[Tensor, " R"]:
    """Rank of each row's target in the whole catalogue, from 1; ties count against the target.

    Args:
        states: States to score, at least one.
        candidates: Vectors of all items that can be the answer.
        targets: Row of each right answer in `candidates`.

    Example:
        >>> one = torch.ones(1, 1)
        >>> target_ranks(one, torch.tensor([[3.0], [1.0], [2.0]]), torch.tensor([2])).tolist()
        [2]
    """
    with torch.autocast(states.device.type, enabled=False):
        return torch.cat([_rank(*block) for block in _blocks(states, candidates, targets)])


def _blocks(
    states: Tensor, candidates: Tensor, targets: Tensor
) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    states, candidates = full(states), full(candidates)
    rows = block_rows(len(candidates), states)
    for part, wanted in zip(states.split(rows), targets.split(rows), strict=True):
        yield part, candidates, wanted


def _log_probability(states: Tensor, candidates: Tensor, targets: Tensor) -> Tensor:
    return -F.cross_entropy(states @ candidates.T, targets, reduction="none")


def _rank(states: Tensor, candidates: Tensor, targets: Tensor) -> Tensor:
    logits = states @ candidates.T
    return torch.count_nonzero(logits >= logits.gather(1, targets[:, None]), dim=1)
