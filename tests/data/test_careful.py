"""The careful reader promises to find every bad row with its line: so every kind is planted."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from latentrec.data.careful import read_delimited_carefully, read_json_carefully
from latentrec.data.raw import RawLog
from latentrec.data.sources.source import Delimited
from latentrec.data.text import LINE_LIMIT

NAMES = ["u", "i", "t"]
WANTED = [("user_id", "u"), ("item_id", "i"), ("timestamp", "t")]


def read(content: bytes) -> RawLog:
    return read_delimited_carefully(content, Delimited(), "log.csv", NAMES, WANTED)


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        (b"a,b", "must have 3 fields, has 2"),
        (b"a,b,1,2", "must have 3 fields, has 4"),
        (b"a,\xff\xfe,1", "must be UTF-8 (byte 3 is not)"),
        (b"a,b\0,1", "NUL"),
        (b'a,"b,1', "sound CSV record"),
        (b"x" * (LINE_LIMIT + 5) + b",b,1", "line of more than"),
        (b"x" * (2 * LINE_LIMIT + 7) + b",b,1", "line of more than"),
        (b"x" * (LINE_LIMIT - 1), "must have 3 fields"),
    ],
)
def test_each_bad_line_is_found_and_no_other(line: bytes, rule: str) -> None:
    log = read(b"u,i,t\na,b,1\n" + line + b"\nc,d,2\n")
    assert log.bad["line"].to_list() == [3]
    assert rule in log.bad["rule"][0]
    assert len(log.bad["value"][0]) <= 60
    assert log.frame["line"].to_list() == [2, 4]
    assert log.frame["user_id"].to_list() == ["a", "c"]
    assert log.rows == 3


def test_blank_lines_are_counted_and_keep_the_line_numbers_right() -> None:
    log = read(b"u,i,t\r\n\r\na,b,1\r\n   \r\nc,d,2")
    assert (log.rows, log.blank) == (4, 2)
    assert log.frame.rows() == [("a", "b", "1", 0, 3), ("c", "d", "2", 0, 5)]


def test_a_quoted_record_may_span_lines() -> None:
    log = read(b'u,i,t\n"a\nb","x ""y""",1\nc,d,2\n')
    assert log.frame["user_id"].to_list() == ["a\nb", "c"]
    assert log.frame["item_id"].to_list() == ['x "y"', "d"]
    assert log.frame["line"].to_list() == [2, 4]


def test_a_quote_that_never_closes_costs_one_line_only() -> None:
    rows = b"".join(b"u%d,i,1\n" % number for number in range(300))
    log = read(b'u,i,t\n"open,b,1\n' + rows)
    assert log.bad["line"].to_list() == [2]
    assert len(log.frame) == 300


def test_json_lines_of_every_bad_kind() -> None:
    lines = [
        json.dumps({"u": 7, "i": 8.0, "t": 1.5}),
        "[1, 2]",
        '{"u": "a"',
        json.dumps({"u": ["a"], "i": "b", "t": 1}),
        json.dumps({"u": True, "i": "b", "t": 1}),
        "",
        json.dumps({"i": "b", "t": 1}),
        "[" * 100_000,
    ]
    log = read_json_carefully("\n".join(lines).encode(), "log.jsonl", WANTED)
    assert log.bad["line"].to_list() == [2, 3, 4, 5, 8]
    assert log.frame.rows() == [("7", "8", "1.5", 0, 1), (None, "b", "1", 0, 7)]
    assert log.rows == len(log.frame) + len(log.bad) + log.blank == 8


def test_a_path_reads_as_its_content(tmp_path: Path) -> None:
    content = b"u,i,t\na,b,1\nbad\n"
    path = tmp_path / "log.csv"
    path.write_bytes(content)
    log = read_delimited_carefully(path, Delimited(), "log.csv", NAMES, WANTED)
    assert log.frame.equals(read(content).frame)


@given(st.binary(max_size=300))
def test_no_row_is_lost_whatever_the_bytes(content: bytes) -> None:
    log = read_delimited_carefully(
        b"u,i,t\n" + content, Delimited(quoted=False), "log.csv", NAMES, WANTED
    )
    lines = content.count(b"\n") + (not content.endswith(b"\n") and content != b"")
    assert len(log.frame) + len(log.bad) + log.blank == log.rows == lines
