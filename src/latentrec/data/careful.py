"""The careful reader: line by line, for files that are not regular; it finds every bad row."""

import csv
import json
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, BinaryIO, Final, TypeAlias, cast, final

import polars as pl

from latentrec.data.raw import BAD_ROW_SCHEMA, SHOWN, RawLog
from latentrec.data.sources.source import Delimited
from latentrec.data.text import LINE_LIMIT, Text, binary, reason, split_line

_MOST_JOINED: Final = 100
"""Most lines that one quoted record may span."""

Values: TypeAlias = list[str | None]
Line: TypeAlias = tuple[int, bytes]


@final
class _BadLineError(Exception):
    """A line that cannot be cut into fields; the text is the rule it breaks."""


@final
@dataclass
class _Found:
    """What has been read so far."""

    values: list[Values] = field(default_factory=list[Values])
    lines: list[int] = field(default_factory=list[int])
    bad: list[tuple[str, int, None, str, str]] = field(
        default_factory=list[tuple[str, int, None, str, str]]
    )
    blank: int = 0

    def as_log(self, name: str, columns: list[str]) -> RawLog:
        schema = dict.fromkeys(columns, pl.String)
        frame = pl.DataFrame(self.values, schema=schema, orient="row")
        place = pl.lit(0, dtype=pl.UInt16).alias("file")
        frame = frame.with_columns(place, pl.Series("line", self.lines, dtype=pl.Int64))
        bad = pl.DataFrame(self.bad, schema=BAD_ROW_SCHEMA, orient="row")
        return RawLog(frame, (name,), len(frame) + len(bad) + self.blank, self.blank, bad)


def read_delimited_carefully(
    text: Text, layout: Delimited, name: str, names: list[str], wanted: list[tuple[str, str]]
) -> RawLog:
    """All rows of a delimited text, sound or bad.

    Args:
        text: UTF-8 with a separator of one character.
        layout: How it is written.
        name: Name of the file, for the list of bad rows.
        names: Its header.
        wanted: Pairs of our name and the header's name.
    """
    places = [names.index(theirs) for _, theirs in wanted]

    def parse(line: str) -> Values:
        try:
            fields = split_line(line, layout)
        except csv.Error as error:
            raise _BadLineError(f"must be a sound CSV record ({reason(error)})") from None
        if len(fields) != len(names):
            raise _BadLineError(f"must have {len(names)} fields, has {len(fields)}")
        return [fields[place] for place in places]

    with binary(text) as file:
        lines = _lines(file)
        if layout.header is None:
            next(lines, None)
        records = _joined(lines) if layout.quoted else lines
        return _read(records, parse, name).as_log(name, [ours for ours, _ in wanted])


def read_json_carefully(text: Text, name: str, wanted: list[tuple[str, str]]) -> RawLog:
    """All rows of JSON lines, sound or bad; see `read_delimited_carefully`."""

    def parse(line: str) -> Values:
        try:
            found = json.loads(line)
        except (ValueError, RecursionError):
            raise _BadLineError("must be valid JSON") from None
        if not isinstance(found, dict):
            raise _BadLineError("must be a JSON object")
        row = cast("dict[str, Any]", found)
        return [_as_text(row.get(theirs), theirs) for _, theirs in wanted]

    with binary(text) as file:
        return _read(_lines(file), parse, name).as_log(name, [ours for ours, _ in wanted])


def _as_text(value: Any, name: str) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, (list, dict, bool)):
        raise _BadLineError(f"'{name}' must be text or a number, not {type(value).__name__}")
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _read(lines: Iterator[Line], parse: Callable[[str], Values], name: str) -> _Found:
    found = _Found()
    for number, line in lines:
        if not line.strip():
            found.blank += 1
            continue
        try:
            values = parse(_decode(line))
        except _BadLineError as broken:
            shown = line[:SHOWN].decode("utf-8", "backslashreplace")[:SHOWN].rstrip()
            found.bad.append((name, number, None, shown, str(broken)))
            continue
        found.values.append(values)
        found.lines.append(number)
    return found


def _decode(line: bytes) -> str:
    if len(line) > LINE_LIMIT:
        raise _BadLineError(f"must not be a line of more than {LINE_LIMIT:,} bytes")
    if b"\0" in line:
        raise _BadLineError("must not hold a NUL character")
    try:
        return line.decode("utf-8").rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise _BadLineError(f"must be UTF-8 (byte {error.start + 1} is not)") from None


def _lines(file: BinaryIO) -> Iterator[Line]:
    """Lines with their number from 1; of a line that is too long only the start is kept."""
    number = 0
    while line := file.readline(LINE_LIMIT + 1):
        number += 1
        yield number, line
        while len(line) > LINE_LIMIT and not line.endswith(b"\n"):
            line = file.readline(LINE_LIMIT + 1)
            if len(line) <= LINE_LIMIT:
                break


def _joined(lines: Iterator[Line]) -> Iterator[Line]:
    """Records: lines with an open quote joined with those up to where it closes, if it does."""
    waiting: deque[Line] = deque()
    while first := (waiting.popleft() if waiting else next(lines, None)):
        record, taken = first[1], 0
        while record.count(b'"') % 2 and len(record) <= LINE_LIMIT and taken < _MOST_JOINED:
            if taken == len(waiting):
                following = next(lines, None)
                if following is None:
                    break
                waiting.append(following)
            record += waiting[taken][1]
            taken += 1
        if record.count(b'"') % 2:
            yield first
            continue
        for _ in range(taken):
            waiting.popleft()
        yield first[0], record
