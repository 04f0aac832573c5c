"""Times of a log: which unit they are in, and their value in microseconds since 1970."""

from dataclasses import dataclass, replace
from typing import Final, Literal, TypeAlias, final

import polars as pl

from latentrec.data.report import UNIT_WORDS, TimeUnit
from latentrec.errors import DataError

AskedUnit: TypeAlias = Literal["auto", "s", "ms", "us", "iso"]
NumberUnit: TypeAlias = Literal["s", "ms", "us"]

MICROSECONDS: Final[dict[NumberUnit, int]] = {"s": 1_000_000, "ms": 1_000, "us": 1}
"""Microseconds in one unit."""
LIMITS: Final[dict[NumberUnit, float]] = {"s": 1e11, "ms": 1e14, "us": 1e17}
"""Times must stay below this (the year 5138); what reaches it belongs to the next finer unit."""

_NUMBER_RULE: Final = "must be a number of seconds, milliseconds or microseconds, or ISO 8601 text"
_ISO_RULE: Final = "must be ISO 8601 text like 2024-05-31T12:00:00Z"
_ZONED: Final = "%Y-%m-%dT%H:%M:%S%.f%#z"
_PLAIN: Final = ("%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%dT%H:%M", "%Y-%m-%d")


@final
@dataclass(frozen=True)
class Times:
    """Times of a log, row by row.

    Attributes:
        micros: Microseconds since 1970, null where the row breaks a rule, Int64, shape (n,).
        rules: The rule that a row breaks, null where it breaks none, shape (n,); see `slim`.
        unit: How the log wrote its times.
        notes: What a reader should know about them.
    """

    micros: pl.Series
    rules: pl.Series
    unit: TimeUnit
    notes: tuple[str, ...] = ()


def read_times(values: pl.Series, asked: AskedUnit) -> Times:
    """The times of a column of any type.

    Args:
        values: Integers, floats, text, dates or datetimes.
        asked: Unit of numbers; `auto` takes it from their size, one unit for the whole column.

    Raises:
        MixedUnitsError: If some numbers read as one unit and some as another (`auto` only).
        DataError: If the column has a type that holds no times.

    Example:
        >>> read_times(pl.Series([881250949, 891717742]), "auto").unit
        's'
    """
    if isinstance(values.dtype, pl.Date | pl.Datetime):
        return _from_datetimes(values)
    if values.dtype == pl.String:
        numbers = values.cast(pl.Float64, strict=False)
        mostly_text = numbers.count() < values.count() - numbers.count()
        if asked == "iso" or (asked == "auto" and mostly_text):
            return _from_iso(values)
        return _from_numbers(values, numbers, asked)
    if values.dtype.is_numeric() and asked != "iso":
        return _from_numbers(values, values.cast(pl.Float64), asked)
    raise DataError(f"time column: type {values.dtype} with time unit '{asked}' holds no times")


@final
class MixedUnitsError(DataError):
    """Times of one log in several units; `row` is the first row that differs from most."""

    def __init__(self, row: int, value: float, found: NumberUnit, most: NumberUnit) -> None:
        self.row = row
        super().__init__(
            f"time {value:.15g} reads as {UNIT_WORDS[found]}, but most rows read as "
            f"{UNIT_WORDS[most]}; mend the row, or give the unit (--time-unit {most})"
        )


def _from_datetimes(values: pl.Series) -> Times:
    micros = values.cast(pl.Datetime("us")).cast(pl.Int64)
    return _judge(values, micros, micros.cast(pl.Float64), 1e17, _ISO_RULE, "datetime")


def _from_iso(values: pl.Series) -> Times:
    text = pl.col("t").str.replace(" ", "T", literal=True)
    zoned = text.str.to_datetime(_ZONED, time_unit="us", time_zone="UTC", strict=False)
    plain = [text.str.to_datetime(form, time_unit="us", strict=False) for form in _PLAIN]
    frame = values.rename("t").to_frame()
    with_zone = frame.select(zoned.dt.replace_time_zone(None)).to_series()
    micros = frame.select(pl.coalesce(with_zone, *plain)).to_series().cast(pl.Int64)
    times = _judge(values, micros, micros.cast(pl.Float64), 1e17, _ISO_RULE, "iso")
    bare = int((with_zone.is_null() & times.micros.is_not_null()).sum())
    notes = (f"{bare:,} times name no zone and are read as UTC",) if bare else ()
    return replace(times, notes=notes)


def _from_numbers(values: pl.Series, numbers: pl.Series, asked: AskedUnit) -> Times:
    unit = _detect(numbers) if asked in ("auto", "iso") else asked
    time = pl.col("t") * MICROSECONDS[unit]
    micros = numbers.rename("t").to_frame().select(time.round()).to_series()
    limit = LIMITS[unit] * MICROSECONDS[unit]
    return _judge(values, micros, micros, limit, _NUMBER_RULE, unit)


def _detect(numbers: pl.Series) -> NumberUnit:
    """The one unit of all sound numbers, by their size."""
    if numbers.is_between(0, LIMITS["s"], closed="left").all():
        return "s"
    usable = pl.col("t").is_finite() & pl.col("t").is_between(0, LIMITS["us"], closed="left")
    frame = numbers.rename("t").to_frame().with_row_index("row").filter(usable)
    seconds, millis = pl.col("t") < LIMITS["s"], pl.col("t") < LIMITS["ms"]
    sizes = pl.when(seconds).then(0).when(millis).then(1).otherwise(2).cast(pl.UInt8)
    frame = frame.with_columns(size=sizes)
    counts = frame["size"].value_counts(sort=True)
    units: tuple[NumberUnit, ...] = ("s", "ms", "us")
    if len(counts) == 0:
        return "s"
    most = units[counts["size"][0]]
    if len(counts) > 1:
        row, value, size = frame.filter(pl.col("size") != counts["size"][0]).row(0)
        raise MixedUnitsError(row, value, units[size], most)
    return most


def _judge(
    values: pl.Series, micros: pl.Series, size: pl.Series, limit: float, form: str, unit: TimeUnit
) -> Times:
    """Give each row that has no sound time the rule it breaks."""
    if size.null_count() == 0 and size.is_between(0, limit, closed="left").all():
        return Times(micros.cast(pl.Int64), _no_rules("rule", len(size)), unit)
    size = size.rename("size")
    frame = pl.DataFrame([values.rename("value"), size])
    blank = pl.col("value").is_null()
    if values.dtype == pl.String:
        blank = blank | (pl.col("value").str.strip_chars() == "")
    number = pl.col("size")
    rule = (
        pl.when(blank | (number.is_nan() if values.dtype.is_float() else False))
        .then(pl.lit("is missing"))
        .when(number.is_null())
        .then(pl.lit(form))
        .when(~number.is_finite())
        .then(pl.lit("must be finite"))
        .when(number < 0)
        .then(pl.lit("must not be negative (before 1970)"))
        .when(number >= limit)
        .then(pl.lit("lies after the year 5138; is the time unit right?"))
    )
    rules = slim(frame.select(rule.alias("rule")).to_series())
    sound = micros.zip_with(rules.is_null(), pl.Series([None], dtype=micros.dtype))
    return Times(sound.cast(pl.Int64), rules, unit)


def slim(rules: pl.Series) -> pl.Series:
    """Rules of rows; as a column without any memory where no row breaks one, the usual case."""
    all_sound = rules.null_count() == len(rules)
    return _no_rules(rules.name, len(rules)) if all_sound else rules


def _no_rules(name: str, rows: int) -> pl.Series:
    return pl.Series(name, [None], pl.Null).new_from_index(0, rows)
