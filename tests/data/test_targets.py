"""A part of the targets: exactly those are predicted, and from the same histories as before."""

from typing import Literal

import numpy as np
import pytest

from latentrec.data.batch import Samples, batches, training_samples
from latentrec.data.dataset import Histories
from latentrec.data.targets import only_targets, place_targets

ROWS = Histories.from_lists([[2, 3, 4, 5, 6], [7, 8], [9, 3, 5]])
MODES: tuple[Literal["all", "last"], ...] = ("all", "last")


def found(samples: Samples) -> dict[int, tuple[int, ...]]:
    """History of each target."""
    pairs: dict[int, tuple[int, ...]] = {}
    for batch in batches(samples, 2, np.random.default_rng(0)):
        for row, column in batch.predicted.nonzero().tolist():
            history = batch.items[row, : int(batch.positions[row, column]) + 1]
            pairs[int(batch.targets[row, column])] = tuple(history.tolist())
    return pairs


@pytest.mark.parametrize("positions", MODES)
def test_only_wanted_targets_are_left(positions: Literal["all", "last"]) -> None:
    """Also across windows; samples without any target are gone, the counts say so."""
    samples = training_samples(ROWS, 3, positions, "split")
    whole = found(place_targets(samples))
    wanted = np.zeros(10, dtype=np.bool_)
    wanted[[2, 4, 8]] = True
    left = only_targets(samples, wanted)
    assert left.targets == 3
    assert len(left) == (2 if positions == "all" else 3)
    assert found(place_targets(samples)).keys() == {1, 2, 3, 4, 6, 8, 9}
    assert found(left) == {int(ROWS.items[place]): whole[place] for place in (2, 4, 8)}


@pytest.mark.parametrize("positions", MODES)
def test_all_or_none(positions: Literal["all", "last"]) -> None:
    samples = training_samples(ROWS, 3, positions, "split")
    every = only_targets(samples, np.ones(10, dtype=np.bool_))
    assert every.targets == samples.targets
    assert found(every) == found(samples)
    assert len(only_targets(samples, np.zeros(10, dtype=np.bool_))) == 0
