"""Splits: which interactions train, validate and test, as pure functions of the sorted table."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, TypeAlias, assert_never, final

import numpy as np
import numpy.typing as npt
import polars as pl

from latentrec.config import GivenSplitConfig, LeaveOneOutConfig, SplitConfig, TimeSplitConfig
from latentrec.data.catalogue import build_catalogue
from latentrec.data.codes import id_codes
from latentrec.data.dataset import Cases, Int32s, Int64s, SequenceDataset
from latentrec.data.interactions import Interactions
from latentrec.data.raw import SHOWN
from latentrec.data.report import UNIT_WORDS, CaseReport, SplitReport, TimeUnit
from latentrec.data.timestamps import LIMITS, MICROSECONDS
from latentrec.errors import DataError
from latentrec.index import UNKNOWN, ItemIndex

Parts: TypeAlias = npt.NDArray[np.int8]

TRAIN: Final = 0
VALID: Final = 1
TEST: Final = 2


@final
@dataclass(frozen=True)
class Split:
    """Which part each interaction belongs to.

    Attributes:
        parts: TRAIN, VALID or TEST, row by row of the table, shape (n,).
        protocol: The split in words.
        short_users: Users with too few interactions to be evaluated.
        moments: First moment of validation and of the test in milliseconds since 1970, where the
            split is by time.
    """

    parts: Parts
    protocol: str
    short_users: int = 0
    moments: tuple[int, int] | None = None


def split(interactions: Interactions, config: SplitConfig) -> Split:
    """Assign every interaction to training, validation or test.

    Raises:
        DataError: If a part comes out empty, or `given` is asked of files that give no parts.
    """
    match config:
        case LeaveOneOutConfig():
            result = _leave_one_out(interactions.offsets)
        case TimeSplitConfig():
            result = _by_time(interactions, config)
        case GivenSplitConfig():
            result = _given(interactions)
        case _:
            assert_never(config)
    for part, name in ((TRAIN, "training"), (VALID, "validation"), (TEST, "test")):
        if not (result.parts == part).any():
            raise DataError(
                f"split: the {name} part is empty ({result.protocol}); choose another split or "
                "keep more interactions"
            )
    return result


def _leave_one_out(offsets: Int64s) -> Split:
    parts = np.full(offsets[-1], TRAIN, dtype=np.int8)
    long_enough = np.diff(offsets) >= 3
    ends = offsets[1:][long_enough]
    parts[ends - 1], parts[ends - 2] = TEST, VALID
    protocol = (
        "leave-one-out: the last interaction of each user is the test target, the one before it "
        "the validation target; other users' later interactions are in training"
    )
    return Split(parts, protocol, int((~long_enough).sum()))


def _by_time(interactions: Interactions, config: TimeSplitConfig) -> Split:
    if interactions.report.time_unit == "position":
        raise DataError("split 'time': these files hold no times; use given or leave-one-out")
    times = interactions.frame["timestamp"].to_numpy()
    if config.valid_from is None or config.test_from is None:
        quantiles = [config.valid_quantile, config.test_quantile]
        valid_from, test_from = np.quantile(times, quantiles, method="lower").tolist()
    else:
        unit = interactions.report.time_unit
        valid_from = _moment(config.valid_from, unit, "valid_from")
        test_from = _moment(config.test_from, unit, "test_from")
    if valid_from >= test_from:
        raise DataError(
            f"split: validation starts at {_iso(valid_from)}, the test at {_iso(test_from)}; the "
            "test must start later (give valid_from and test_from, or other quantiles)"
        )
    parts = np.searchsorted(np.array([valid_from, test_from]), times, side="right").astype(np.int8)
    words = f"validation from {_iso(valid_from)}, test from {_iso(test_from)}"
    protocol = f"by time: {words}; the same moments for all users"
    return Split(parts, protocol, moments=(valid_from, test_from))


def _moment(value: str | int, unit: TimeUnit, name: str) -> int:
    """A moment of the configuration in milliseconds since 1970."""
    if isinstance(value, str) and not value.strip().isdecimal():
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            raise DataError(
                f"split: {name}='{value[:60]}' must be ISO 8601 text or a number"
            ) from None
        zoned = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return round(zoned.timestamp() * 1000)
    if unit not in MICROSECONDS:
        raise DataError(f"split: {name}={value}: the log's times are {unit}; give ISO 8601 text")
    if abs(int(value)) >= LIMITS[unit]:
        raise DataError(
            f"split: {name}={value} is beyond the year 5138 in {UNIT_WORDS[unit]}, as the log "
            "writes its times; give it in that unit, or as ISO 8601 text"
        )
    return int(value) * MICROSECONDS[unit] // 1000


def _iso(milliseconds: int) -> str:
    return f"{datetime.fromtimestamp(milliseconds / 1000, UTC):%Y-%m-%dT%H:%M:%SZ}"


def _given(interactions: Interactions) -> Split:
    frame = interactions.frame
    if "part" not in frame.columns:
        raise DataError(
            "split 'given': these files do not say what is training, validation and test; "
            "use leave-one-out or time"
        )
    codes = {"train": TRAIN, "valid": VALID, "test": TEST}
    parts = frame["part"].replace_strict(codes, return_dtype=pl.Int8).to_numpy()
    back = np.diff(parts, prepend=TRAIN) < 0
    back[interactions.offsets[:-1]] = False
    if back.any():
        user, item = frame.row(int(back.argmax()))[:2]
        raise DataError(
            f"split 'given': the files put item '{item[:SHOWN]}' of user '{user[:SHOWN]}' into an "
            "earlier part than an interaction before it; use leave-one-out or time"
        )
    return Split(parts, "as given by the files")


def build_dataset(interactions: Interactions, result: Split) -> tuple[SequenceDataset, SplitReport]:
    """The dataset of a split: the item index comes from the training part only."""
    item_ids, codes = id_codes(interactions.frame["item_id"])
    index, items = _index_of_train(item_ids, codes, result.parts)
    known = items != UNKNOWN
    ends = np.concatenate([np.zeros(1, np.int64), np.cumsum(known)])
    offsets = ends[interactions.offsets]
    counts = _train_counts(interactions.offsets, result.parts)
    users = np.repeat(np.arange(len(offsets) - 1), np.diff(interactions.offsets))
    times = interactions.frame["timestamp"].to_numpy()
    reports: list[CaseReport] = []
    cases: list[Cases] = []
    for part in (VALID, TEST):
        rows = np.flatnonzero(result.parts == part)
        found = Cases(users[rows], ends[rows], items[rows], times[rows])
        found, report = _with_history(found, offsets)
        cases.append(found)
        reports.append(report)
    dataset = SequenceDataset(
        index=index,
        catalogue=build_catalogue(index, interactions.items),
        user_ids=interactions.user_ids,
        items=items[known],
        timestamps=times[known],
        offsets=offsets,
        train_ends=offsets[:-1] + counts,
        valid=cases[0],
        test=cases[1],
        protocol=result.protocol,
    )
    report = SplitReport(
        protocol=result.protocol,
        short_users=result.short_users,
        train_interactions=int(counts.sum()),
        train_targets=int(np.maximum(counts - 1, 0).sum()),
        unknown_interactions=int((~known).sum()),
        valid=reports[0],
        test=reports[1],
    )
    return dataset, report


def _index_of_train(item_ids: pl.Series, codes: Int64s, parts: Parts) -> tuple[ItemIndex, Int32s]:
    """The index of the items that training has, and each row's item index or UNKNOWN."""
    in_train = np.zeros(len(item_ids), dtype=np.bool_)
    in_train[codes[parts == TRAIN]] = True
    index = ItemIndex(item_ids.filter(in_train))
    return index, index.indices(item_ids)[codes]


def _train_counts(offsets: Int64s, parts: Parts) -> Int64s:
    """Training interactions of each user."""
    running = np.concatenate([np.zeros(1, np.int64), np.cumsum(parts == TRAIN)])
    return np.diff(running[offsets])


def _with_history(cases: Cases, offsets: Int64s) -> tuple[Cases, CaseReport]:
    """The cases with at least one known interaction before the target."""
    kept = cases.ends > offsets[cases.users]
    found = Cases(cases.users[kept], cases.ends[kept], cases.targets[kept], cases.timestamps[kept])
    unknown = int((found.targets == UNKNOWN).sum())
    return found, CaseReport(len(found), unknown, int((~kept).sum()))
