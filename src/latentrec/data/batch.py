"""Batches: padded histories, which positions are predicted, and their targets."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal, Protocol, TypeAlias, final

import numpy as np
import torch
from jaxtyping import Bool, Int
from torch import Tensor

from latentrec.data.dataset import Histories, Int64s
from latentrec.data.partners import PartnerIndex, index_partners
from latentrec.index import PAD

Question: TypeAlias = Callable[[Histories, int], "Batch"]
"""Asks for the item behind each history: the histories and their longest length to a batch."""

BUCKET_BATCHES = 32
"""Batches whose histories are sorted by length together; keeps padding small and order random."""


@final
@dataclass(frozen=True)
class Partners:
    """For each of B histories another one with the same target, padded on the right to S.

    Attributes:
        columns: Which of the P predicted positions has that target.
        items: Item indices of the other history, PAD behind the last interaction.
        positions: Its last position: the target follows there too.
    """

    columns: Int[Tensor, "B 1"]
    items: Int[Tensor, "B S"]
    positions: Int[Tensor, "B 1"]

    def to(self, device: torch.device) -> "Partners":
        """The same partners on another device."""
        return Partners(
            _sent(self.columns, device), _sent(self.items, device), _sent(self.positions, device)
        )


@final
@dataclass(frozen=True)
class Batch:
    """B histories padded on the right to L, and P predicted positions in each.

    Attributes:
        items: Item indices, PAD behind the last interaction.
        positions: Positions whose next item is predicted.
        targets: Item index that follows each position, PAD where there is none.
        partners: Other histories with the same targets, where the objective asks for them.
    """

    items: Int[Tensor, "B L"]
    positions: Int[Tensor, "B P"]
    targets: Int[Tensor, "B P"]
    partners: Partners | None = None

    @property
    def predicted(self) -> Bool[Tensor, "B P"]:
        """True where a target exists."""
        return self.targets != PAD

    def to(self, device: torch.device) -> "Batch":
        """The same batch on another device."""
        return Batch(
            _sent(self.items, device),
            _sent(self.positions, device),
            _sent(self.targets, device),
            self.partners and self.partners.to(device),
        )


class TrainingSamples(Protocol):
    """What an epoch is made of: S samples, and how some of them become a batch."""

    def __len__(self) -> int: ...

    @property
    def lengths(self) -> Int64s:
        """Number of items of each sample, shape (S,)."""
        ...

    @property
    def targets(self) -> int:
        """Number of targets in one epoch."""
        ...

    def collate(self, rows: Int64s, rng: np.random.Generator) -> Batch:
        """The samples `rows` as one batch; whatever is drawn comes from the generator."""
        ...


@final
@dataclass(frozen=True)
class Samples:
    """Training samples as windows of one flat item array: nothing is copied per sample.

    Sample i reads `items[starts[i]:ends[i]]`. With `every` its targets are the same window
    shifted by one; without, only the item at `ends[i]`.

    Attributes:
        items: All training interactions, user after user, shape (n,).
        starts: First flat position of each sample, shape (S,).
        ends: Flat position just behind each sample, shape (S,).
        every: Predict at every position (P = L), or only at the last (P = 1).
        partners: Finds other histories with the same target, where batches shall hold them.
        labels: Given as targets in place of `items`, PAD where nothing is predicted, shape (n,).
    """

    items: np.ndarray
    starts: Int64s
    ends: Int64s
    every: bool
    partners: PartnerIndex | None = None
    labels: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.starts)

    @property
    def lengths(self) -> Int64s:
        """Number of items of each sample, shape (S,)."""
        return self.ends - self.starts

    @property
    def targets(self) -> int:
        """Number of targets in one epoch."""
        return self._targets

    @cached_property
    def _targets(self) -> int:
        return int(self.targets_of_each.sum())

    @property
    def targets_of_each(self) -> Int64s:
        """Number of targets of each sample, shape (S,)."""
        first = self.starts + 1 if self.every else self.ends
        if self.labels is None:
            return self.ends + 1 - first
        before = np.concatenate([[0], np.cumsum(self.labels != PAD)])
        return before[self.ends + 1] - before[first]

    def collate(self, rows: Int64s, rng: np.random.Generator) -> Batch:
        """The samples `rows` as one batch; partners are drawn from the generator."""
        return _collate(self, rows, rng)


def training_samples(
    train: Histories,
    max_length: int,
    positions: Literal["all", "last"],
    long_histories: Literal["split", "last"],
    partners: bool = False,
) -> Samples:
    """The samples of all users with at least two interactions.

    Args:
        train: Training part of every user.
        max_length: Longest history L.
        positions: `all`: windows in which every position is predicted. `last`: one sample a
            target, holding up to `max_length` interactions before it.
        long_histories: For `all`: `split` cuts longer sequences into windows, the last one full, so
            that no target is lost; `last` keeps the last window only.
        partners: Let batches hold another history with the same target for each of theirs.
    """
    if positions == "last":
        samples = _prefixes(train, max_length)
    else:
        samples = _windows(train, max_length, long_histories)
    if not partners:
        return samples
    return replace(samples, partners=index_partners(train, max_length, _target_places(samples)))


def _prefixes(train: Histories, max_length: int) -> Samples:
    """One sample a target."""
    starts_of = np.repeat(train.offsets[:-1], train.lengths)
    ends = np.flatnonzero(np.arange(len(train.items)) > starts_of)
    starts = np.maximum(ends - max_length, starts_of[ends])
    return Samples(train.items, starts, ends, every=False)


def _windows(
    train: Histories, max_length: int, long_histories: Literal["split", "last"]
) -> Samples:
    """Samples that predict at every position."""
    first, last = train.offsets[:-1], train.offsets[1:] - 1
    inputs = np.maximum(last - first, 0)
    if long_histories == "last":
        inputs = np.minimum(inputs, max_length)
    windows = -(-inputs // max_length)
    ends = np.repeat(last, windows) - max_length * _count_up(windows)
    starts = np.maximum(ends - max_length, np.repeat(first, windows))
    return Samples(train.items, starts, ends, every=True)


def _target_places(samples: Samples) -> Int64s:
    """The flat positions of all targets of one epoch."""
    if not samples.every:
        return samples.ends
    lengths = samples.ends - samples.starts
    return np.repeat(samples.starts + 1, lengths) + _count_up(lengths)


def _count_up(counts: Int64s) -> Int64s:
    """0 .. c-1 for each c, one after another."""
    return np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)


def batches(
    samples: TrainingSamples,
    batch_size: int,
    rng: np.random.Generator,
    share: tuple[int, int] = (0, 1),
) -> Iterator[Batch]:
    """One epoch of batches: random order, histories of like length together.

    Args:
        samples: What to take batches of.
        batch_size: Samples in a batch.
        rng: Decides the order, and all that a batch draws; the same on every process.
        share: This process and the number of processes; each takes its share of the batches, the
            first ones twice where they do not divide evenly.
    """
    lengths = samples.lengths
    order = rng.permutation(len(samples))
    bucket = batch_size * BUCKET_BATCHES
    chunks: list[Int64s] = []
    for start in range(0, len(order), bucket):
        rows = order[start : start + bucket]
        rows = rows[np.argsort(lengths[rows], kind="stable")]
        chunks += [rows[i : i + batch_size] for i in range(0, len(rows), batch_size)]
    places = rng.permutation(len(chunks))
    process, processes = share
    places = np.resize(places, -(-len(places) // processes) * processes)
    for place in places[process::processes]:
        yield samples.collate(chunks[place], rng)


def _collate(samples: Samples, rows: Int64s, rng: np.random.Generator) -> Batch:
    starts, ends = samples.starts[rows], samples.ends[rows]
    items = pad_windows(samples.items, starts, ends)
    labels = samples.items if samples.labels is None else samples.labels
    if samples.every:
        positions = np.broadcast_to(np.arange(items.shape[1]), items.shape)
        targets = pad_windows(labels, starts + 1, ends + 1)
    else:
        positions = (ends - starts - 1)[:, None]
        targets = labels[ends][:, None]
    partners = None
    if samples.partners is not None:
        partners = _partners(samples, samples.partners, starts, ends, rng)
    return Batch(_tensor(items), _tensor(positions), _tensor(targets), partners)


def _partners(
    samples: Samples,
    index: PartnerIndex,
    starts: Int64s,
    ends: Int64s,
    rng: np.random.Generator,
) -> Partners:
    """A partner for one random target of each sample, or for its only one (docs/adr/0024)."""
    columns = rng.integers(0, ends - starts if samples.every else np.ones_like(ends))
    found = index.draw(starts + 1 + columns if samples.every else ends, rng)
    begins = index.begins(found)
    positions = (found - begins - 1)[:, None]
    padded = pad_windows(samples.items, begins, found)
    return Partners(_tensor(columns[:, None]), _tensor(padded), _tensor(positions))


def last_items(histories: Histories, max_length: int) -> Batch:
    """A batch without targets that predicts behind the last interaction of each history.

    Args:
        histories: Non-empty histories.
        max_length: Older interactions are cut off.
    """
    ends = histories.offsets[1:]
    starts = np.maximum(ends - max_length, histories.offsets[:-1])
    items = pad_windows(histories.items, starts, ends)
    positions = (ends - starts - 1)[:, None]
    return Batch(_tensor(items), _tensor(positions), _tensor(np.full_like(positions, PAD)))


def pad_windows(items: np.ndarray, starts: Int64s, ends: Int64s) -> np.ndarray:
    """Windows of a flat array as rows padded on the right, shape (B, L)."""
    lengths = ends - starts
    columns = np.arange(lengths.max())
    flat = np.minimum(starts[:, None] + columns, len(items) - 1)
    return np.where(columns < lengths[:, None], items[flat], PAD)


def _sent(values: Int[Tensor, "B X"], device: torch.device) -> Int[Tensor, "B X"]:
    """The same numbers on another device; from pinned memory the copy makes nobody wait."""
    pinned = values.pin_memory() if device.type == "cuda" else values
    return pinned.to(device, non_blocking=True)


def _tensor(values: np.ndarray) -> Int[Tensor, "B X"]:
    return torch.from_numpy(np.array(values, dtype=np.int64))
