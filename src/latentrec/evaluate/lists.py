"""Lists: the first K items of each case, repeatable where scores are equal."""

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from latentrec.data.dataset import Histories, Int32s
from latentrec.index import FIRST_ITEM, PAD


def best_items(
    scores: Float[Tensor, "B N"],
    top_k: int,
    targets: Int[Tensor, " B"],
    hidden: Histories | None = None,
) -> Int32s:
    """The best items of each row: higher scores first, of equal ones the lower item index.

    Args:
        scores: Finite scores; the columns PAD and MASK are no candidates.
        top_k: List length K.
        targets: Item index of each target, which is never hidden.
        hidden: Items that are no candidates, one history a row.

    Returns:
        Item indices, PAD where there are fewer than K candidates, shape (B, K).

    Example:
        >>> best_items(torch.tensor([[9.0, 9.0, 0.5, 0.1, 0.5]]), 2, torch.tensor([3]))
        array([[2, 4]], dtype=int32)
    """
    shown = _candidates(scores, targets, hidden)
    length = min(top_k, shown.shape[1])
    values, items = shown.topk(length)
    items = items.sort(dim=1).values
    order = shown.gather(1, items).sort(dim=1, descending=True, stable=True).indices
    found = items.gather(1, order).cpu().numpy().astype(np.int32)
    # `topk` leaves open which of several items with the last score it returns.
    last = values[:, -1:]
    tied = (torch.count_nonzero(shown >= last, dim=1) > length) & last[:, 0].isfinite()
    for row in tied.nonzero()[:, 0].tolist():
        found[row] = _settled(shown[row].cpu().numpy(), float(last[row, 0]), length)
    found[~np.isfinite(np.take_along_axis(shown.cpu().numpy(), found.astype(np.int64), 1))] = PAD
    return np.pad(found, ((0, 0), (0, top_k - length)), constant_values=PAD)


def _candidates(scores: Tensor, targets: Tensor, hidden: Histories | None) -> Tensor:
    """The scores, minus infinity where an item is no candidate."""
    shown = scores.clone(memory_format=torch.contiguous_format)
    shown[:, :FIRST_ITEM] = -torch.inf
    if hidden is not None:
        rows = np.repeat(np.arange(len(hidden)), hidden.lengths)
        others = hidden.items != targets.cpu().numpy()[rows]
        items = torch.from_numpy(hidden.items[others]).long()
        shown[torch.from_numpy(rows[others]).to(shown.device), items.to(shown.device)] = -torch.inf
    return shown


def _settled(row: np.ndarray, last: float, length: int) -> Int32s:
    """The best items of one row where several share the last score."""
    items = np.flatnonzero(row >= last)
    return items[np.argsort(-row[items], kind="stable")[:length]].astype(np.int32)
