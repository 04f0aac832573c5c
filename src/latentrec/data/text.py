"""Text files as bytes: unpacked, in UTF-8, with their header; nothing is read into rows here."""

import csv
import gzip
import io
import json
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO, Final, TypeAlias, cast

from latentrec.data.sources.source import Delimited
from latentrec.errors import DataError

Text: TypeAlias = bytes | Path
"""The content of a file, or the path of a file that can be read as it is."""

LINE_LIMIT: Final = 1024 * 1024
"""Longest line, in bytes."""
_CHUNK_BYTES: Final = 16 * 1024 * 1024
_MOST_RATIO: Final = 200
"""A .gz file that grows by more than this factor is refused."""


def open_text(path: Path) -> Text:
    """A text file ready to read; a .gz file is unpacked into memory.

    Raises:
        DataError: If the file is missing, empty, or not a sound .gz file.
    """
    try:
        size = path.stat().st_size
        text = _unpack(path, size) if path.suffix == ".gz" else path
        with binary(text) as file:
            empty = not file.read(1)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path}: not readable ({reason(error)})") from None
    if empty:
        raise DataError(f"{path}: is empty")
    return text


def reason(error: BaseException) -> str:
    """What went wrong, in one short line."""
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return " ".join(text.split())[:200]


def _unpack(path: Path, size: int) -> bytes:
    parts: list[bytes] = []
    total, most = 0, max(_CHUNK_BYTES, size * _MOST_RATIO)
    with gzip.open(path, "rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            parts.append(chunk)
            total += len(chunk)
            if total > most:
                raise DataError(
                    f"{path}: unpacks to more than {_MOST_RATIO} times its size; unpack it "
                    "yourself if you trust it"
                )
    return b"".join(parts)


def binary(text: Text) -> BinaryIO:
    """A binary file over the text."""
    return text.open("rb") if isinstance(text, Path) else io.BytesIO(text)


def as_utf8(text: Text, layout: Delimited) -> tuple[Text, Delimited]:
    """The same text in UTF-8 with a separator of one character, and its layout."""
    if len(layout.separator) == 1 and not layout.latin1:
        return text, layout
    content = text.read_bytes() if isinstance(text, Path) else text
    if layout.latin1 and not _is_utf8(content):
        content = content.decode("latin-1").encode()
    if len(layout.separator) == 1:
        return content, layout
    content = content.replace(b"\t", b" ").replace(layout.separator.encode(), b"\t")
    return content, replace(layout, separator="\t")


def _is_utf8(content: bytes) -> bool:
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return True


def header(text: Text, layout: Delimited, name: str) -> list[str]:
    """Names of the fields.

    Raises:
        DataError: If the first line is no header in UTF-8.
    """
    if layout.header is not None:
        return list(layout.header)
    with binary(text) as file:
        first = file.readline(LINE_LIMIT + 1)
    if len(first) > LINE_LIMIT:
        raise DataError(f"{name}:1: line of more than {LINE_LIMIT:,} bytes; is this a text table?")
    try:
        line = first.decode("utf-8-sig").rstrip("\r\n")
        return split_line(line, layout)
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{name}:1: header not readable as UTF-8 text ({reason(error)})") from None


def split_line(line: str, layout: Delimited) -> list[str]:
    """The fields of one record.

    Raises:
        csv.Error: If the quotes are wrong.
    """
    if not layout.quoted or '"' not in line:
        return line.split(layout.separator)
    return next(csv.reader([line], delimiter=layout.separator, strict=True), [])


def json_sample(text: Text) -> dict[str, Any]:
    """Keys of the first JSON objects of a text, each with its first value that is not null."""
    sample: dict[str, Any] = {}
    with binary(text) as file:
        for _ in range(100):
            try:
                found = json.loads(file.readline(LINE_LIMIT))
            except (ValueError, RecursionError):
                continue
            if isinstance(found, dict):
                row = cast("dict[str, Any]", found)
                sample = {
                    **row,
                    **{key: value for key, value in sample.items() if value is not None},
                }
    return sample
