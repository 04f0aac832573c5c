"""The whole way from files to dataset: same data, same fingerprint; and a report that adds up."""

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from latentrec.config import (
    FilesConfig,
    GivenSplitConfig,
    LeaveOneOutConfig,
    SyntheticConfig,
    TimeSplitConfig,
)
from latentrec.data.filters import filter_interactions
from latentrec.data.interactions import interactions_from_frame, read_interactions
from latentrec.data.prepare import fingerprint, prepare, prepare_interactions
from latentrec.errors import DataError


@pytest.fixture
def log() -> pl.DataFrame:
    rng = np.random.default_rng(0)
    return pl.DataFrame(
        {
            "user_id": rng.integers(0, 40, 900),
            "item_id": [f"i{item}" for item in rng.integers(0, 30, 900)],
            "timestamp": 1_700_000_000 + np.arange(900),
        }
    )


def test_shuffled_rows_give_the_same_fingerprint(log: pl.DataFrame) -> None:
    found = {
        prepare_interactions(
            interactions_from_frame(log.sample(fraction=1, shuffle=True, seed=seed)),
            LeaveOneOutConfig(),
        ).report.fingerprint
        for seed in range(20)
    }
    assert len(found) == 1


def test_every_part_of_the_data_changes_the_fingerprint(log: pl.DataFrame) -> None:
    base = interactions_from_frame(log)
    items = pl.DataFrame({"item_id": ["i1"], "store": ["s"]})
    found = {
        prepare_interactions(interactions_from_frame(frame, items=table), how).report.fingerprint
        for frame, table, how in [
            (log, None, LeaveOneOutConfig()),
            (log, None, TimeSplitConfig()),
            (log, items, LeaveOneOutConfig()),
            (log.with_columns(pl.col("timestamp") + 1), None, LeaveOneOutConfig()),
            (log.with_columns(pl.col("user_id") + 1), None, LeaveOneOutConfig()),
            (log.with_columns(pl.col("item_id") + "x"), None, LeaveOneOutConfig()),
        ]
    }
    assert len(found) == 6
    dataset = prepare_interactions(base, LeaveOneOutConfig()).dataset
    assert fingerprint(dataset) in found


