"""The leak checker is only worth something if it sees each leak that is planted."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from latentrec.config import LeaveOneOutConfig, TimeSplitConfig
from latentrec.data.dataset import Cases, SequenceDataset
from latentrec.data.interactions import Interactions
from latentrec.data.leaks import check_leaks
from latentrec.data.split import build_dataset, split
from latentrec.errors import DataError
from latentrec.index import ItemIndex

Plant = Callable[[SequenceDataset], SequenceDataset]


@pytest.fixture
def dataset(make_log: Callable[..., Interactions]) -> SequenceDataset:
    rows = [(user, item, place) for user in "ab" for place, item in enumerate("xyzxyz")]
    log = make_log(rows)
    return build_dataset(log, split(log, LeaveOneOutConfig()))[0]


def test_a_sound_dataset_passes(dataset: SequenceDataset) -> None:
    check_leaks(dataset)


def changed(cases: Cases, **arrays: object) -> Cases:
    return replace(cases, **{name: np.array(values) for name, values in arrays.items()})


def moved(array: "np.ndarray", place: int, by: int) -> "np.ndarray":
    copy = array.copy()
    copy[place] += by
    return copy


PLANTS: dict[str, tuple[Plant, str]] = {
    "training reaches the validation target": (
        lambda d: replace(d, train_ends=moved(d.train_ends, 1, 1)),
        "validation history of user 'b' for item 'y' ends before the user's training does",
    ),
    "a history holds its own target": (
        lambda d: replace(d, valid=changed(d.valid, ends=moved(d.valid.ends, 0, 1))),
        "validation history of user 'a' for item 'y' already holds its target",
    ),
    "a history holds what came after its target": (
        lambda d: replace(d, valid=changed(d.valid, ends=moved(d.valid.ends, 0, 2))),
        "validation history of user 'a' for item 'y' reaches behind the time of its target",
    ),
    "a history at the same time holds its target": (
        lambda d: replace(
            d,
            valid=changed(d.valid, ends=moved(d.valid.ends, 0, 1)),
            timestamps=np.zeros_like(d.timestamps),
        ),
        "user 'a' for item 'y' already holds its target",
    ),
    "a history runs into the next user": (
        lambda d: replace(d, test=changed(d.test, ends=moved(d.test.ends, 0, 4))),
        "test history of user 'a' for item 'z' is not the user's",
    ),
    "a history is empty": (
        lambda d: replace(d, test=changed(d.test, ends=moved(d.test.ends, 1, -5))),
        "test history of user 'b' for item 'z' is not the user's",
    ),
    "a test case comes before a validation case": (
        lambda d: replace(d, test=d.valid, valid=d.test),
        "test history of user 'a' for item 'y' ends before a validation case",
    ),
    "interactions are out of order": (
        lambda d: replace(d, timestamps=moved(d.timestamps, 2, 9000)),
        "user 'a' has item 'x' before an earlier one",
    ),
    "a target stands in its history as a later item": (
        lambda d: replace(d, test=changed(d.test, ends=moved(d.test.ends, 0, 1))),
        "test history of user 'a' for item 'z' already holds its target",
    ),
    "the index was built on the test part": (
        lambda d: replace(
            d,
            index=ItemIndex([*d.index.all_ids, "zz in test"]),
            test=changed(d.test, targets=[d.index.size, d.test.targets[1]]),
        ),
        "item 'zz in test' is in the index but not in training",
    ),
    "the index knows an item that training does not": (
        lambda d: replace(d, index=ItemIndex([*d.index.all_ids, "zz"])),
        "item 'zz' is in the index but not in training",
    ),
    "an item index is out of range": (
        lambda d: replace(d, items=moved(d.items, 7, 50)),
        "of user 'b' must be 2..4",
    ),
    "a reserved index stands in a history": (
        lambda d: replace(d, items=moved(d.items, 0, -2)),
        "item index 0 of user 'a'",
    ),
    "arrays of different length": (
        lambda d: replace(d, timestamps=d.timestamps[:-1]),
        "arrays do not fit",
    ),
    "cases of different length": (
        lambda d: replace(d, valid=changed(d.valid, ends=d.valid.ends[:1])),
        "validation cases: their arrays do not fit",
    ),
    "training ends outside the user": (
        lambda d: replace(d, train_ends=moved(d.train_ends, 0, 9)),
        "arrays do not fit",
    ),
}


@pytest.mark.parametrize("name", PLANTS)
def test_each_planted_leak_is_seen_and_named(dataset: SequenceDataset, name: str) -> None:
    plant, message = PLANTS[name]
    with pytest.raises(DataError) as caught:
        check_leaks(plant(dataset))
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("moments", "message"),
    [
        ((3000, 5000), "user 'a' trains with item 'x' from after the start of validation"),
        ((5000, 6000), "validation history of user 'a' for item 'y' lies outside"),
        ((4000, 4000), "validation history of user 'a' for item 'y' lies outside"),
        ((4000, 9000), "test history of user 'a' for item 'z' lies before the test time"),
    ],
)
def test_a_split_by_time_is_held_to_its_moments(
    dataset: SequenceDataset, moments: tuple[int, int], message: str
) -> None:
    check_leaks(dataset, (4000, 5000))
    with pytest.raises(DataError) as caught:
        check_leaks(dataset, moments)
    assert message in str(caught.value)


def test_a_split_by_time_with_users_on_one_side_only_passes(
    make_log: Callable[..., Interactions],
) -> None:
    rows = [(user, "x", place) for user, places in (("a", range(9)), ("b", range(7, 12)))
            for place in places]  # fmt: skip
    log = make_log([*rows, ("c", "unknown", 11), ("c", "unknown", 12)])
    parts = split(log, TimeSplitConfig(valid_from=6, test_from=9))
    dataset, report = build_dataset(log, parts)
    check_leaks(dataset, parts.moments)
    assert report.test.empty_histories == 2
    assert dataset.offsets.tolist() == [0, 9, 14, 14]
