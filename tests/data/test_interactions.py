"""From any file to one sorted table: nothing is dropped in silence, every complaint is one line."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from latentrec.config import FilesConfig
from latentrec.data.interactions import Interactions, interactions_from_frame, read_interactions
from latentrec.errors import DataError


def read(path: Path, content: str | bytes, **options: object) -> Interactions:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_interactions(FilesConfig(path=str(path), **options), path.parent)


def refuse(path: Path, content: str | bytes, **options: object) -> str:
    with pytest.raises(DataError) as caught:
        read(path, content, **options)
    text = str(caught.value)
    assert "\n" not in text
    assert len(text) < 700
    return text


HEAD = "user_id,item_id,timestamp\n"


def test_rows_are_sorted_by_user_time_and_input_row(tmp_path: Path) -> None:
    log = read(tmp_path / "log.csv", HEAD + "b,x,20\na,z,30\na,y,10\na,x,10\nb,w,5\n")
    assert log.frame.rows() == [
        ("a", "y", 10_000),
        ("a", "x", 10_000),
        ("a", "z", 30_000),
        ("b", "w", 5000),
        ("b", "x", 20_000),
    ]
    assert log.offsets.tolist() == [0, 3, 5]
    assert log.user_ids.tolist() == ["a", "b"]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (",x,1700000003", "log.csv:3: user_id is missing"),
        ("a, ,1700000003", "log.csv:3: item_id is missing"),
        ("nan,x,1700000003", "log.csv:3: user_id is missing"),
        ("a,NULL,1700000003", "log.csv:3: item_id is missing"),
        ("a,x,-4", "log.csv:3: timestamp='-4' must not be negative"),
        ("a,x,", "log.csv:3: timestamp is missing"),
        ("a,x,inf", "log.csv:3: timestamp='inf' must be finite"),
        ("a,x,noon", "log.csv:3: timestamp='noon' must be a number"),
        ("a,x", "log.csv:3: the line 'a,x' must have 3 fields, has 2"),
        ("a,x,1,2", "must have 3 fields, has 4"),
        ("a" * 70_000 + ",x,1700000003", "must not be longer than 65,536 bytes"),
        ("a\0b,x,1700000003", "log.csv:3: the line 'a\\x00b,x,1700000003' must not hold a NUL"),
    ],
)
def test_each_bad_row_is_named_with_line_column_value_and_rule(
    tmp_path: Path, row: str, message: str
) -> None:
    content = HEAD + "a,x,1700000000\n" + row + "\nb,y,1700000001\n"
    text = refuse(tmp_path / "log.csv", content)
    assert message in text
    assert text.startswith("1 of 3 rows break a rule")
    assert "--bad-rows report" in text


def test_reported_rows_are_listed_and_everything_adds_up(tmp_path: Path) -> None:
    content = HEAD + "a,x,10\n,x,11\n\na,y,-1\na\nb,y,12\n" + "c" * 200 + ",z,now\n"
    log = read(tmp_path / "log.csv", content, bad_rows="report")
    report = log.report
    assert (report.rows, report.blank, report.bad, len(log.frame)) == (7, 1, 4, 2)
    listed = pl.read_csv(tmp_path / "bad_rows.csv")
    assert report.bad_rows_file == str(tmp_path / "bad_rows.csv")
    assert listed["line"].to_list() == [3, 5, 6, 8]
    assert listed["column"].to_list() == ["user_id", "timestamp", None, "timestamp"]


def test_invalid_utf8_names_the_line(tmp_path: Path) -> None:
    text = refuse(tmp_path / "log.csv", HEAD.encode() + b"a,x,1\n\xff\xfe,x,2\n")
    assert "log.csv:3:" in text
    assert "must be UTF-8" in text


def test_mixed_units_name_the_line_even_when_bad_rows_are_reported(tmp_path: Path) -> None:
    rows = "a,x,1700000000\na,y,1700000001000\nb,x,1700000002\n"
    text = refuse(tmp_path / "log.csv", HEAD + rows, bad_rows="report")
    assert text.startswith("log.csv:3: time 1700000001000 reads as milliseconds")
    assert len(read(tmp_path / "log.csv", HEAD + rows, time_unit="ms").frame) == 3


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is empty"),
        (HEAD, "has no rows"),
        (HEAD + "\n\n", "has no rows"),
        ("user,item_id,timestamp\na,x,1\n", "no column 'user_id'"),
        ("a" * 2_000_000, "line of more than"),
    ],
)
def test_files_without_a_log_are_refused(tmp_path: Path, content: str, message: str) -> None:
    assert message in refuse(tmp_path / "log.csv", content)


def test_paths_that_hold_nothing_are_refused(tmp_path: Path) -> None:
    for path, message in [
        (tmp_path / "none.csv", "does not exist"),
        (tmp_path, "no known data set; the folder holds: nothing"),
    ]:
        with pytest.raises(DataError, match=message):
            read_interactions(FilesConfig(path=str(path)))
    (tmp_path / "log.xlsx").write_text("x")
    with pytest.raises(DataError, match=r"unknown ending; known endings: \.parquet"):
        read_interactions(FilesConfig(path=str(tmp_path / "log.xlsx")))


def test_only_bad_rows_leave_nothing(tmp_path: Path) -> None:
    said = refuse(tmp_path / "log.csv", HEAD + ",,\n", bad_rows="report")
    assert "no row is left after 1 bad ones; see" in said
    assert said.endswith("bad_rows.csv")


@pytest.mark.parametrize("ending", ["csv", "tsv", "parquet", "jsonl", "ndjson"])
def test_all_formats_give_the_same_table(tmp_path: Path, ending: str) -> None:
    frame = pl.DataFrame(
        {"who": [2, 1], "what": ["y", "x"], "when": [1_700_000_001, 1_700_000_000], "r": [4.0, 3.5]}
    )
    path = tmp_path / f"log.{ending}"
    if ending == "parquet":
        frame.write_parquet(path)
    elif ending in ("csv", "tsv"):
        frame.write_csv(path, separator="," if ending == "csv" else "\t")
    else:
        frame.write_ndjson(path)
    config = FilesConfig(
        path=str(path), user_column="who", item_column="what", time_column="when", rating_column="r"
    )
    expected = [("1", "x", 1_700_000_000_000, 3.5), ("2", "y", 1_700_000_001_000, 4.0)]
    assert read_interactions(config).frame.rows() == expected


def test_ids_become_text_without_fractions() -> None:
    frame = pl.DataFrame({"user_id": [1.0, 2.0], "item_id": [7, 8], "timestamp": [10.0, 11.0]})
    assert interactions_from_frame(frame).frame["user_id"].to_list() == ["1", "2"]


def test_missing_and_fractional_ids_of_typed_columns_are_bad() -> None:
    frame = pl.DataFrame(
        {
            "user_id": [1.0, float("nan"), None, 1.5],
            "item_id": ["nan"] * 4,
            "timestamp": [1, 2, 3, 4],
        }
    )
    with pytest.raises(DataError, match="3 of 4 rows") as caught:
        interactions_from_frame(frame)
    assert "frame:2: user_id is missing" in str(caught.value)
    assert "frame:4: user_id='1.5' must be text or a whole number" in str(caught.value)


def test_a_column_of_an_impossible_type_is_refused() -> None:
    frame = pl.DataFrame({"user_id": [True], "item_id": ["x"], "timestamp": [1]})
    with pytest.raises(DataError, match="type Boolean holds no ids"):
        interactions_from_frame(frame)


def test_pandas_and_polars_frames_agree() -> None:
    frame = pl.DataFrame({"user_id": [2, 1], "item_id": ["x", "y"], "timestamp": [5, 6]})
    pandas = pd.DataFrame(frame.to_dict(as_series=False))
    items = pd.DataFrame({"item_id": ["x"], "title": ["X"]})
    from_pandas = interactions_from_frame(pandas, items=items)
    assert from_pandas.frame.equals(interactions_from_frame(frame.lazy()).frame)
    assert from_pandas.items is not None
    with pytest.raises(DataError, match="must be a Polars or pandas frame"):
        interactions_from_frame([1, 2])


def test_a_missing_rating_is_bad_only_where_ratings_are_needed(tmp_path: Path) -> None:
    content = "user_id,item_id,timestamp,rating\na,x,1,5\na,y,2,\nb,x,3,good\n"
    path = tmp_path / "log.csv"
    assert "1 of 3 rows" in refuse(path, content)
    assert "2 of 3 rows" in refuse(path, content, rating_above=3)
    assert len(read(path, content.replace("good", "2")).frame) == 3


def test_microseconds_order_rows_before_they_are_rounded() -> None:
    times = [1_700_000_000_000_900, 1_700_000_000_000_100]
    frame = pl.DataFrame({"user_id": ["a", "a"], "item_id": ["late", "early"], "timestamp": times})
    assert interactions_from_frame(frame).frame["item_id"].to_list() == ["early", "late"]


@given(st.permutations(range(12)), st.integers(1, 4))
def test_input_order_of_users_and_times_does_not_matter(order: list[int], users: int) -> None:
    rows = pl.DataFrame(
        {
            "user_id": [f"u{place % users}" for place in range(12)],
            "item_id": [f"i{place % 5}" for place in range(12)],
            "timestamp": list(range(12)),
        }
    )
    shuffled = interactions_from_frame(rows[np.array(order)])
    assert shuffled.frame.equals(interactions_from_frame(rows).frame)


def test_json_ids_of_all_kinds(tmp_path: Path) -> None:
    rows = [{"user_id": 1, "item_id": "é", "timestamp": 5}, {"user_id": "a", "item_id": 2}]
    content = "\n".join(json.dumps(row) for row in rows)
    assert "timestamp is missing" in refuse(tmp_path / "log.jsonl", content)
    log = read(tmp_path / "log.jsonl", content, bad_rows="report")
    assert log.frame.rows() == [("1", "é", 5000)]
