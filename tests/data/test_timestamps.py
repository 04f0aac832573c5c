"""A wrong time unit reorders nothing but ruins every split by time, so each form is pinned down."""

from datetime import UTC, date, datetime, timedelta, timezone

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from latentrec.data.timestamps import MixedUnitsError, read_times
from latentrec.errors import DataError

MOMENT = datetime(2024, 5, 31, 12, 30, 15, tzinfo=UTC)
MICROS = int(MOMENT.timestamp()) * 1_000_000


@pytest.mark.parametrize(
    ("values", "unit"),
    [
        (pl.Series([MICROS // 1_000_000]), "s"),
        (pl.Series([MICROS // 1000]), "ms"),
        (pl.Series([MICROS]), "us"),
        (pl.Series([MICROS / 1_000_000]), "s"),
        (pl.Series([str(MICROS // 1000)]), "ms"),
        (pl.Series([f"{MICROS / 1e6}"]), "s"),
        (pl.Series([f"{MICROS // 1_000_000:.1e}".replace("+0", "")]), "s"),
        (pl.Series(["2024-05-31T12:30:15Z"]), "iso"),
        (pl.Series(["2024-05-31T14:30:15+02:00"]), "iso"),
        (pl.Series(["2024-05-31 12:30:15"]), "iso"),
        (pl.Series(["2024-05-31 12:30:15.000"]), "iso"),
        (pl.Series([MOMENT.replace(tzinfo=None)]), "datetime"),
        (pl.Series([MOMENT]), "datetime"),
        (pl.Series([MOMENT.replace(tzinfo=None)]).cast(pl.Datetime("ns")), "datetime"),
    ],
)
def test_every_form_of_one_moment_reads_the_same(values: pl.Series, unit: str) -> None:
    times = read_times(values, "auto")
    assert times.unit == unit
    assert times.rules.to_list() == [None]
    assert abs(times.micros[0] - MICROS) < (5e13 if "e" in str(values[0]) else 1)


def test_short_iso_forms_and_dates() -> None:
    times = read_times(pl.Series(["2024-05-31", "2024-05-31T12:30"]), "auto")
    day = int(datetime(2024, 5, 31, tzinfo=UTC).timestamp()) * 1_000_000
    assert times.micros.to_list() == [day, day + 45_000_000_000]
    assert "2 times name no zone" in times.notes[0]
    assert read_times(pl.Series([date(2024, 5, 31)]), "auto").micros.to_list() == [day]


def test_a_zone_is_respected_in_a_datetime_column() -> None:
    local = MOMENT.astimezone(timezone(timedelta(0)))
    values = pl.Series([local]).dt.convert_time_zone("Asia/Tokyo")
    assert read_times(values, "auto").micros.to_list() == [MICROS]


@pytest.mark.parametrize("odd", [1_700_000_000_000, 1_700_000_000_000_000])
def test_mixed_units_name_the_row(odd: int) -> None:
    with pytest.raises(MixedUnitsError, match="most rows read as seconds") as caught:
        read_times(pl.Series([1_700_000_000, 1_700_000_001, odd, 1_700_000_002]), "auto")
    assert caught.value.row == 2


def test_a_given_unit_wins_over_the_size() -> None:
    assert read_times(pl.Series([5, 7]), "ms").micros.to_list() == [5000, 7000]


@pytest.mark.parametrize(
    ("value", "rule"),
    [
        ("-1", "negative"),
        ("nan", "finite"),
        ("inf", "finite"),
        ("soon", "must be a number"),
        ("", "missing"),
        (None, "missing"),
        ("1e30", "5138"),
    ],
)
def test_each_bad_time_breaks_its_rule(value: str | None, rule: str) -> None:
    times = read_times(pl.Series(["1700000000", value, "1700000001"], dtype=pl.String), "s")
    assert times.micros.null_count() == 1
    assert rule in times.rules[1]


def test_bad_times_do_not_decide_the_unit() -> None:
    times = read_times(pl.Series(["-5", "abc", "", "nan", "1700000000000"]), "auto")
    assert times.unit == "ms"
    assert times.micros.to_list() == [None] * 4 + [1_700_000_000_000_000]


def test_text_that_is_mostly_iso_makes_numbers_bad() -> None:
    times = read_times(pl.Series(["2024-05-31", "2024-06-01", "1700000000"]), "auto")
    assert times.rules[2] is not None
    assert "ISO" in times.rules[2]


def test_floats_in_a_typed_column_may_be_missing() -> None:
    assert read_times(pl.Series([1.7e9, float("nan")]), "auto").rules[1] == "is missing"


def test_a_column_without_times_is_refused() -> None:
    with pytest.raises(DataError, match="holds no times"):
        read_times(pl.Series([True]), "auto")


@given(st.lists(st.integers(10**8, 10**11 - 1), min_size=1), st.sampled_from([1, 1000, 10**6]))
def test_any_moment_survives_every_unit(seconds: list[int], factor: int) -> None:
    times = read_times(pl.Series([second * factor for second in seconds]), "auto")
    assert times.micros.to_list() == [second * 1_000_000 for second in seconds]
