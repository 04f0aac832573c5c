"""Batches hold every target exactly once, whatever the mode, window length and batch size."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from latentrec.data.batch import Samples, batches, last_items, training_samples
from latentrec.data.dataset import Histories
from latentrec.index import PAD

sequences = st.lists(st.lists(st.integers(2, 99), max_size=12), min_size=1, max_size=8)


def pairs(samples: Samples, batch_size: int = 3) -> Counter[tuple[tuple[int, ...], int]]:
    """All (readable history, target) pairs of one epoch."""
    found: Counter[tuple[tuple[int, ...], int]] = Counter()
    for batch in batches(samples, batch_size, np.random.default_rng(0)):
        for row in range(len(batch.items)):
            for column, position in enumerate(batch.positions[row].tolist()):
                target = int(batch.targets[row, column])
                if target != PAD:
                    found[tuple(batch.items[row, : position + 1].tolist()), target] += 1
    return found


@given(rows=sequences, max_length=st.integers(1, 5))
def test_prefix_mode_predicts_every_item_after_its_last_items(
    rows: list[list[int]], max_length: int
) -> None:
    """One sample a target, holding the last L items before it."""
    samples = training_samples(Histories.from_lists(rows), max_length, "last", "split")
    expected = Counter(
        (tuple(row[max(0, i - max_length) : i]), row[i]) for row in rows for i in range(1, len(row))
    )
    assert samples.targets == sum(expected.values())
    if len(samples):
        assert pairs(samples) == expected


@given(rows=sequences, max_length=st.integers(1, 5))
def test_windows_lose_no_target(rows: list[list[int]], max_length: int) -> None:
    """`split` predicts every item but each user's first exactly once, from true predecessors."""
    samples = training_samples(Histories.from_lists(rows), max_length, "all", "split")
    targets = Counter(item for row in rows for item in row[1:])
    assert samples.targets == sum(targets.values())
    if len(samples):
        found = pairs(samples)
        assert (
            Counter(dict.fromkeys(targets, 0)) + Counter(t for _, t in found.elements()) == targets
        )
        texts = [",".join(map(str, row)) for row in rows]
        for history, target in found:
            needle = ",".join(map(str, (*history, target)))
            assert any(needle in text for text in texts)


def test_the_last_window_is_full() -> None:
    """The most recent interactions, which matter most, are read in one whole window."""
    samples = training_samples(Histories.from_lists([[2, 3, 4, 5, 6, 7, 8]]), 4, "all", "split")
    assert sorted(zip(samples.starts.tolist(), samples.ends.tolist(), strict=True)) == [
        (0, 2),
        (2, 6),
    ]


def test_last_keeps_one_window() -> None:
    """`last` cuts older interactions off, as most published code does."""
    samples = training_samples(
        Histories.from_lists([[2, 3, 4, 5, 6, 7, 8], [9, 2]]), 4, "all", "last"
    )
    assert samples.targets == 5


def test_the_order_is_drawn_from_the_generator() -> None:
    """The same generator gives the same batches, another seed another order."""
    samples = training_samples(Histories.from_lists([[2, 3, 4]] * 50), 4, "all", "split")
    samples.items[:] = np.arange(2, 152)

    def first(seed: int) -> list[list[int]]:
        return next(batches(samples, 8, np.random.default_rng(seed))).items.tolist()

    assert first(1) == first(1)
    assert first(1) != first(2)


@pytest.mark.parametrize("processes", [1, 2, 3])
def test_processes_share_all_batches_evenly(processes: int) -> None:
    """Together they see every sample, and each takes the same number of steps (no hang)."""
    samples = training_samples(
        Histories.from_lists([[i, i + 1] for i in range(2, 30)]), 4, "all", "split"
    )
    shares = [
        list(batches(samples, 4, np.random.default_rng(0), (p, processes)))
        for p in range(processes)
    ]
    assert len({len(share) for share in shares}) == 1
    seen = {int(row[0]) for share in shares for batch in share for row in batch.items}
    assert seen == set(range(2, 30))


def test_inference_reads_the_last_items() -> None:
    """The newest `max_length` items, padded on the right, predicted behind the last."""
    batch = last_items(Histories.from_lists([[2, 3, 4, 5], [6]]), 3)
    assert batch.items.tolist() == [[3, 4, 5], [6, PAD, PAD]]
    assert batch.positions.tolist() == [[2], [0]]
