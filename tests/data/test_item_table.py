"""Item tables come in every shape; fields must come out as the same lists, or be refused."""

from pathlib import Path

import polars as pl
import pytest

from latentrec.config import FilesConfig
from latentrec.data.item_table import ItemTable, item_file, read_items
from latentrec.data.sources.table import layout_of
from latentrec.errors import DataError

EXPECTED = [
    ("a", "First", ["Food", "Tea"], ["Shop"]),
    ("b", None, [], []),
]


def read(path: Path, content: str, **options: object) -> ItemTable:
    path.write_text(content, encoding="utf-8")
    layout = layout_of(path)
    assert layout is not None
    return read_items(item_file(path, layout, FilesConfig(path="log", **options)))


def test_text_lists_and_parquet_give_the_same_table(tmp_path: Path) -> None:
    csv = 'item_id,title,categories,store\nb,,,\na,"First",Food|Tea|Food| ,Shop\n'
    jsonl = (
        '{"item_id":"a","title":"First","categories":["Food","Tea",""],"store":"Shop"}\n'
        '{"item_id":"b","title":null,"categories":[]}\n'
    )
    parquet = tmp_path / "items.parquet"
    pl.DataFrame(
        {
            "item_id": ["a", "b"],
            "title": ["First", None],
            "categories": [["Food", None, "Tea", "Food"], None],
            "store": ["Shop", None],
        }
    ).write_parquet(parquet)
    tables = [
        read(tmp_path / "items.csv", csv),
        read(tmp_path / "items.jsonl", jsonl),
        read_items(item_file(parquet, layout_of(parquet), FilesConfig(path="log"))),  # pyright: ignore
    ]
    for table in tables:
        assert table.frame.rows() == EXPECTED
        assert table.fields == ["categories", "store"]


def test_ids_of_numbers_match_those_of_the_log(tmp_path: Path) -> None:
    path = tmp_path / "items.parquet"
    pl.DataFrame({"item_id": [7.0, 8.0], "title": ["x", "y"]}).write_parquet(path)
    table = read_items(item_file(path, layout_of(path), FilesConfig(path="log")))  # pyright: ignore
    assert table.frame["item_id"].to_list() == ["7", "8"]


def test_equal_rows_of_an_item_count_once_and_others_are_refused(tmp_path: Path) -> None:
    head = "item_id,title\n"
    assert read(tmp_path / "items.csv", head + "a,A\na,A\nb,B\n").duplicates == 1
    with pytest.raises(DataError, match=r"item 'a' has rows that disagree \(1 such items\)"):
        read(tmp_path / "items.csv", head + "a,A\na,Other\nb,B\n")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("id,title\na,A\n", "no column 'item_id'; its columns are: id, title"),
        ("item_id,title\na,A\n,B\n", "row 2 has no item id"),
        ("item_id,title\na,A,3\n", "not readable as an item table"),
        ("", "is empty"),
    ],
)
def test_tables_that_cannot_be_used_are_refused(tmp_path: Path, content: str, message: str) -> None:
    with pytest.raises(DataError, match=message) as caught:
        read(tmp_path / "items.csv", content)
    assert "\n" not in str(caught.value)


def test_further_fields_must_exist(tmp_path: Path) -> None:
    content = "item_id,title,colour\na,A,red|blue\n"
    table = read(tmp_path / "items.csv", content, more_fields=("colour",))
    assert table.frame["colour"].to_list() == [["red", "blue"]]
    with pytest.raises(DataError, match="no column 'size'"):
        read(tmp_path / "items.csv", content, more_fields=("size",))
