"""`auto` must pick one reader by names alone, and say which."""

from pathlib import Path

import pytest

from latentrec.config import FilesConfig
from latentrec.data.sources.detect import detect, find_source
from latentrec.errors import DataError


@pytest.mark.parametrize(
    ("names", "reader"),
    [
        (["interactions.csv", "items.csv", "README.md"], "table"),
        (["interactions.jsonl.gz"], "table"),
        (["ratings.dat", "movies.dat", "users.dat"], "movielens"),
        (["ratings.csv", "movies.csv", "links.csv"], "movielens"),
        (["u.data"], "movielens"),
        (["toy.inter", "toy.item"], "recbole"),
        (["toy.train.inter", "toy.valid.inter", "toy.test.inter"], "recbole"),
        (["A.train.csv", "A.valid.csv", "A.test.csv"], "amazon-2023"),
        (["A.jsonl.gz", "meta_A.jsonl.gz"], "amazon-2023"),
    ],
)
def test_each_known_folder(tmp_path: Path, names: list[str], reader: str) -> None:
    for name in names:
        (tmp_path / name).touch()
    assert detect(tmp_path) == reader


def test_a_folder_of_nothing_known_lists_what_it_holds(tmp_path: Path) -> None:
    (tmp_path / "photo.png").touch()
    with pytest.raises(DataError, match=r"the folder holds: photo\.png\. It needs interactions"):
        detect(tmp_path)


def test_a_named_format_wins_and_the_item_table_is_said_aloud(tmp_path: Path) -> None:
    log = tmp_path / "ratings.csv"
    log.write_text("user_id,item_id,timestamp\n")
    (tmp_path / "goods.csv").write_text("item_id\n")
    config = FilesConfig(path=str(log), format="table", items_path=str(tmp_path / "goods.csv"))
    assert find_source(config).found == "table ratings.csv with items goods.csv"


def test_an_item_table_of_unknown_ending_is_refused(tmp_path: Path) -> None:
    log = tmp_path / "interactions.csv"
    log.write_text("user_id,item_id,timestamp\n")
    with pytest.raises(DataError, match="unknown ending of an item table"):
        find_source(FilesConfig(path=str(tmp_path), items_path=str(tmp_path / "goods.xls")))
