"""One log file to raw rows: Polars where the file is regular, line by line where it is not."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final, assert_never

import numpy as np
import polars as pl

from latentrec.data.careful import read_delimited_carefully, read_json_carefully
from latentrec.data.raw import Columns, RawLog
from latentrec.data.sources.source import Delimited, JsonLines, LogFile, Parquet
from latentrec.data.text import (
    LINE_LIMIT,
    Text,
    as_utf8,
    binary,
    header,
    json_sample,
    open_text,
    reason,
)
from latentrec.errors import DataError

_CHUNK_BYTES: Final = 16 * 1024 * 1024
_OPTIONS: Final = {
    "user_id": "--user-column",
    "item_id": "--item-column",
    "timestamp": "--time-column",
}


def read_log(file: LogFile, columns: Columns) -> RawLog:
    """The rows of one file of a log.

    Raises:
        DataError: If the file is missing, empty or unreadable, or lacks a column.
    """
    match file.layout:
        case Parquet():
            log = _read_parquet_log(file.path, columns)
        case Delimited():
            log = _read_delimited(file.path, file.layout, columns)
        case JsonLines():
            log = _read_json(file.path, columns)
        case _:
            assert_never(file.layout)
    if file.part is None:
        return log
    return replace(log, frame=log.frame.with_columns(part=pl.lit(file.part)))


def _read_parquet_log(path: Path, columns: Columns) -> RawLog:
    """The rows of a Parquet file, of which only the columns of a log are read."""
    try:
        names = list(pl.read_parquet_schema(path))
    except (pl.exceptions.PolarsError, OSError):
        names = None
    if names is not None:
        check_columns(names, columns, path.name)
        names = [theirs for _, theirs in columns.wanted(names)]
    return log_from_frame(read_parquet(path, names), columns, path.name)


def read_parquet(path: Path, columns: list[str] | None = None) -> pl.DataFrame:
    """A Parquet file.

    Args:
        path: The file.
        columns: Names of the columns to read; default: all.

    Raises:
        DataError: If it is missing or unreadable.
    """
    try:
        return pl.read_parquet(path, columns=columns, glob=False)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise DataError(f"{path}: not readable as Parquet ({reason(error)})") from None


def log_from_frame(frame: pl.DataFrame, columns: Columns, name: str) -> RawLog:
    """The rows of a typed frame; the line is the row number from 1.

    Raises:
        DataError: If a column is missing.
    """
    check_columns(frame.columns, columns, name)
    chosen = [pl.col(theirs).alias(ours) for ours, theirs in columns.wanted(frame.columns)]
    return RawLog(_numbered(frame.select(chosen), 1), (name,), len(frame), text=False)


def check_columns(present: list[str], columns: Columns, name: str) -> None:
    """Refuse a file that lacks a column.

    Raises:
        DataError: Names the columns that exist and the option that chooses another.
    """
    for ours, theirs in columns.needed():
        if present.count(theirs) != 1:
            shown = ", ".join(column[:40] for column in present[:20])
            number = "no" if theirs not in present else "more than one"
            meant = "" if theirs == ours else f" ({ours})"
            advice = _other_separator(present) or f"Choose with {_OPTIONS[ours]}"
            raise DataError(
                f"{name}: has {number} column '{theirs}'{meant}; its columns are: {shown}. {advice}"
            )


def _other_separator(present: list[str]) -> str | None:
    """What to do about a header that was not cut because its separator is another one."""
    found = {";": "';'", "\t": "tabs"}
    for character, named in found.items():
        if len(present) == 1 and character in present[0]:
            return f"It looks separated by {named}; save it with commas (.csv) or tabs (.tsv)"
    return None


def _read_delimited(path: Path, layout: Delimited, columns: Columns) -> RawLog:
    text, layout = as_utf8(open_text(path), layout)
    names = header(text, layout, path.name)
    check_columns(names, columns, path.name)
    wanted = columns.wanted(names)
    frame = _delimited_by_polars(text, layout, names, wanted)
    if frame is None:
        return read_delimited_carefully(text, layout, path.name, names, wanted)
    return RawLog(_numbered(frame, 1 + (layout.header is None)), (path.name,), len(frame))


def _delimited_by_polars(
    text: Text, layout: Delimited, names: list[str], wanted: list[tuple[str, str]]
) -> pl.DataFrame | None:
    """The rows, or None where the file does not have one sound record in every line."""
    lines = regular_lines(text, layout.separator)
    if lines is None:
        return None
    places = {ours: names.index(theirs) for ours, theirs in wanted}
    rows = pl.scan_csv(
        text,
        has_header=layout.header is None,
        separator=layout.separator,
        quote_char='"' if layout.quoted else None,
        infer_schema=False,
        glob=False,
    ).select(pl.nth(place).alias(ours) for ours, place in places.items())
    try:
        frame = _with_numbers(rows)
    except (pl.exceptions.PolarsError, OSError):
        return None
    return frame if len(frame) == lines - (layout.header is None) else None


def _with_numbers(rows: pl.LazyFrame) -> pl.DataFrame:
    """The rows with times and ratings as numbers, which takes half the room of text.

    If one of them is no finite number, all stay text, so that the rules see what the file says.
    """
    schema = {"timestamp": pl.Int64, "rating": pl.Float64}
    numbers = [pl.col(name).cast(schema[name]) for name in rows.collect_schema() if name in schema]
    try:
        frame = rows.with_columns(numbers).collect()
    except pl.exceptions.InvalidOperationError:
        return rows.collect()
    finite = pl.all_horizontal(pl.selectors.float().is_finite().all())
    return frame if frame.select(finite).item() else rows.collect()


def _read_json(path: Path, columns: Columns) -> RawLog:
    text = open_text(path)
    keys = list(json_sample(text))
    if keys:
        check_columns(keys, columns, path.name)
    wanted = columns.wanted(keys)
    frame = _json_by_polars(text, wanted)
    if frame is None:
        return read_json_carefully(text, path.name, wanted)
    return RawLog(_numbered(frame, 1), (path.name,), len(frame))


def _json_by_polars(text: Text, wanted: list[tuple[str, str]]) -> pl.DataFrame | None:
    """The rows, or None where the file does not have one flat JSON object in every line."""
    lines = regular_lines(text, None)
    if lines is None:
        return None
    try:
        frame = pl.read_ndjson(text, schema={theirs: pl.String for _, theirs in wanted})
    except (pl.exceptions.PolarsError, OSError):
        return None
    nested = frame.select(pl.any_horizontal(pl.all().str.contains(r"^[\[{]|^true$|^false$").any()))
    if len(frame) != lines or nested.item():
        return None
    return frame.select(pl.col(theirs).alias(ours) for ours, theirs in wanted)


def _numbered(frame: pl.DataFrame, first: int) -> pl.DataFrame:
    lines = pl.int_range(first, pl.len() + first, dtype=pl.UInt32).alias("line")
    return frame.with_columns(pl.lit(0, dtype=pl.UInt16).alias("file"), lines)


def regular_lines(text: Text, separator: str | None) -> int | None:
    """Number of lines of a regular text.

    Returns:
        None if a line is blank, too long, holds a NUL, or has another number of separators than
        the first.
    """
    total, expected = 0, None
    for block in _blocks(text):
        if b"\0" in block:
            return None
        content = np.frombuffer(block, dtype=np.uint8)
        ends = np.flatnonzero(content == ord("\n"))
        starts = np.concatenate([np.zeros(1, np.int64), ends[:-1] + 1])
        lengths = ends - starts
        if lengths.max() > LINE_LIMIT or (lengths <= 1).any():
            return None
        if separator is not None:
            counts = np.add.reduceat(content == ord(separator), starts, dtype=np.int32)
            expected = counts[0] if expected is None else expected
            if (counts != expected).any():
                return None
        total += len(ends)
    return total


def _blocks(text: Text) -> Iterator[bytes]:
    """The text in blocks of whole lines, each with its line end."""
    rest = b""
    with binary(text) as file:
        while chunk := file.read(_CHUNK_BYTES):
            end = chunk.rfind(b"\n") + 1
            if end:
                yield rest + chunk[:end]
                rest = chunk[end:]
            else:
                rest += chunk
            if len(rest) > LINE_LIMIT:
                break
    if rest:
        yield rest + b"\n"
