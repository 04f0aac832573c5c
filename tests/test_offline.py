"""Batch scoring: what is written is what `recommend` gives, also after the process was killed."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from latentrec.baselines.popularity import Popularity
from latentrec.data.dataset import Histories
from latentrec.errors import ConfigError, DataError
from latentrec.index import ItemIndex
from latentrec.offline import Job, score_file
from latentrec.recommend import Recommendations, recommend

INDEX = ItemIndex("abcd")
SCORER = Popularity.fit(Histories.from_lists([[2, 3, 3], [3, 4]]), INDEX.size)


def popular(histories: list[list[str]]) -> list[Recommendations]:
    return recommend(SCORER, INDEX, histories, top_k=2, fallback=SCORER)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    histories = [["a"], ["b", "zz"], [], ["a", "b", "c", "d"], ["c"]]
    frame = pl.DataFrame({"more": range(5), "history": histories, "user_id": [7, 3, 9, 1, 3]})
    frame.write_parquet(tmp_path / "in.parquet")
    return tmp_path / "in.parquet"


def scored(job: Job) -> pl.DataFrame:
    steps = list(score_file(job, popular))
    assert steps[-1] == (5, 5)
    assert not job.parts.exists()
    return pl.read_parquet(job.target)


@pytest.mark.parametrize("block", [1, 2, 5, 100])
def test_rows_are_those_of_recommend_in_the_order_of_the_file(
    source: Path, tmp_path: Path, block: int
) -> None:
    found = scored(Job(source, tmp_path / "out.parquet", block=block))
    expected = popular(pl.read_parquet(source)["history"].to_list())
    assert found["user_id"].to_list() == [7, 3, 9, 1, 3]
    assert found["item_ids"].to_list() == [list(each.item_ids) for each in expected]
    assert found["scores"].to_list() == [list(each.scores) for each in expected]
    assert found["unknown_items"].to_list() == [[], ["zz"], [], [], []]


def test_the_long_layout_has_a_row_an_item(source: Path, tmp_path: Path) -> None:
    found = scored(Job(source, tmp_path / "out.parquet", "long", block=2))
    assert found.columns == ["user_id", "rank", "item_id", "score", "source"]
    assert found.filter(pl.col("user_id") == 7).rows() == [
        (7, 1, "b", 3.0, "popularity"),
        (7, 2, "c", 1.0, "popularity"),
    ]
    assert 1 not in found["user_id"]  # has seen everything


def test_without_user_ids_the_long_layout_counts_rows(tmp_path: Path) -> None:
    pl.DataFrame({"history": [["a"]] * 5}).write_parquet(tmp_path / "in.parquet")
    found = scored(Job(tmp_path / "in.parquet", tmp_path / "out.parquet", "long", block=2))
    assert found["row"].to_list() == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]


KILLED = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from test_offline import popular
from latentrec.offline import Job, score_file

calls = 0
def dies(histories):
    global calls
    calls += 1
    if calls == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return popular(histories)

list(score_file(Job(Path(sys.argv[2]), Path(sys.argv[3]), block=1), dies))
"""


def test_a_killed_job_goes_on_and_gives_the_same_file(source: Path, tmp_path: Path) -> None:
    whole = Job(source, tmp_path / "whole.parquet", block=1)
    scored(whole)
    job = Job(source, tmp_path / "killed.parquet", block=1)
    arguments = [sys.executable, "-c", KILLED, str(Path(__file__).parent), source, job.target]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(arguments, env=environment, timeout=120)
    assert done.returncode == -signal.SIGKILL
    assert not job.target.exists()
    assert len(list(job.parts.glob("*.parquet"))) == 2
    asked: list[list[str]] = []

    def counted(histories: list[list[str]]) -> list[Recommendations]:
        asked.extend(histories)
        return popular(histories)

    list(score_file(job, counted))
    assert len(asked) == 3  # what was done is not done again
    assert job.target.read_bytes() == whole.target.read_bytes()


def test_parts_of_another_job_are_not_mixed_in(source: Path, tmp_path: Path) -> None:
    first = Job(source, tmp_path / "out.parquet", asked={"top_k": 2}, block=1)
    next(score_file(first, popular))
    other = Job(source, tmp_path / "out.parquet", asked={"top_k": 3}, block=1)
    with pytest.raises(ConfigError, match=r"part of another job \(top_k changed\)"):
        next(score_file(other, popular))
    assert json.loads((first.parts / "job.json").read_text())["top_k"] == 2
    scored(first)


def test_an_empty_file_gives_an_empty_file(tmp_path: Path) -> None:
    schema = {"history": pl.List(pl.String)}
    pl.DataFrame({"history": []}, schema=schema).write_parquet(tmp_path / "in.parquet")
    job = Job(tmp_path / "in.parquet", tmp_path / "out.parquet")
    assert list(score_file(job, popular)) == []
    assert pl.read_parquet(job.target).height == 0


def test_files_without_histories_are_refused(tmp_path: Path) -> None:
    path, target = tmp_path / "in.parquet", tmp_path / "out.parquet"
    with pytest.raises(DataError, match="not readable as Parquet"):
        next(score_file(Job(path, target), popular))
    pl.DataFrame({"history": ["a"]}).write_parquet(path)
    with pytest.raises(DataError, match="needs a column 'history' with lists of texts"):
        next(score_file(Job(path, target), popular))
    pl.DataFrame({"history": [["a"], ["a", None]]}).write_parquet(path)
    with pytest.raises(DataError, match="row 2: the history holds a null"):
        next(score_file(Job(path, target), popular))
