"""Loss terms as pure functions of states and the item table."""

from typing import Any, Final, final

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor

BLOCK_BYTES: Final = 32 * 2**20
"""Largest block of logits that is held at once on the CPU, whose caches want small ones."""
GPU_BLOCK_BYTES: Final = 256 * 2**20
"""The same elsewhere: a block is a few kernels, and small ones leave a GPU waiting."""


def full(x: Float[Tensor, "*S"]) -> Float[Tensor, "*S"]:
    """At least single precision: mixed precision is for layers, a loss would lose too much."""
    return x.to(torch.promote_types(x.dtype, torch.float32))


def block_rows(width: int, like: Tensor) -> int:
    """Rows of `width` numbers that are held at once, by the device and precision of `like`."""
    held = BLOCK_BYTES if like.device.type == "cpu" else GPU_BLOCK_BYTES
    return max(1, held // (width * like.element_size()))


def catalogue_cross_entropy(
    states: Float[Tensor, "R D"], candidates: Float[Tensor, "N D"], targets: Int[Tensor, " R"]
) -> Float[Tensor, ""]:
    """Mean cross-entropy of a softmax over the whole catalogue.

    Exact, and never holds R x N logits: rows are taken in blocks, and both gradients are computed
    in the forward pass (docs/adr/0009).

    Paper: PLR Eq. 1.

    Args:
        states: States to score.
        candidates: Vectors of all items that can be the answer.
        targets: Row of each right answer in `candidates`.
    """
    return _CatalogueCrossEntropy.apply(states, candidates, targets)  # pyright: ignore


@final
class _CatalogueCrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, states: Tensor, candidates: Tensor, targets: Tensor) -> Tensor:
        with torch.autocast(states.device.type, enabled=False):
            return _forward_with_gradients(ctx, full(states), full(candidates), targets)

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> tuple[Tensor, Tensor, None]:
        grad_states, grad_candidates = ctx.saved_tensors
        return grad_states * grad_outputs[0], grad_candidates * grad_outputs[0], None


def _forward_with_gradients(
    ctx: Any, states: Tensor, candidates: Tensor, targets: Tensor
) -> Tensor:
    rows, count = len(states), len(candidates)
    block = block_rows(count, states)
    total = states.new_zeros(())
    grad_states, grad_candidates = torch.empty_like(states), torch.zeros_like(candidates)
    held = states.new_empty((min(block, rows), count))  # one block's memory serves all blocks
    for start in range(0, rows, block):
        part, wanted = states[start : start + block], targets[start : start + block, None]
        logits = torch.mm(part, candidates.T, out=held[: len(part)])
        behind = logits.amax(dim=1, keepdim=True) - logits.gather(1, wanted)
        chances = torch.softmax(logits, dim=1, out=logits)  # far faster than exp on the CPU
        total += (behind - chances.amax(dim=1, keepdim=True).log()).sum()  # max = 1 / mass
        chances.scatter_add_(1, wanted, -torch.ones_like(behind))
        torch.mm(chances, candidates, out=grad_states[start : start + block])
        grad_candidates.addmm_(chances.T, part)
    ctx.save_for_backward(grad_states.div_(rows), grad_candidates.div_(rows))
    return total / rows


def pairwise_kl(
    states: Float[Tensor, "R n D"], candidates: Float[Tensor, "N D"]
) -> Float[Tensor, " R"]:
    """Mean KL divergence over all ordered pairs of n states, for each of R histories, in nats.

    With linear scores the log-normalisers cancel over ordered pairs, which leaves
    `[n sum_i h_i.e_i - (sum h).(sum e)] / (n (n - 1))`, e_i the expected item vector under state i
    (docs/adr/0010). No pair and no R x n x N tensor is held. A single state gives 0.

    Paper: PLR Eq. 7.

    Args:
        states: The states of each history.
        candidates: Vectors of all items.
    """
    n = states.shape[1]
    if n < 2:
        return states.new_zeros(len(states))
    states, table = full(states), full(candidates)[None, None]
    queries = states.flatten(0, 1)[None, None]
    with torch.autocast(states.device.type, enabled=False):  # bf16 would lose small divergences
        expected = F.scaled_dot_product_attention(queries, table, table, scale=1.0)
    expected = expected.view_as(states)
    own = n * (states * expected).sum(dim=(1, 2))
    return (own - (states.sum(1) * expected.sum(1)).sum(-1)) / (n * (n - 1))


