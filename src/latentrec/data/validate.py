"""The rules of a log, for all rows at once: sound rows come out typed, bad ones with their rule."""

from dataclasses import dataclass
from typing import Final, final

import polars as pl

from latentrec.data.raw import BAD_ROW_SCHEMA, SHOWN, RawLog
from latentrec.data.report import TimeUnit
from latentrec.data.timestamps import AskedUnit, MixedUnitsError, Times, read_times, slim
from latentrec.errors import DataError

FIELD_LIMIT: Final = 64 * 1024
"""Longest user or item id, in bytes."""
_NOTHING: Final = ("nan", "null", "none", "<na>")
"""Words that writers of text files put where an id is missing; compared in lower case."""


@final
@dataclass(frozen=True)
class Validated:
    """Sound rows and bad rows of a log.

    Attributes:
        frame: user_id, item_id (text), micros (microseconds since 1970), rating, history
            and part as the log has them; in input order.
        bad: The rows that break a rule, see `BAD_ROW_SCHEMA`.
        time_unit: How the log wrote its times.
        notes: What a reader should know about the times.
    """

    frame: pl.DataFrame
    bad: pl.DataFrame
    time_unit: TimeUnit
    notes: tuple[str, ...]


def validate(log: RawLog, names: dict[str, str], unit: AskedUnit, rating_needed: bool) -> Validated:
    """Check every row of a log against every rule.

    Args:
        log: Rows as they stand in the files.
        names: The log's own column name by ours, for messages.
        unit: Unit of the times, or `auto`.
        rating_needed: Whether a missing rating makes a row bad.

    Raises:
        DataError: If a column has an impossible type, or times are in several units.
    """
    columns: list[pl.Series] = []
    checked: dict[str, pl.Series] = {}
    for name in ("user_id", "item_id"):
        values, checked[name] = _read_ids(log.frame[name], log.text, names[name])
        columns.append(values.alias(name))
    times = _times(log, unit)
    checked["timestamp"] = times.rules
    columns.append(times.micros.alias("micros"))
    if "rating" in log.frame.columns:
        rating, checked["rating"] = _read_ratings(log.frame["rating"], rating_needed)
        columns.append(rating.alias("rating"))
    columns += [log.frame[name] for name in ("history", "part") if name in log.frame.columns]
    rules = pl.DataFrame([series.alias(name) for name, series in checked.items()])
    frame = pl.DataFrame(columns)
    if all(series.null_count() == len(series) for series in rules):
        return Validated(frame, log.bad, times.unit, times.notes)
    sound = rules.select(pl.all_horizontal(pl.all().is_null())).to_series()
    bad = _bad_rows(log, rules, ~sound, names)
    return Validated(frame.filter(sound), bad, times.unit, times.notes)


def _times(log: RawLog, unit: AskedUnit) -> Times:
    values = log.frame["timestamp"]
    if log.text and unit == "iso":
        values = values.cast(pl.String)
    try:
        return read_times(values, unit)
    except MixedUnitsError as error:
        file, line = log.frame.select("file", "line").row(error.row)
        raise DataError(f"{log.files[file]}:{line}: {error}") from None


def _read_ids(values: pl.Series, text: bool, name: str) -> tuple[pl.Series, pl.Series]:
    """Ids as text, and the rule that each row breaks."""
    frame, value = values.alias("value").to_frame(), pl.col("value")
    if values.dtype.is_float():
        whole = (value == value.floor()) & (value.abs() < 2**53)
        rule = pl.when(value.is_null() | value.is_nan()).then(pl.lit("is missing"))
        rule = rule.when(~whole).then(pl.lit("must be text or a whole number"))
        ids = pl.when(whole).then(value).cast(pl.Int64, strict=False).cast(pl.String)
        return frame.select(ids).to_series(), slim(frame.select(rule).to_series())
    if isinstance(values.dtype, pl.Categorical | pl.Enum | pl.Null) or values.dtype.is_integer():
        frame = frame.cast(pl.String)
    elif values.dtype != pl.String:
        raise DataError(
            f"column '{name}': type {values.dtype} holds no ids; they are text or integers"
        )
    bare = value.str.strip_chars()
    missing = value.is_null() | (bare == "")
    if text:
        missing = missing | bare.str.to_lowercase().is_in(_NOTHING)
    rule = (
        pl.when(missing)
        .then(pl.lit("is missing"))
        .when(value.str.len_bytes() > FIELD_LIMIT)
        .then(pl.lit(f"must not be longer than {FIELD_LIMIT:,} bytes"))
        .when(value.str.contains("\0", literal=True))
        .then(pl.lit("must not hold a NUL character"))
    )
    return frame.to_series(), slim(frame.select(rule).to_series())


def _read_ratings(values: pl.Series, needed: bool) -> tuple[pl.Series, pl.Series]:
    """Ratings as floats, null where missing, and the rule that each row breaks."""
    if not (values.dtype == pl.String or values.dtype.is_numeric() or values.dtype == pl.Null):
        raise DataError(f"rating column: type {values.dtype} holds no numbers")
    numbers = values.cast(pl.Float64, strict=False)
    number, value = pl.col("number"), pl.col("value")
    absent = value.is_null() if values.dtype != pl.String else value.is_null() | (value == "")
    absent = absent | number.is_nan().fill_null(False)
    rule = (
        pl.when(absent)
        .then(pl.lit("is missing" if needed else None, dtype=pl.String))
        .when(number.is_null() | ~number.is_finite())
        .then(pl.lit("must be a finite number"))
    )
    frame = pl.DataFrame([values.alias("value"), numbers.alias("number")])
    return numbers.fill_nan(None), slim(frame.select(rule).to_series())


def _bad_rows(
    log: RawLog, rules: pl.DataFrame, chosen: pl.Series, names: dict[str, str]
) -> pl.DataFrame:
    """The chosen rows, each with the first rule it breaks, behind those that had no fields."""
    broken, rows = rules.filter(chosen), log.frame.filter(chosen)
    column = pl.coalesce(
        pl.when(pl.col(name).is_not_null()).then(pl.lit(names[name])) for name in rules.columns
    )
    values = [
        pl.when(broken[name].is_not_null()).then(rows[name].cast(pl.String, strict=False))
        for name in rules.columns
    ]
    files = pl.Series(log.files, dtype=pl.String)
    found = pl.DataFrame(
        {
            "file": files.gather(rows["file"]),
            "line": rows["line"].cast(pl.Int64),
            "column": broken.select(column).to_series(),
            "value": pl.select(pl.coalesce(values)).to_series().str.slice(0, SHOWN),
            "rule": broken.select(pl.coalesce(pl.all())).to_series(),
        },
        schema=BAD_ROW_SCHEMA,
    )
    return pl.concat([log.bad, found]).sort("file", "line", maintain_order=True)


def describe_bad_rows(bad: pl.DataFrame, rows: int) -> str:
    """One line that names the first bad rows, their number and the way out."""
    first = [_describe(**row) for row in bad.head(3).iter_rows(named=True)]
    more = f" (and {len(bad) - 3:,} more)" if len(bad) > 3 else ""
    return (
        f"{len(bad):,} of {rows:,} rows break a rule: {'; '.join(first)}{more}. Mend them, or use "
        "--bad-rows report to list them in a file and go on without them"
    )


def _describe(file: str, line: int, column: str | None, value: str | None, rule: str) -> str:
    if column is None:
        return f"{file}:{line}: the line {value!r} {rule}"
    shown = "" if value is None or rule == "is missing" else f"={value!r}"
    return f"{file}:{line}: {column}{shown} {rule}"
