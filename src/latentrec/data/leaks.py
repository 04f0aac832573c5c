"""The leak checker: nothing that is to be predicted may be known before, in any dataset."""

from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from latentrec.data.dataset import Cases, Int64s, SequenceDataset
from latentrec.errors import DataError
from latentrec.index import FIRST_ITEM, UNKNOWN

Bools: TypeAlias = npt.NDArray[np.bool_]

_ADVICE: Final = "this is a fault of the split, not of your data; please report it"


def check_leaks(dataset: SequenceDataset, moments: tuple[int, int] | None = None) -> None:
    """Refuse a dataset in which training or a history reaches into what is predicted.

    Args:
        dataset: What a split made.
        moments: For a split by time: the first moment of validation and that of the test, in
            milliseconds since 1970.

    Raises:
        DataError: Names the rule, the user and the item of the first breach.
    """
    _check_arrays(dataset)
    _check_order(dataset)
    _check_index(dataset)
    for name, cases in (("validation", dataset.valid), ("test", dataset.test)):
        _check_cases(dataset, cases, name)
    _check_parts(dataset)
    if moments is not None:
        _check_moments(dataset, *moments)


def _check_arrays(dataset: SequenceDataset) -> None:
    """Flat arrays, offsets and ends fit each other."""
    offsets, users = dataset.offsets, dataset.users
    starts, stops = offsets[:-1], offsets[1:]
    sound = (
        len(dataset.user_ids) == len(dataset.train_ends) == users
        and len(dataset.items) == len(dataset.timestamps) == offsets[-1]
        and offsets[0] == 0
        and bool((starts <= dataset.train_ends).all())
        and bool((dataset.train_ends <= stops).all())
    )
    if not sound:
        raise DataError(f"dataset: its arrays do not fit each other; {_ADVICE}")
    outside = (dataset.items < FIRST_ITEM) | (dataset.items >= dataset.index.size)
    if outside.any():
        place = int(outside.argmax())
        raise DataError(
            f"dataset: item index {dataset.items[place]} of {_user_at(dataset, place)} must be "
            f"{FIRST_ITEM}..{dataset.index.size - 1}; {_ADVICE}"
        )


def _check_order(dataset: SequenceDataset) -> None:
    """Every user's interactions stand in time order."""
    earlier = np.diff(dataset.timestamps) < 0
    borders = dataset.offsets[1:-1]
    earlier[borders[(borders > 0) & (borders < len(dataset.timestamps))] - 1] = False
    if earlier.any():
        place = int(earlier.argmax()) + 1
        raise DataError(
            f"order: {_user_at(dataset, place)} has item {_item(dataset, dataset.items[place])} "
            f"before an earlier one; {_ADVICE}"
        )


def _check_index(dataset: SequenceDataset) -> None:
    """The index holds the items of the training part, no others."""
    seen = np.zeros(dataset.index.size, dtype=np.bool_)
    seen[dataset.train().items] = True
    missing = ~seen[FIRST_ITEM:]
    if missing.any():
        item = FIRST_ITEM + int(missing.argmax())
        raise DataError(
            f"index: item {_item(dataset, item)} is in the index but not in training; {_ADVICE}"
        )


def _check_cases(dataset: SequenceDataset, cases: Cases, name: str) -> None:
    """Each history is the user's own, not empty, and ends before its target."""
    if not len(cases) == len(cases.users) == len(cases.ends) == len(cases.timestamps):
        raise DataError(f"{name} cases: their arrays do not fit each other; {_ADVICE}")
    starts, stops = dataset.offsets[cases.users], dataset.offsets[cases.users + 1]
    _refuse(
        dataset, cases, (cases.ends <= starts) | (cases.ends > stops), name, "is not the user's"
    )
    late = dataset.timestamps[cases.ends - 1] > cases.timestamps
    _refuse(dataset, cases, late, name, "reaches behind the time of its target")
    _refuse(dataset, cases, ~_stands_behind(dataset, cases), name, "already holds its target")
    short = cases.ends < dataset.train_ends[cases.users]
    _refuse(
        dataset, cases, short, name, "ends before the user's training does, which knows the target"
    )


def _stands_behind(dataset: SequenceDataset, cases: Cases) -> Bools:
    """Whether the target of each case is what follows its history; unknown ones follow nowhere."""
    known = cases.targets != UNKNOWN
    inside = cases.ends < dataset.offsets[cases.users + 1]
    place = np.minimum(cases.ends, len(dataset.items) - 1)
    same = dataset.items[place] == cases.targets
    return ~known | (inside & same & (dataset.timestamps[place] == cases.timestamps))


def _refuse(dataset: SequenceDataset, cases: Cases, broken: Bools, name: str, what: str) -> None:
    if not broken.any():
        return
    case = int(broken.argmax())
    user = dataset.user_ids[cases.users[case]]
    raise DataError(
        f"leak: the {name} history of user '{user}' for item {_item(dataset, cases.targets[case])} "
        f"{what} ({int(broken.sum()):,} such cases); {_ADVICE}"
    )


def _check_parts(dataset: SequenceDataset) -> None:
    """No validation case comes after a test case of the same user."""
    valid_ends = np.full(dataset.users, -1, dtype=np.int64)
    np.maximum.at(valid_ends, dataset.valid.users, dataset.valid.ends)
    late = dataset.test.ends < valid_ends[dataset.test.users]
    _refuse(dataset, dataset.test, late, "test", "ends before a validation case of the same user")


def _check_moments(dataset: SequenceDataset, valid_from: int, test_from: int) -> None:
    """Training, validation and test lie on their sides of the two moments, for all users."""
    lengths = dataset.train_ends - dataset.offsets[:-1]
    rows = np.repeat(dataset.offsets[:-1], lengths) + _count_up(lengths)
    late = dataset.timestamps[rows] >= valid_from
    if late.any():
        place = int(rows[late.argmax()])
        raise DataError(
            f"leak: {_user_at(dataset, place)} trains with item "
            f"{_item(dataset, dataset.items[place])} from after the start of validation; {_ADVICE}"
        )
    valid, test = dataset.valid.timestamps, dataset.test.timestamps
    outside = (valid < valid_from) | (valid >= test_from)
    _refuse(dataset, dataset.valid, outside, "validation", "lies outside the validation time")
    _refuse(dataset, dataset.test, test < test_from, "test", "lies before the test time")


def _count_up(lengths: Int64s) -> Int64s:
    return np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)


def _user_at(dataset: SequenceDataset, place: int) -> str:
    row = int(np.searchsorted(dataset.offsets, place, side="right")) - 1
    return f"user '{dataset.user_ids[row]}'"


def _item(dataset: SequenceDataset, item: int) -> str:
    known = FIRST_ITEM <= item < dataset.index.size
    return f"'{dataset.index.item_ids([item])[0]}'" if known else "(unknown)"
