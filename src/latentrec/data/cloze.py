"""The Cloze task: whole windows with some items masked, and histories with MASK behind the last."""

from dataclasses import dataclass
from typing import Literal, final

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Int
from torch import Tensor

from latentrec.data.batch import Batch, last_items, pad_windows, training_samples
from latentrec.data.dataset import Histories, Int64s
from latentrec.index import MASK, PAD


@final
@dataclass(frozen=True)
class ClozeSamples:
    """Training windows whose masked items are drawn afresh each time that a batch is made.

    What is masked stands in the targets only, never in the input, so that a model may look both
    ways. At least one item of every window is masked and at least one is left.

    Paper: BERT4Rec (arXiv 1904.06690), section 3.6: random masks, and windows with the last item
    masked alone. What it leaves open stands in docs/adr/0028.

    Attributes:
        items: All training interactions, user after user, shape (n,).
        starts: First flat position of each window, shape (S,).
        ends: Flat position just behind each window, at least `starts + 2`, shape (S,).
        mask_probability: Share of the items of a window that is masked, in (0, 1).
        last_share: Share of the windows of which only the last item is masked, as when ranking.
    """

    items: np.ndarray
    starts: Int64s
    ends: Int64s
    mask_probability: float
    last_share: float

    def __len__(self) -> int:
        return len(self.starts)

    @property
    def lengths(self) -> Int64s:
        """Number of items of each window, shape (S,)."""
        return self.ends - self.starts

    @property
    def targets(self) -> int:
        """Number of targets in one epoch, rounded: which windows mask their last item is drawn."""
        masked = float(self._counts(self.lengths).sum())
        return round((1 - self.last_share) * masked + self.last_share * len(self))

    def collate(self, rows: Int64s, rng: np.random.Generator) -> Batch:
        """The windows `rows` as one batch, with masks drawn from the generator."""
        items = pad_windows(self.items, self.starts[rows], self.ends[rows])
        lengths = self.lengths[rows]
        chance = rng.random(items.shape)
        chance[items == PAD] = np.inf
        last_only = rng.random(len(rows)) < self.last_share
        chance[last_only, lengths[last_only] - 1] = -1.0
        counts = np.where(last_only, 1, self._counts(lengths))
        positions = np.argsort(chance, axis=1)[:, : counts.max()]
        masked = np.arange(positions.shape[1]) < counts[:, None]
        chosen = np.take_along_axis(items, positions, axis=1)
        targets = np.where(masked, chosen, PAD)
        np.put_along_axis(items, positions, np.where(masked, MASK, chosen), axis=1)
        return Batch(_tensor(items), _tensor(positions), _tensor(targets))

    def _counts(self, lengths: Int64s) -> Int64s:
        """How many items of windows of these lengths are masked."""
        wanted = np.rint(self.mask_probability * lengths).astype(np.int64)
        return np.clip(wanted, 1, lengths - 1)


def cloze_samples(
    train: Histories,
    max_length: int,
    long_histories: Literal["split", "last"],
    mask_probability: float,
    last_share: float,
) -> ClozeSamples:
    """The windows of all users with at least two interactions.

    Args:
        train: Training part of every user.
        max_length: Longest window L, at least 2.
        long_histories: `split` cuts longer sequences into windows that share one item, the last
            one full; `last` keeps the last window only.
        mask_probability: Share of the items of a window that is masked, in (0, 1).
        last_share: Share of the windows of which only the last item is masked, in [0, 1].

    Example:
        >>> train = Histories.from_lists([[2, 3, 4, 5], [6]])
        >>> samples = cloze_samples(train, 3, "split", 0.5, last_share=1.0)
        >>> batch = samples.collate(np.array([0]), np.random.default_rng(0))
        >>> batch.items.tolist(), batch.positions.tolist(), batch.targets.tolist()
        ([[3, 4, 1]], [[2]], [[5]])
    """
    windows = training_samples(train, max_length - 1, "all", long_histories)
    return ClozeSamples(
        windows.items, windows.starts, windows.ends + 1, mask_probability, last_share
    )


def masked_ends(histories: Histories, max_length: int) -> Batch:
    """A batch that asks for the item behind each history: MASK stands there.

    Args:
        histories: Non-empty histories.
        max_length: Longest input L, MASK included; older interactions are cut off.

    Example:
        >>> batch = masked_ends(Histories.from_lists([[2, 3, 4], [5]]), 3)
        >>> batch.items.tolist(), batch.positions.tolist()
        ([[3, 4, 1], [5, 1, 0]], [[2], [1]])
    """
    read = last_items(histories, max_length - 1)
    ends = read.positions + 1
    items = F.pad(read.items, (0, 1), value=PAD).scatter(1, ends, MASK)
    return Batch(items, ends, read.targets)


def _tensor(values: np.ndarray) -> Int[Tensor, "B X"]:
    return torch.from_numpy(values.astype(np.int64))
