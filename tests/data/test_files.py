"""Both paths of the reader must agree: the fast one only takes files in which nothing is off."""

import gzip
import time
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

import latentrec.data.files as files
from latentrec.data.careful import read_delimited_carefully
from latentrec.data.files import log_from_frame, read_log, regular_lines
from latentrec.data.raw import Columns
from latentrec.data.sources.source import Delimited, JsonLines, Layout, LogFile, Parquet
from latentrec.errors import DataError

COLUMNS = Columns("u", "i", "t", "r")
ROWS = [("a", "x", "1"), ("b", "y", "2")]


def write(folder: Path, name: str, content: bytes) -> Path:
    path = folder / name
    path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    return path


@pytest.mark.parametrize(
    ("name", "layout", "content"),
    [
        ("log.csv", Delimited(), b"u,i,t\na,x,1\nb,y,2\n"),
        ("crlf.csv", Delimited(), b"\xef\xbb\xbfu,i,t\r\na,x,1\r\nb,y,2"),
        ("order.csv", Delimited(), b"t,z,i,u\n1,,x,a\n2,q,y,b\n"),
        ("log.tsv", Delimited("\t"), b"u\ti\tt\na\tx\t1\nb\ty\t2\n"),
        ("log.dat", Delimited("::", header=("u", "i", "t")), b"a::x::1\nb::y::2\n"),
        ("log.csv.gz", Delimited(), b"u,i,t\na,x,1\nb,y,2\n"),
        ("log.jsonl", JsonLines(), b'{"u":"a","i":"x","t":1}\n{"t":2,"i":"y","u":"b","z":[1]}\n'),
        ("log.jsonl.gz", JsonLines(), b'{"u":"a","i":"x","t":1}\n{"u":"b","i":"y","t":2}'),
    ],
)
def test_regular_text_takes_the_fast_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, layout: Layout, content: bytes
) -> None:
    monkeypatch.delattr(files, "read_delimited_carefully")
    monkeypatch.delattr(files, "read_json_carefully")
    log = read_log(LogFile(write(tmp_path, name, content), layout), COLUMNS)
    values = log.frame.select("user_id", "item_id", "timestamp").cast(pl.String)
    assert values.rows() == ROWS
    assert (log.rows, log.blank, len(log.bad)) == (2, 0, 0)


@pytest.mark.parametrize(
    "content",
    [b"u,i,t\na,x,1\n\nb,y,2\n", b"u,i,t\na,x,1\nb,y\nb,y,2,3\n", b'u,i,t\na,"x\nz",1\nb,y,2\n'],
)
def test_irregular_text_is_read_as_the_careful_reader_reads_it(
    tmp_path: Path, content: bytes
) -> None:
    log = read_log(LogFile(write(tmp_path, "log.csv", content), Delimited()), COLUMNS)
    names = ["u", "i", "t"]
    wanted = COLUMNS.wanted(names)
    careful = read_delimited_carefully(content, Delimited(), "log.csv", names, wanted)
    assert log.frame.equals(careful.frame)
    assert log.bad.equals(careful.bad)


@pytest.mark.parametrize(
    ("time", "rating", "kept"),
    [
        ("7", "4.5", (7, 4.5)),
        ("7", "", (7, None)),
        ("7.0", "4.5", ("7.0", "4.5")),
        (" 7", "4", (" 7", "4")),
        ("2024-05-31", "4", ("2024-05-31", "4")),
        ("7", "nan", ("7", "nan")),
        ("7", "inf", ("7", "inf")),
        ("7", '""', ("7", "")),
    ],
)
def test_numbers_are_read_as_such_only_where_every_value_is_one(
    tmp_path: Path, time: str, rating: str, kept: tuple[object, object]
) -> None:
    """What is no number stays as the file has it, because rules and messages are about that."""
    path = write(tmp_path, "log.csv", f"u,i,t,r\na,x,1,5\nb,y,{time},{rating}\n".encode())
    log = read_log(LogFile(path, Delimited()), COLUMNS)
    assert log.frame.select("timestamp", "rating").row(1) == kept


def test_of_a_parquet_file_only_the_columns_of_a_log_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "log.parquet"
    pl.DataFrame({"review": ["long"], "u": [1], "i": ["x"], "t": [2]}).write_parquet(path)
    read: list[str] = []
    whole = files.read_parquet

    def watched(path: Path, columns: list[str]) -> pl.DataFrame:
        read.extend(columns)
        return whole(path, columns)

    monkeypatch.setattr(files, "read_parquet", watched)
    assert len(read_log(LogFile(path, Parquet()), COLUMNS).frame) == 1
    assert read == ["u", "i", "t"]


@given(st.lists(st.tuples(*[st.text("ab ,\"'\n:0", max_size=4)] * 3), min_size=1, max_size=8))
def test_whatever_polars_writes_is_read_back(rows: list[tuple[str, str, str]]) -> None:
    frame = pl.DataFrame(rows, schema=["u", "i", "t"], orient="row")
    content = frame.write_csv(quote_style="always").encode()
    names = ["u", "i", "t"]
    wanted = COLUMNS.wanted(names)
    careful = read_delimited_carefully(content, Delimited(), "log.csv", names, wanted)
    assert careful.frame.select("user_id", "item_id", "timestamp").rows() == rows


