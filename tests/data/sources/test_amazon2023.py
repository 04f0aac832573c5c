"""The official Amazon Reviews 2023 files: split, history column, raw reviews, metadata."""

import gzip
import json
from pathlib import Path

import pytest

from latentrec.config import FilesConfig, GivenSplitConfig
from latentrec.data.interactions import read_interactions
from latentrec.data.prepare import prepare
from latentrec.errors import DataError

HEAD = "user_id,parent_asin,rating,timestamp,history\n"
SPLIT = {
    "train": "A,p1,5.0,1600000000000,\nA,p2,2.0,1600000001000,p1\nB,p1,4.0,1600000000500,\n",
    "valid": "A,p3,4.0,1600000002000,p1 p2\n",
    "test": "A,p1,5.0,1600000003000,p1 p2 p3\n",
}
META = [
    {"parent_asin": "p1", "title": "One", "categories": ["Beauty", "Skin"], "store": "S", "x": {}},
    {"parent_asin": "p2", "title": "Two", "categories": [], "store": None, "main_category": "Z"},
]


def write_split(folder: Path, packed: bool, **changes: str) -> None:
    for part, rows in (SPLIT | changes).items():
        content = (HEAD + rows).encode()
        name = f"Toys.{part}.csv" + (".gz" if packed else "")
        (folder / name).write_bytes(gzip.compress(content) if packed else content)


def write_meta(folder: Path) -> None:
    lines = "\n".join(json.dumps(row) for row in META).encode()
    (folder / "meta_Toys.jsonl.gz").write_bytes(gzip.compress(lines))


@pytest.mark.parametrize("packed", [False, True])
def test_the_official_split_is_read_with_its_parts(tmp_path: Path, packed: bool) -> None:
    write_split(tmp_path, packed)
    write_meta(tmp_path)
    log = read_interactions(FilesConfig(path=str(tmp_path)))
    assert log.frame.select("user_id", "item_id", "part").rows() == [
        ("A", "p1", "train"),
        ("A", "p2", "train"),
        ("A", "p3", "valid"),
        ("A", "p1", "test"),
        ("B", "p1", "train"),
    ]
    assert log.report.time_unit == "ms"
    assert "in 0 of 5 rows" in log.report.notes[0]
    assert log.items is not None
    assert log.items.frame.row(0) == ("p1", "One", ["Beauty", "Skin"], ["S"])
    report = prepare(FilesConfig(path=str(tmp_path)), GivenSplitConfig()).report
    assert (report.split.valid.unknown_targets, report.split.test.unknown_targets) == (1, 0)


def test_a_history_that_disagrees_is_counted(tmp_path: Path) -> None:
    write_split(tmp_path, packed=False, test="A,p1,5.0,1600000003000,p1 p2\n")
    log = read_interactions(FilesConfig(path=str(tmp_path)))
    assert "in 1 of 5 rows" in log.report.notes[0]
    assert "history" not in log.frame.columns


def test_the_rating_filter_leaves_low_ratings_out_of_histories(tmp_path: Path) -> None:
    write_split(tmp_path, packed=False)
    config = FilesConfig(path=str(tmp_path), rating_above=3)
    dataset = prepare(config, GivenSplitConfig()).dataset
    assert dataset.index.item_ids(dataset.histories(dataset.test)[0].tolist()) == ["p1"]


def test_raw_reviews_and_metadata(tmp_path: Path) -> None:
    rows = [
        {
            "rating": 5,
            "user_id": "A",
            "parent_asin": "p1",
            "timestamp": 1600000000000,
            "images": [],
        },
        {
            "rating": 1.0,
            "user_id": "A",
            "parent_asin": "p9",
            "timestamp": 1600000001000,
            "text": "ü",
        },
    ]
    content = "\n".join(json.dumps(row, ensure_ascii=False) for row in rows).encode()
    (tmp_path / "Toys.jsonl.gz").write_bytes(gzip.compress(content))
    write_meta(tmp_path)
    config = FilesConfig(path=str(tmp_path), more_fields=("main_category",))
    log = read_interactions(config)
    assert log.frame.row(1) == ("A", "p9", 1600000001000, 1.0)
    assert log.items is not None
    assert log.items.frame["main_category"].to_list() == [[], ["Z"]]


def test_folders_with_several_or_incomplete_categories_are_refused(tmp_path: Path) -> None:
    write_split(tmp_path, packed=False)
    (tmp_path / "Games.train.csv").write_text(HEAD)
    with pytest.raises(DataError, match=r"must hold one category .* holds: Games, Toys"):
        read_interactions(FilesConfig(path=str(tmp_path)))
    assert len(read_interactions(FilesConfig(path=str(tmp_path / "Toys.train.csv"))).frame) == 5
    with pytest.raises(DataError, match=r"Games\.valid\.csv \(or \.gz\) is missing"):
        read_interactions(FilesConfig(path=str(tmp_path / "Games.train.csv")))


def test_a_metadata_table_in_csv(tmp_path: Path) -> None:
    write_split(tmp_path, packed=False)
    (tmp_path / "meta_items.csv").write_text(',title,parent_asin\n0,"One, and ""more""",p1\n')
    log = read_interactions(FilesConfig(path=str(tmp_path)))
    assert log.items is not None
    assert log.items.frame.row(0) == ("p1", 'One, and "more"')