def test_ties_keep_the_input_order(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    rows = [f"a,{item},1700000000" for item in "dcba"]
    path.write_text("user_id,item_id,timestamp\n" + "\n".join(rows))
    prepared = prepare(FilesConfig(path=str(path)), LeaveOneOutConfig())
    assert prepared.dataset.index.item_ids(prepared.dataset.train()[0].tolist()) == ["d", "c"]
    assert prepared.report.filtered.tied_ends == 1


def test_the_report_adds_up_and_prints(tmp_path: Path, log: pl.DataFrame) -> None:
    path = tmp_path / "interactions.csv"
    text = log.write_csv()
    path.write_text(text + text.splitlines()[-1] + "\n,,\n\n")
    pl.DataFrame({"item_id": ["i1", "i2", "zz"], "title": ["One", None, "Z"]}).write_csv(
        tmp_path / "items.csv"
    )
    config = FilesConfig(path=str(tmp_path), bad_rows="report", min_user_interactions=5)
    report = prepare(config, LeaveOneOutConfig(), tmp_path).report
    assert (report.read.rows, report.read.blank, report.read.bad) == (903, 1, 1)
    taken = report.filtered
    left = 901 - taken.duplicates - taken.core_interactions
    assert taken.duplicates == 1
    assert report.interactions == left
    split = report.split
    cases = split.valid.cases + split.test.cases
    assert split.train_interactions + cases == left
    assert report.item_table is not None
    assert (report.item_table.unused, report.item_table.missing) == (1, report.items - 2)
    text = "\n".join(report.lines())
    for part in ("903 (1 blank, 1 bad", "seconds since 1970", "2023-11-14", report.fingerprint):
        assert part in text
    assert json.loads(json.dumps(report.to_dict()))["split"]["train_targets"] > 0


def test_synthetic_data_need_no_files() -> None:
    prepared = prepare(SyntheticConfig(users=50), LeaveOneOutConfig())
    assert prepared.dataset.users == 50
    assert prepared.report.item_table is not None
    assert [field.name for field in prepared.dataset.catalogue.fields] == ["categories", "store"]


REAL = {
    "ml-100k": (943, 1682, 100_000),
    "movielens-1m": (6040, 3416, 999_611),
    "amazon-2014-beauty": (22_332, 12_086, 198_215),
    "amazon-2018-games": (50_597, 16_874, 453_637),
    "amazon-2018-scientific": (8442, 4385, 59_427),
    "amazon-2023-all-beauty": (253, 356, 2535),
}


@pytest.mark.parametrize("name", REAL)
def test_real_logs_have_their_known_sizes(real_data: Path, name: str) -> None:
    report = prepare(FilesConfig(path=str(real_data / name)), LeaveOneOutConfig()).report
    assert (report.users, report.items, report.interactions) == REAL[name]
    assert report.read.rows == REAL[name][2]
    assert (report.read.bad, report.read.blank, report.filtered.duplicates) == (0, 0, 0)
    assert report.item_table is not None
    assert (report.item_table.missing, report.item_table.untitled) == (0, 0)


@pytest.mark.parametrize("name", ["amazon-2018-scientific", "amazon-2023-all-beauty"])
def test_real_logs_with_a_given_split_hold_no_leak(real_data: Path, name: str) -> None:
    config = FilesConfig(path=str(real_data / name))
    given = prepare(config, GivenSplitConfig())
    assert given.report.split.valid.empty_histories == 0
    if name == "amazon-2018-scientific":
        assert given.report.fingerprint == prepare(config, LeaveOneOutConfig()).report.fingerprint
    else:
        assert "differs from the user's earlier rows in 0 of 2,535" in given.report.read.notes[0]


def test_a_rating_filter_on_real_ratings(real_data: Path) -> None:
    config = FilesConfig(path=str(real_data / "ml-100k"), rating_above=3)
    found, report = filter_interactions(read_interactions(config), config)
    assert len(found.frame) == 55_375
    assert report.low_ratings == 44_625
    config = FilesConfig(path=str(real_data / "movielens-1m"), rating_above=3)
    with pytest.raises(DataError, match="no rating column"):
        prepare(config, LeaveOneOutConfig())


def test_the_protocol_says_what_was_kept_of_the_log(log: pl.DataFrame, tmp_path: Path) -> None:
    # A table of ratings above 3 must not pass for one of the whole log.
    log.with_columns(rating=pl.col("timestamp") % 5 + 1).write_csv(tmp_path / "log.csv")
    data = FilesConfig(path=str(tmp_path / "log.csv"), rating_above=3, min_user_interactions=5)
    dataset = prepare(data, LeaveOneOutConfig()).dataset
    words = "only ratings above 3, users with at least 5 interactions"
    assert dataset.protocol.endswith(f"; of the log {words}")
    plain = prepare(FilesConfig(path=str(tmp_path / "log.csv")), LeaveOneOutConfig()).dataset
    assert "of the log" not in plain.protocol


@pytest.mark.parametrize(("place", "name"), [(2, "validation"), (3, "test")])
def test_a_part_without_a_case_is_refused_before_training(place: int, name: str) -> None:
    """All users of the part are new, so none of its targets has a history."""
    users = [[f"{part}{user}" for user in range(4)] for part in range(4)]
    rows = [(user, f"i{time % 3}", time) for time in range(8) for user in users[0]]
    late = {2: users[0], 3: users[0], place: users[place]}
    rows += [(user, "i1", 100 * part) for part, of in late.items() for user in of]
    frame = pl.DataFrame(rows, schema=["user_id", "item_id", "timestamp"], orient="row")
    how = TimeSplitConfig(valid_from=200, test_from=300)
    with pytest.raises(DataError, match=f"the {name} part has no case: none of its 4 interactions"):
        prepare_interactions(interactions_from_frame(frame), how)