def test_parquet_keeps_its_types(tmp_path: Path) -> None:
    path = tmp_path / "log.parquet"
    pl.DataFrame({"u": [1, 2], "i": ["x", "y"], "t": [1.5, 2.5]}).write_parquet(path)
    log = read_log(LogFile(path, Parquet(), "valid"), COLUMNS)
    assert log.frame.schema["user_id"] == pl.Int64
    assert log.frame["part"].to_list() == ["valid", "valid"]
    assert log.frame["line"].to_list() == [1, 2]
    assert not log.text


def test_a_missing_column_is_named_with_the_ones_that_exist() -> None:
    frame = pl.DataFrame({"user": [1], "i": ["x"], "t": [1]})
    with pytest.raises(DataError, match=r"no column 'u'.*: user, i, t\. Choose with --user-column"):
        log_from_frame(frame, COLUMNS, "log")


@pytest.mark.parametrize(("separator", "named"), [(";", "';'"), ("\t", "tabs")])
def test_another_separator_is_recognised(tmp_path: Path, separator: str, named: str) -> None:
    """No option that chooses a column would help."""
    path = write(tmp_path, "log.csv", b"u,i,t\na,x,1\n".replace(b",", separator.encode()))
    with pytest.raises(DataError, match=rf"looks separated by {named}; save it with commas") as e:
        read_log(LogFile(path, Delimited()), COLUMNS)
    assert "--user-column" not in str(e.value)


def test_a_column_that_occurs_twice_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, "log.csv", b"u,u,i,t\na,b,x,1\n")
    with pytest.raises(DataError, match="more than one column 'u'"):
        read_log(LogFile(path, Delimited()), COLUMNS)


LAYOUTS: dict[str, Layout] = {"csv": Delimited(), "jsonl": JsonLines(), "parquet": Parquet()}


@pytest.mark.parametrize("ending", LAYOUTS)
@pytest.mark.parametrize("kind", ["missing", "empty", "folder"])
def test_unreadable_files_give_one_line(tmp_path: Path, ending: str, kind: str) -> None:
    path = tmp_path / f"a.{ending}"
    if kind == "folder":
        path.mkdir()
    elif kind == "empty":
        path.write_bytes(b"")
    with pytest.raises(DataError) as caught:
        read_log(LogFile(path, LAYOUTS[ending]), COLUMNS)
    assert path.name in str(caught.value)
    assert "\n" not in str(caught.value)


def test_noise_is_refused_or_all_bad(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(b"\x89PNG\x00\xff\xfe" * 9)
    for layout in (Delimited(), Parquet()):
        with pytest.raises(DataError, match=r"a\.bin"):
            read_log(LogFile(path, layout), COLUMNS)
    log = read_log(LogFile(path, JsonLines()), COLUMNS)
    assert (len(log.frame), len(log.bad)) == (0, 1)


def test_a_broken_gz_file_gives_one_line(tmp_path: Path) -> None:
    path = tmp_path / "log.csv.gz"
    path.write_bytes(gzip.compress(b"u,i,t\na,x,1\n" * 1000)[:-20])
    with pytest.raises(DataError, match="not readable"):
        read_log(LogFile(path, Delimited()), COLUMNS)
    path.write_bytes(b"u,i,t\na,x,1\n")
    with pytest.raises(DataError, match="not readable"):
        read_log(LogFile(path, Delimited()), COLUMNS)


def test_a_gz_bomb_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "log.csv.gz"
    path.write_bytes(gzip.compress(b"u,i,t\n" + bytes(60_000_000)))
    with pytest.raises(DataError, match="unpacks to more than 200 times"):
        read_log(LogFile(path, Delimited()), COLUMNS)


@pytest.mark.parametrize("layout", [Delimited(), JsonLines()])
def test_one_line_of_50_mb_is_refused_fast(tmp_path: Path, layout: Layout) -> None:
    path = tmp_path / "log.txt"
    path.write_bytes(b"x" * 50_000_000)
    start = time.perf_counter()
    if isinstance(layout, Delimited):
        with pytest.raises(DataError, match=r"log\.txt:1: line of more than") as caught:
            read_log(LogFile(path, layout), COLUMNS)
        assert len(str(caught.value)) < 200
    else:
        assert read_log(LogFile(path, layout), COLUMNS).bad["line"].to_list() == [1]
    assert time.perf_counter() - start < 3


@pytest.mark.parametrize(
    ("content", "lines"),
    [
        (b"a,b\nc,d\n", 2),
        (b"a,b\nc,d", 2),
        (b"a,b\n\nc,d\n", None),
        (b"a,b\nc\n", None),
        (b"a,b\nc,d,e\n", None),
        (b"a,b\nc\0,d\n", None),
        (b"a,b\n" + b"c" * 2_000_000 + b",d\n", None),
    ],
)
def test_regular_lines(content: bytes, lines: int | None) -> None:
    assert regular_lines(content, ",") == lines


def test_regular_lines_counts_across_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "_CHUNK_BYTES", 7)
    assert regular_lines(b"aaaa,bbbb\n" * 50 + b"c,d", ",") == 51
    assert regular_lines(b"aaaa,bbbb\n" * 50 + b"c", ",") is None
