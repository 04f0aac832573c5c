"""items.parquet: what a run needs to know about its items, without the data it was trained on."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from latentrec.config import ItemsConfig, SyntheticConfig, UnisrecItemsConfig
from latentrec.data.catalogue import Catalogue, CategoricalField, build_catalogue
from latentrec.data.dataset import Histories
from latentrec.data.item_table import ItemTable
from latentrec.data.prepare import Prepared, prepare
from latentrec.errors import CheckpointError
from latentrec.index import ItemIndex
from latentrec.run.items import add_text, read_items, write_items

names = st.text(st.characters(codec="utf-8"), min_size=1, max_size=3)


@st.composite
def catalogues(draw: st.DrawFn) -> Catalogue:
    """Catalogues as `build_catalogue` makes them, of items with any titles and values."""
    ids = draw(st.lists(names, unique=True, min_size=1, max_size=5))
    titles = [draw(st.none() | names) for _ in ids]
    fields = {
        name: [draw(st.lists(names, unique=True, max_size=3)) for _ in ids]
        for name in draw(st.lists(names, unique=True, max_size=2))
        if name not in ("item_id", "title")
    }
    lists = {name: pl.Series(rows, dtype=pl.List(pl.String)) for name, rows in fields.items()}
    columns = {"item_id": ids, "title": pl.Series(titles, dtype=pl.String), **lists}
    return build_catalogue(ItemIndex(ids), ItemTable(pl.DataFrame(columns), len(ids), 0))


def same(one: CategoricalField, other: CategoricalField) -> bool:
    return (
        (one.name, one.values) == (other.name, other.values)
        and np.array_equal(one.codes, other.codes)
        and np.array_equal(one.offsets, other.offsets)
        and (one.codes.dtype, one.offsets.dtype) == (other.codes.dtype, other.offsets.dtype)
    )


@given(catalogues())
def test_a_catalogue_survives_its_file(
    tmp_path_factory: pytest.TempPathFactory, catalogue: Catalogue
) -> None:
    """Codes above all: a code that means another value would score another item."""
    path = tmp_path_factory.mktemp("items") / "items.parquet"
    last = catalogue.index.size - 1
    write_items(path, catalogue, Histories.from_lists([[2, 2], [last]]))
    found, counts = read_items(path)
    assert found.index.all_ids == catalogue.index.all_ids
    assert found.titles == catalogue.titles
    assert len(found.fields) == len(catalogue.fields)
    assert all(same(a, b) for a, b in zip(found.fields, catalogue.fields, strict=True))
    assert counts.tolist() == np.bincount([2, 2, last], minlength=last + 1).tolist()


def test_a_catalogue_without_anything_survives_too(tmp_path: Path) -> None:
    path = tmp_path / "items.parquet"
    write_items(path, Catalogue(ItemIndex(["b", "a"])), Histories.from_lists([[3]]))
    found, counts = read_items(path)
    assert (list(found.index.all_ids), found.titles, found.fields) == (["a", "b"], {}, ())
    assert counts.tolist() == [0.0, 0.0, 0.0, 1.0]


def test_the_file_can_be_read_by_other_programs(tmp_path: Path) -> None:
    path = tmp_path / "items.parquet"
    store = CategoricalField("store", ("s",), np.array([0], np.int32), np.array([0, 0, 0, 1, 1]))
    catalogue = Catalogue(ItemIndex(["a", "b"]), {"b": "Bee"}, (store,))
    write_items(path, catalogue, Histories.from_lists([[2]]))
    rows = pl.read_parquet(path).rows(named=True)
    assert rows == [
        {"item_id": "a", "title": None, "interactions": 1, "field:store": ["s"]},
        {"item_id": "b", "title": "Bee", "interactions": 0, "field:store": []},
    ]


@pytest.mark.parametrize("content", [None, b"", b"PAR1 is no parquet", b"{}"])
def test_an_unreadable_file_is_refused(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "items.parquet"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(CheckpointError, match=r"items\.parquet: not readable"):
        read_items(path)


def test_another_table_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "items.parquet"
    pl.DataFrame({"item_id": ["a"]}).write_parquet(path)
    with pytest.raises(CheckpointError, match="not readable"):
        read_items(path)


# --- text vectors ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def prepared() -> Prepared:
    from latentrec.config import LeaveOneOutConfig

    data = SyntheticConfig(users=30, items=40, interests=6, interests_per_user=3)
    return prepare(data, LeaveOneOutConfig())


def test_text_vectors_come_back_to_the_bit(prepared: Prepared, tmp_path: Path) -> None:
    """Scores of a loaded run depend on every digit."""
    dataset = add_text(prepared, UnisrecItemsConfig(dim_text=5), None).dataset
    write_items(tmp_path / "items.parquet", dataset.catalogue, dataset.train())
    found, made = read_items(tmp_path / "items.parquet")[0].text, dataset.catalogue.text
    assert found is not None
    assert made is not None
    assert found.dtype == np.float32
    assert found.shape == (dataset.index.size, 5)
    assert found.tobytes() == made.tobytes()


def test_a_run_that_goes_on_keeps_its_vectors(prepared: Prepared, tmp_path: Path) -> None:
    # The text model may be gone or another one by then: it must not be asked again.
    dataset = add_text(prepared, UnisrecItemsConfig(dim_text=5), None).dataset
    write_items(tmp_path / "items.parquet", dataset.catalogue, dataset.train())
    gone = UnisrecItemsConfig(source="gone.npy")
    kept = add_text(prepared, gone, tmp_path / "items.parquet").dataset.catalogue.text
    assert kept is not None
    assert np.array_equal(kept, dataset.catalogue.text)


def test_items_read_by_their_ids_get_no_text(prepared: Prepared, tmp_path: Path) -> None:
    dataset = prepared.dataset
    assert add_text(prepared, ItemsConfig(), None) is prepared
    write_items(tmp_path / "items.parquet", dataset.catalogue, dataset.train())
    assert "text" not in pl.read_parquet_schema(tmp_path / "items.parquet")
    assert read_items(tmp_path / "items.parquet")[0].text is None
