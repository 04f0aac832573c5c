"""Splits against a loop that follows the rules one interaction at a time."""

from collections.abc import Callable
from datetime import UTC, datetime

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from latentrec.config import GivenSplitConfig, LeaveOneOutConfig, SplitConfig, TimeSplitConfig
from latentrec.data.dataset import Cases, SequenceDataset
from latentrec.data.interactions import Interactions, interactions_from_frame
from latentrec.data.leaks import check_leaks
from latentrec.data.report import ReadReport
from latentrec.data.split import build_dataset, split
from latentrec.errors import DataError
from latentrec.index import UNKNOWN

Row = tuple[str, str, int]
Make = Callable[[list[Row]], Interactions]


def listed(dataset: SequenceDataset, cases: Cases) -> list[tuple[str, list[str], str]]:
    """Each case as (user, history, target) in ids."""
    rows: list[tuple[str, list[str], str]] = []
    histories = dataset.histories(cases)
    for case in range(len(cases)):
        target = cases.targets[case]
        name = "?" if target == UNKNOWN else dataset.index.item_ids([target])[0]
        history = dataset.index.item_ids(histories[case].tolist())
        rows.append((str(dataset.user_ids[cases.users[case]]), history, name))
    return rows


def by_loop(rows: list[Row], part: Callable[[list[Row], int], int]) -> list[object]:
    """Training items, then validation and test cases, one interaction at a time."""
    users = sorted({user for user, _, _ in rows})
    own = {user: sorted((r for r in rows if r[0] == user), key=lambda r: r[2]) for user in users}
    parts = {user: [part(own[user], place) for place in range(len(own[user]))] for user in users}
    trained = {
        r[1] for user in users for r, p in zip(own[user], parts[user], strict=True) if p == 0
    }
    cases: list[list[tuple[str, list[str], str]]] = [[], []]
    for user in users:
        history: list[str] = []
        for (_, item, _), place in zip(own[user], parts[user], strict=True):
            if place and history:
                cases[place - 1].append((user, list(history), item if item in trained else "?"))
            if item in trained:
                history.append(item)
    return [sorted(trained), *cases]


def one_out(own: list[Row], place: int) -> int:
    behind = len(own) - 1 - place
    return {0: 2, 1: 1}.get(behind, 0) if len(own) >= 3 else 0


def test_leave_one_out_by_hand(make_log: Make) -> None:
    log = make_log(
        [("a", "x", 1), ("a", "y", 2), ("a", "z", 3), ("a", "x", 4), ("b", "x", 1), ("b", "y", 2)]
    )
    dataset, report = build_dataset(log, split(log, LeaveOneOutConfig()))
    assert list(dataset.index.all_ids) == ["x", "y"]
    assert listed(dataset, dataset.valid) == [("a", ["x", "y"], "?")]
    assert listed(dataset, dataset.test) == [("a", ["x", "y"], "x")]
    assert [dataset.index.item_ids(row.tolist()) for row in dataset.train()] == [["x", "y"]] * 2
    assert (report.short_users, report.train_targets, report.unknown_interactions) == (1, 2, 1)
    assert (report.valid.unknown_targets, report.test.unknown_targets) == (1, 0)


def test_the_test_history_holds_the_validation_item(make_log: Make) -> None:
    log = make_log([("a", item, place) for place, item in enumerate("xyxy")])
    dataset, _ = build_dataset(log, split(log, LeaveOneOutConfig()))
    assert listed(dataset, dataset.test) == [("a", ["x", "y", "x"], "y")]


