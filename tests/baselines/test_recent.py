"""Recent popularity: young interactions weigh more, by rank in time, and no test one counts."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from latentrec.baselines.recent import RecentPopularity
from latentrec.data.catalogue import Catalogue
from latentrec.data.dataset import Cases, Histories, SequenceDataset
from latentrec.index import ItemIndex


@pytest.fixture
def dataset() -> SequenceDataset:
    """Two users: items 2 2 3 | 4 and 3 4 | 2, training before the bar."""
    none = np.empty(0, np.int64)
    nothing = Cases(none, none, none.astype(np.int32), none)
    index = ItemIndex(["a", "b", "c"])
    return SequenceDataset(
        index=index,
        catalogue=Catalogue(index),
        user_ids=np.array(["u", "v"]),
        items=np.array([2, 2, 3, 4, 3, 4, 2], np.int32),
        timestamps=np.array([10, 20, 40, 90, 20, 50, 99]),
        offsets=np.array([0, 4, 7]),
        train_ends=np.array([3, 6]),
        valid=nothing,
        test=nothing,
        protocol="by hand",
    )


def test_by_hand(dataset: SequenceDataset) -> None:
    # Training times 10 20 40 20 50: younger ones are 4, 2, 1, 2, 0 of 5; half life 1 of 5.
    scores = RecentPopularity.fit(dataset, half_life=0.2).scores(Histories.from_lists([[2], []]))
    expected = [0, 0, 2**-4 + 2**-2, 2**-1 + 2**-2, 1.0]
    assert scores.tolist() == [pytest.approx(expected)] * 2


@pytest.mark.parametrize("change", [lambda t: t * 1000 + 7, np.exp2])
def test_only_the_order_of_times_counts(
    dataset: SequenceDataset, change: Callable[[np.ndarray], np.ndarray]
) -> None:
    histories = Histories.from_lists([[2]])
    other = replace(dataset, timestamps=change(dataset.timestamps.astype(np.float64)))
    first, second = (RecentPopularity.fit(d, 0.1).scores(histories) for d in (dataset, other))
    assert first.tolist() == second.tolist()


def test_popularity_from_the_future_changes_nothing(dataset: SequenceDataset) -> None:
    """A planted leak: whatever stands behind the training part must not be counted."""
    items = dataset.items.copy()
    items[[3, 6]] = 3
    other = replace(dataset, items=items)
    histories = Histories.from_lists([[2]])
    first, second = (RecentPopularity.fit(d, 0.1).scores(histories) for d in (dataset, other))
    assert first.tolist() == second.tolist()
