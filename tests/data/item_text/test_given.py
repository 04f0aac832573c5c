"""Vectors from files: in the order of the index, and every misfit is refused by name."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from latentrec.data.item_text.given import given_vectors
from latentrec.errors import DataError
from latentrec.index import ItemIndex

INDEX = ItemIndex(["b", "a"])
ROWS = np.array([[1, 2, 3], [4, 5, 6], [7, 8, 9]], np.float32)


def npy(folder: Path, rows: np.ndarray, ids: list[str]) -> Path:
    np.save(folder / "v.npy", rows)
    (folder / "ids.txt").write_text("\n".join(ids) + "\n")
    return folder / "v.npy"


def test_rows_follow_the_index_and_others_are_left(tmp_path: Path) -> None:
    found = given_vectors(npy(tmp_path, ROWS, ["b", "z", "a"]), INDEX)
    assert found.tolist() == [[7, 8, 9], [1, 2, 3]]


def test_parquet_gives_the_same(tmp_path: Path) -> None:
    frame = pl.DataFrame({"item_id": ["b", "z", "a"], "vector": ROWS.tolist()})
    for kind in (pl.List(pl.Float32), pl.Array(pl.Float32, 3)):
        frame.cast({"vector": kind}).write_parquet(tmp_path / "v.parquet")
        found = given_vectors(tmp_path / "v.parquet", INDEX)
        assert found.tolist() == [[7, 8, 9], [1, 2, 3]]


@pytest.mark.parametrize(
    ("rows", "ids", "rule"),
    [
        (ROWS, ["b", "a"], r"shape \(3, 3\) for 2 item ids"),
        (ROWS[:, 0], ["b", "z", "a"], r"shape \(3,\)"),
        (ROWS, ["b", "b", "a"], "occurs twice"),
        (ROWS, ["b", "y", "z"], r"no vector for item 'a' \(1 such items of 2\)"),
        (np.array(["x", "y", "z"]), ["b", "y", "a"], "must hold numbers"),
        (np.array([{}, {}, {}], object), ["b", "y", "a"], "not readable"),
    ],
)
def test_misfits_are_refused(tmp_path: Path, rows: np.ndarray, ids: list[str], rule: str) -> None:
    # The last one is a pickle: it must never be opened.
    with pytest.raises(DataError, match=rf"v\.npy.*{rule}"):
        given_vectors(npy(tmp_path, rows, ids), INDEX)


def test_what_is_missing_or_broken_is_named(tmp_path: Path) -> None:
    np.save(tmp_path / "v.npy", ROWS)
    with pytest.raises(DataError, match=r"ids\.txt: does not exist"):
        given_vectors(tmp_path / "v.npy", INDEX)
    with pytest.raises(DataError, match=r"w\.npy: does not exist"):
        given_vectors(tmp_path / "w.npy", INDEX)
    (tmp_path / "v.parquet").write_bytes(b"PAR1")
    with pytest.raises(DataError, match=r"columns item_id and vector"):
        given_vectors(tmp_path / "v.parquet", INDEX)


def test_vectors_of_different_lengths_are_refused(tmp_path: Path) -> None:
    frame = pl.DataFrame({"item_id": ["a", "b"], "vector": [[1.0], [1.0, 2.0]]})
    frame.write_parquet(tmp_path / "v.parquet")
    with pytest.raises(DataError, match="all must have one length"):
        given_vectors(tmp_path / "v.parquet", INDEX)


def test_empty_numbers_do_not_become_zeros(tmp_path: Path) -> None:
    frame = pl.DataFrame({"item_id": ["a", "b"], "vector": [[1.0, None], [1.0, 2.0]]})
    frame.write_parquet(tmp_path / "v.parquet")
    assert np.isnan(given_vectors(tmp_path / "v.parquet", INDEX)[0, 1])
