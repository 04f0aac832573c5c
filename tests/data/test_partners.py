"""Partners have the same target, are another place in the log, and end before that target."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from latentrec.data.batch import Batch, Samples, batches, training_samples
from latentrec.data.dataset import Histories
from latentrec.data.partners import index_partners
from latentrec.index import PAD

sequences = st.lists(st.lists(st.integers(2, 7), max_size=9), min_size=1, max_size=8)
modes = st.sampled_from([("all", "split"), ("all", "last"), ("last", "split")])


def histories_before(
    samples: Samples, rows: list[list[int]], length: int, item: int
) -> list[list[int]]:
    """The histories of all training samples with a target, one by one."""
    found: list[list[int]] = []
    for user, row in enumerate(rows):
        first = sum(map(len, rows[:user]))
        spans = zip(samples.starts.tolist(), samples.ends.tolist(), strict=True)
        trained = {t for s, e in spans for t in (range(s + 1, e + 1) if samples.every else [e])}
        found += [
            row[max(0, i - length) : i]
            for i in range(1, len(row))
            if row[i] == item and first + i in trained
        ]
    return found


def drawn(batch: Batch, row: int) -> tuple[list[int], list[int], int]:
    """A history up to the chosen position, its partner, and their target."""
    assert batch.partners is not None
    column = int(batch.partners.columns[row, 0])
    own = batch.items[row, : int(batch.positions[row, column]) + 1].tolist()
    other = batch.partners.items[row, : int(batch.partners.positions[row, 0]) + 1].tolist()
    assert not batch.partners.items[row, len(other) :].any()
    return own, other, int(batch.targets[row, column])


@given(rows=sequences, length=st.integers(1, 5), mode=modes, seed=st.integers(0, 9))
def test_every_history_gets_another_with_the_same_target(
    rows: list[list[int]], length: int, mode: tuple[str, str], seed: int
) -> None:
    """Each partner is the whole readable history of a training sample with that target."""
    samples = training_samples(Histories.from_lists(rows), length, *mode, partners=True)
    for batch in batches(samples, 3, np.random.default_rng(seed)) if len(samples) else ():
        for row in range(len(batch.items)):
            _, other, target = drawn(batch, row)
            assert target != PAD
            assert other in histories_before(samples, rows, length, target)


@given(rows=sequences, seed=st.integers(0, 9))
def test_a_target_draws_another_one_of_its_item(rows: list[list[int]], seed: int) -> None:
    """Never itself while there is another; itself where there is none."""
    train = Histories.from_lists(rows)
    targets = training_samples(train, 4, "last", "split").ends
    if not len(targets):
        return
    index = index_partners(train, 4, targets)
    found = index.draw(targets, np.random.default_rng(seed))
    items = train.items
    assert (items[found] == items[targets]).all()
    assert set(found.tolist()) <= set(targets.tolist())
    alone = np.array([(items[targets] == items[t]).sum() == 1 for t in targets])
    assert ((found == targets) == alone).all()
    begins = index.begins(found)
    users = np.searchsorted(train.offsets, found, side="right")
    assert (np.searchsorted(train.offsets, begins, side="right") == users).all()
    assert (begins < found).all()
    assert (found - begins <= 4).all()


def test_all_others_are_equally_likely() -> None:
    """Uniform among the other targets, wherever the target itself stands among them."""
    train = Histories.from_lists([[2, 9], [3, 9], [4, 9], [5, 8], [6, 9]])
    index = index_partners(train, 5, np.array([1, 3, 5, 7, 9]))
    rng, counts = np.random.default_rng(0), np.zeros((10, 10), int)
    for _ in range(900):
        targets = np.array([1, 5, 9, 7])
        np.add.at(counts, (targets, index.draw(targets, rng)), 1)
    assert counts[7, 7] == 900
    for target in (1, 5, 9):
        others = [counts[target, other] for other in (1, 3, 5, 9) if other != target]
        assert sum(others) == 900
        assert min(others) > 240


def test_positions_are_drawn_among_all_of_a_history() -> None:
    """In the mode with all positions any target of the history may be the aligned one."""
    train = Histories.from_lists([[2, 3, 4, 5]])
    samples = training_samples(train, 5, "all", "split", partners=True)
    rng = np.random.default_rng(0)
    seen = {drawn(next(batches(samples, 1, rng)), 0)[2] for _ in range(60)}
    assert seen == {3, 4, 5}


@pytest.mark.parametrize("positions", ["all", "last"])
def test_without_partners_nothing_changes(positions: str) -> None:
    """Partners are drawn after the order: samples come as they did before partners existed."""
    train = Histories.from_lists([[2, 3, 4], [4, 2, 3, 5]] * 5)
    plain = training_samples(train, 3, positions, "split")
    paired = training_samples(train, 3, positions, "split", partners=True)
    a, b = (list(batches(samples, 2, np.random.default_rng(0))) for samples in (plain, paired))
    assert [batch.items.tolist() for batch in a] == [batch.items.tolist() for batch in b]
    assert [batch.targets.tolist() for batch in a] == [batch.targets.tolist() for batch in b]
    assert {batch.partners for batch in a} == {None}


def test_partners_travel_with_their_batch() -> None:
    import torch

    samples = training_samples(Histories.from_lists([[2, 3]]), 3, "last", "split", partners=True)
    batch = next(batches(samples, 2, np.random.default_rng(0))).to(torch.device("meta"))
    assert batch.partners is not None
    assert batch.partners.items.is_meta
    assert batch.partners.columns.is_meta
    assert batch.partners.positions.is_meta