rows_of_users = st.lists(
    st.tuples(st.sampled_from("abcd"), st.sampled_from("uvwxyz")), min_size=6, max_size=40
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(rows_of_users, st.booleans())
def test_both_splits_follow_the_rules(
    make_log: Make, pairs: list[tuple[str, str]], by_time: bool
) -> None:
    rows = [(user, item, place * 10) for place, (user, item) in enumerate(pairs)]
    log = make_log(rows)
    valid_from, test_from = len(rows) * 10 // 2 + 1, len(rows) * 10 * 3 // 4 + 3
    config: SplitConfig = LeaveOneOutConfig()
    part = one_out
    if by_time:
        config = TimeSplitConfig(valid_from=valid_from, test_from=test_from)

        def part(own: list[Row], place: int) -> int:
            return (own[place][2] >= valid_from) + (own[place][2] >= test_from)

    own = {
        user: [row for row in sorted(rows, key=lambda r: r[2]) if row[0] == user] for user in "abcd"
    }
    present = {part(own[user], place) for user in own for place in range(len(own[user]))}
    if present != {0, 1, 2}:
        with pytest.raises(DataError, match="part is empty"):
            split(log, config)
        return
    parts = split(log, config)
    dataset, report = build_dataset(log, parts)
    check_leaks(dataset, parts.moments)
    found = [
        list(dataset.index.all_ids),
        listed(dataset, dataset.valid),
        listed(dataset, dataset.test),
    ]
    trained, *cases = by_loop(rows, part)
    assert found[0] == trained
    assert [sorted(part) for part in found[1:]] == [sorted(part) for part in cases]  # type: ignore
    assert report.valid.cases == len(dataset.valid)


def test_moments_are_iso_text_or_numbers_in_the_unit_of_the_log(make_log: Make) -> None:
    start = int(datetime(2024, 1, 1, tzinfo=UTC).timestamp())
    log = make_log([("a", "x", start + 86400 * day) for day in range(10)])
    in_words = TimeSplitConfig(valid_from="2024-01-06", test_from="2024-01-08T00:00:00+00:00")
    in_seconds = TimeSplitConfig(valid_from=start + 5 * 86400, test_from=str(start + 7 * 86400))
    expected = [0] * 5 + [1] * 2 + [2] * 3
    assert split(log, in_words).parts.tolist() == split(log, in_seconds).parts.tolist() == expected


def test_quantiles_count_all_interactions(make_log: Make) -> None:
    log = make_log([(f"u{place % 3}", "x", place) for place in range(100)])
    parts = split(log, TimeSplitConfig()).parts
    assert [(parts == part).sum() for part in range(3)] == [79, 10, 11]


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (TimeSplitConfig(valid_from="soon", test_from="later"), "valid_from='soon' must be ISO"),
        (TimeSplitConfig(valid_from=8, test_from=2), "the test must start later"),
        (TimeSplitConfig(valid_from=1, test_from=10**15), "test_from=1000000000000000 is beyond"),
        (TimeSplitConfig(valid_from=50, test_from=60), "the validation part is empty"),
        (GivenSplitConfig(), "do not say what is training"),
    ],
)
def test_splits_that_cannot_be_made_are_refused(
    make_log: Make, config: SplitConfig, message: str
) -> None:
    log = make_log([("a", "x", place) for place in range(10)])
    with pytest.raises(DataError, match=message):
        split(log, config)


def test_users_with_one_interaction_only_train(make_log: Make) -> None:
    log = make_log([("a", "x", 1), *(("b", "x", place) for place in range(4))])
    dataset, report = build_dataset(log, split(log, LeaveOneOutConfig()))
    assert report.short_users == 1
    assert dataset.train().lengths.tolist() == [1, 2]
    with pytest.raises(DataError, match="part is empty"):
        split(make_log([("a", "x", 1)]), LeaveOneOutConfig())


def with_parts(rows: list[tuple[str, str, int, str]]) -> Interactions:
    frame = pl.DataFrame(rows, schema=["user_id", "item_id", "timestamp", "part"], orient="row")
    return Interactions(frame, ReadReport("test", (), len(frame), "ms"))


def test_given_parts_are_taken_and_checked() -> None:
    good = [("a", "x", 1, "train"), ("a", "x", 2, "valid"), ("a", "x", 2, "test")]
    assert split(with_parts(good), GivenSplitConfig()).parts.tolist() == [0, 1, 2]
    bad = [*good, ("b", "x", 1, "valid"), ("b", "y", 2, "train")]
    with pytest.raises(DataError, match="put item 'y' of user 'b' into an earlier part"):
        split(with_parts(bad), GivenSplitConfig())


def test_a_log_without_times_has_no_split_by_time() -> None:
    frame = with_parts([("a", "x", place, "train") for place in range(10)]).frame
    log = Interactions(frame, ReadReport("test", (), 10, "position"))
    with pytest.raises(DataError, match="hold no times"):
        split(log, TimeSplitConfig())


def test_times_in_words_cannot_be_met_with_numbers() -> None:
    frame = pl.DataFrame(
        {"user_id": ["a"] * 3, "item_id": ["x"] * 3, "timestamp": ["2024-01-01"] * 3}
    )
    with pytest.raises(DataError, match="give ISO 8601 text"):
        split(interactions_from_frame(frame), TimeSplitConfig(valid_from=1, test_from=2))
