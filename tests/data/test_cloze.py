"""Cloze batches never show what they ask for, and ranking asks behind the last item."""

from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from latentrec.data.batch import Batch, batches
from latentrec.data.cloze import ClozeSamples, cloze_samples, masked_ends
from latentrec.data.dataset import Histories
from latentrec.index import MASK, PAD

# Distinct items, so that a target seen anywhere in its own input is a leak.
lengths = st.lists(st.integers(0, 12), min_size=1, max_size=8)


def distinct(sizes: list[int]) -> list[list[int]]:
    ends = np.cumsum(sizes) + 2
    return [list(range(end - size, end)) for end, size in zip(ends.tolist(), sizes, strict=True)]


def epoch(samples: ClozeSamples, seed: int = 0) -> list[Batch]:
    return list(batches(samples, 3, np.random.default_rng(seed))) if len(samples) else []


def restored(batch: Batch, row: int) -> list[int]:
    """The window of a row with its targets put back."""
    real = batch.predicted[row]
    items = batch.items[row].clone()
    assert bool((items[batch.positions[row][real]] == MASK).all())
    items[batch.positions[row][real]] = batch.targets[row][real]
    return items[items != PAD].tolist()


@given(lengths, st.integers(2, 6), st.sampled_from([0.01, 0.3, 0.99]), st.sampled_from([0, 0.5, 1]))
def test_a_target_is_masked_and_stands_nowhere_in_the_input(
    sizes: list[int], length: int, share: float, last: float
) -> None:
    """With the targets put back, every row is a true window; one item at least is left to read."""
    rows = distinct(sizes)
    for batch in epoch(cloze_samples(Histories.from_lists(rows), length, "split", share, last)):
        for row in range(len(batch.items)):
            targets = batch.targets[row][batch.predicted[row]].tolist()
            left = [i for i in batch.items[row].tolist() if i not in (PAD, MASK)]
            assert targets
            assert left
            assert not set(targets) & set(left)
            assert batch.items[row].tolist().count(MASK) == len(targets) == len(set(targets))
            window = restored(batch, row)
            assert 2 <= len(window) <= length
            assert any(window == u[i : i + len(window)] for u in rows for i in range(len(u)))


@given(lengths, st.integers(2, 6))
def test_windows_cover_every_item(sizes: list[int], length: int) -> None:
    """Each item of a user with two or more stands in a window; the last window is full."""
    rows = distinct(sizes)
    samples = cloze_samples(Histories.from_lists(rows), length, "split", 0.2, 0.1)
    windows = {tuple(restored(b, r)) for b in epoch(samples) for r in range(len(b.items))}
    assert {i for w in windows for i in w} == {i for u in rows if len(u) > 1 for i in u}
    assert {tuple(u[-length:]) for u in rows if len(u) > 1} <= windows
    latest = cloze_samples(Histories.from_lists(rows), length, "last", 0.2, 0.1)
    assert len(latest) == sum(len(u) > 1 for u in rows)


def test_the_shares_are_kept() -> None:
    """A window of ten masks three at p = .3; a quarter of the windows masks its last alone."""
    train = Histories.from_lists([list(range(2, 12))] * 4000)
    samples = cloze_samples(train, 10, "split", 0.3, 0.25)
    kinds: Counter[tuple[int, ...]] = Counter()
    places: Counter[int] = Counter()
    for batch in epoch(samples):
        for row in range(len(batch.items)):
            masked = (batch.items[row] == MASK).nonzero()[:, 0].tolist()
            kinds[(9,) if masked == [9] else (len(masked),)] += 1
            places.update(masked if masked != [9] else [])
    assert set(kinds) == {(9,), (3,)}
    assert kinds[(9,)] == pytest.approx(1000, abs=120)  # more than four standard deviations
    assert all(n == pytest.approx(900, abs=110) for n in places.values())
    assert len(places) == 10
    predicted = sum(int(b.predicted.sum()) for b in epoch(samples))
    assert samples.targets == pytest.approx(predicted, rel=0.03)


def test_masks_are_drawn_from_the_generator() -> None:
    """The same seed masks the same items, another epoch others."""
    samples = cloze_samples(Histories.from_lists([list(range(2, 32))]), 30, "split", 0.3, 0.0)
    first, again, other = (epoch(samples, seed)[0].items for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_ranking_reads_the_newest_items_and_the_mask() -> None:
    """The mask takes one of the `max_length` places, the items before it the others."""
    batch = masked_ends(Histories.from_lists([[2, 3, 4, 5], [6], [7, 8, 9]]), 4)
    assert batch.items.tolist() == [[3, 4, 5, MASK], [6, MASK, PAD, PAD], [7, 8, 9, MASK]]
    assert batch.positions.tolist() == [[3], [1], [3]]
    assert not batch.predicted.any()