def one_sided_kl(
    states: Float[Tensor, "R n D"], candidates: Float[Tensor, "N D"], temperature: float
) -> Float[Tensor, " R"]:
    """Mean of KL(p_j || p_i) over ordered pairs i != j of n >= 2 states, each p_i held fixed.

    The value is that of `pairwise_kl`; the gradient flows through the first argument of each
    divergence only. With `l = E h / temperature` that gradient is the one of
    `sum_j sum_v p_j(v) [n l_j(v) - sum_i l_i(v)] / (n (n - 1))` with the bracket held fixed, since
    `sum_v p_j(v) d log p_j(v) = 0`. The bracket is linear in E, so this is a product with expected
    item vectors whose values are fixed (docs/adr/0017).

    Paper: ReaRec (arXiv 2503.22675 v2) Eq. 7, as its authors' code computes it.

    Args:
        states: The states of each history, at least two.
        candidates: Vectors of all items.
        temperature: Divides the logits, above 0.
    """
    n, scaled = states.shape[1], full(states) / temperature
    queries, table = scaled.flatten(0, 1)[None, None], full(candidates)[None, None]
    with torch.autocast(states.device.type, enabled=False):  # bf16 would lose small divergences
        expected = F.scaled_dot_product_attention(queries, table, table.detach(), scale=1.0)
    apart = (n * scaled - scaled.sum(1, keepdim=True)).detach()
    return (apart * expected.view_as(states)).sum(dim=(1, 2)) / (n * (n - 1))


def mean_cosine(states: Float[Tensor, "R n D"]) -> Float[Tensor, ""]:
    """Mean cosine over all pairs of different states; 1 means that all streams are alike."""
    n = states.shape[1]
    if n < 2:
        return states.new_ones(())
    unit = F.normalize(states, dim=-1)
    return ((unit.sum(1).square().sum(-1) - n) / (n * (n - 1))).mean()


def reasoning_contrast(
    first: Float[Tensor, "R n D"], second: Float[Tensor, "R n D"], temperature: float
) -> Float[Tensor, ""]:
    """Contrast of two dropout views: the same state of other rows are the negatives.

    Both directions are added, not averaged, and all n states of a row count alike.

    Paper: PLR Eq. 8.

    Args:
        first: The n reasoning states of R histories in one view.
        second: The same under other dropout masks.
        temperature: Temperature of the cosine similarities, above 0.
    """
    a, b = F.normalize(first, dim=-1).transpose(0, 1), F.normalize(second, dim=-1).transpose(0, 1)
    similarity = (a @ b.transpose(1, 2) / temperature).flatten(0, 1)
    backward = (b @ a.transpose(1, 2) / temperature).flatten(0, 1)
    same = torch.arange(len(first), device=first.device).repeat(first.shape[1])
    return F.cross_entropy(similarity, same) + F.cross_entropy(backward, same)


def noise_contrast(
    noisy: Float[Tensor, "R n D"], clean: Float[Tensor, "R n D"], temperature: float
) -> Float[Tensor, ""]:
    """Contrast of a noisy with a clean trajectory: each noisy state should find its clean one.

    Dot products without normalisation; the clean states of the same step in other rows are the
    negatives; mean over states and rows.

    Paper: ReaRec (arXiv 2503.22675 v2), reasoning contrast of PRL; summed over steps there.

    Args:
        noisy: States of R histories after each of n noisy steps: the anchors.
        clean: The same without noise.
        temperature: Divides the dot products, above 0.
    """
    with torch.autocast(noisy.device.type, enabled=False):  # unnormalised products are large
        similarity = full(noisy).transpose(0, 1) @ full(clean).permute(1, 2, 0) / temperature
    same = torch.arange(len(noisy), device=noisy.device).repeat(noisy.shape[1])
    return F.cross_entropy(similarity.flatten(0, 1), same)


def in_batch_contrast(
    first: Float[Tensor, "R D"],
    second: Float[Tensor, "R D"],
    temperature: float,
    blocked: Bool[Tensor, "R R"] | None,
) -> Float[Tensor, ""]:
    """Contrast of two states of R histories: each should find its own among all others.

    Dot products; the mean of both directions, unlike the sum in `reasoning_contrast`.

    Paper: LARES (arXiv 2505.16865), trajectory and step alignment.

    Args:
        first: One state of each history.
        second: Another state of each.
        temperature: Divides the dot products, above 0.
        blocked: True for a pair of rows that is no negative; symmetric, never on the diagonal.
    """
    with torch.autocast(first.device.type, enabled=False):  # unnormalised products are large
        similarity = full(first) @ full(second).T / temperature
    if blocked is not None:
        similarity = similarity.masked_fill(blocked, float("-inf"))
    own = torch.arange(len(first), device=first.device)
    return (F.cross_entropy(similarity, own) + F.cross_entropy(similarity.T, own)) / 2
