"""Small logs for the data tests, and where the real ones are."""

import os
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from latentrec.data.interactions import Interactions, interactions_from_frame

Row = tuple[str, str, int]


@pytest.fixture
def make_log() -> Callable[[list[Row]], Interactions]:
    """Interactions from (user, item, seconds) rows."""

    def make(rows: list[Row]) -> Interactions:
        schema = {"user_id": pl.String, "item_id": pl.String, "timestamp": pl.Int64}
        return interactions_from_frame(pl.DataFrame(rows, schema=schema, orient="row"))

    return make


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder of real logs; they are never part of the repository."""
    default = Path(__file__).parents[2].parent / "shared" / "data"
    folder = Path(os.environ.get("LATENTREC_DATA", default))
    if not folder.is_dir():
        pytest.skip(f"no real data at {folder}; set LATENTREC_DATA to the folder")
    return folder
