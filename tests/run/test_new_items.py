"""New items by text: old scores stay, equal texts score alike, nothing is trained or changed."""

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from latentrec.data.dataset import Histories
from latentrec.errors import CheckpointError, ConfigError, DataError
from latentrec.run import Run, fit, load
from latentrec.run.new_items import read_new_items


def text_config(tiny: Any, **items: Any) -> Any:
    from latentrec.configure import parse_config

    values = tiny(train={"epochs": 1}).model_dump(mode="json")
    values["items"] = {"kind": "text", "experts": 2, "dim_text": 12, **items}
    return parse_config(values)


def table_of(run: Run, old: str, new: str) -> pl.DataFrame:
    """A table with one new item that has the text of an old one."""
    at = run.index.index(old) - 2
    fields = {f.name: [f.lists()[at]] for f in run.catalogue.fields}
    return pl.DataFrame({"item_id": [new], "title": [run.catalogue.titles[old]], **fields})


@pytest.fixture(scope="module")
def run(tiny: Any, tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("runs") / "text"
    list(fit(text_config(tiny), folder))
    return load(folder, device="cpu")


@pytest.mark.parametrize("new", ["a-first", "zz-last"])
def test_a_new_item_with_an_old_text_scores_like_it(run: Run, new: str) -> None:
    """Ids are sorted, so a new one moves item indices: old scores must move with their items."""
    old = run.index.all_ids[5]
    grown = run.with_new_items(table_of(run, old, new))
    history = list(run.index.all_ids[:4])
    before = run.scorer.scores(Histories.from_lists([run.index.indices(history).tolist()]))[0]
    after = grown.scorer.scores(Histories.from_lists([grown.index.indices(history).tolist()]))[0]
    kept = after[grown.index.indices(run.index.all_ids)]
    np.testing.assert_allclose(kept, before[2:], atol=1e-6, rtol=0)
    twins = after[grown.index.indices([old, new])]
    assert twins[0].item() == pytest.approx(twins[1].item(), abs=1e-6)
    assert new not in run.index


def test_a_new_item_is_recommended_and_read(run: Run) -> None:
    old = run.index.all_ids[5]
    grown = run.with_new_items(table_of(run, old, "new"))
    [found] = grown.recommend([["new"]], top_k=3, allow=["new", old], exclude_seen=False)
    assert set(found.item_ids) == {"new", old}
    assert found.unknown_items == ()
    [by_new], [by_old] = (grown.recommend([[i]], top_k=5, exclude_seen=False) for i in ("new", old))
    np.testing.assert_allclose(by_new.scores, by_old.scores, atol=1e-6)
    assert grown.catalogue.titles["new"] == run.catalogue.titles[old]


def test_new_items_count_nothing_in_popularity(run: Run) -> None:
    grown = run.with_new_items(table_of(run, run.index.all_ids[5], "a-first"))
    [found] = grown.recommend([["nobody knows"]], top_k=len(grown.index))
    [before] = run.recommend([["nobody knows"]], top_k=len(run.index))
    assert found.source == "popularity"
    assert dict(zip(found.item_ids, found.scores, strict=True)) == {
        **dict(zip(before.item_ids, before.scores, strict=True)),
        "a-first": 0.0,
    }


def test_an_item_without_a_known_word_stands_at_the_mean(run: Run) -> None:
    table = pl.DataFrame({"item_id": ["x", "y"], "title": ["unheard", None]})
    grown = run.with_new_items(table)
    assert grown.catalogue.text is not None
    x, y = grown.catalogue.text[grown.index.indices(["x", "y"])]
    assert np.array_equal(x, y)
    assert x.any()


def test_known_items_and_missing_ids_are_refused(run: Run) -> None:
    known = run.index.all_ids[0]
    with pytest.raises(DataError, match=f"'{known}' is in the catalogue already"):
        run.with_new_items(pl.DataFrame({"item_id": [known], "title": ["a"]}))
    with pytest.raises(DataError, match="no column 'item_id'"):
        run.with_new_items(pl.DataFrame({"title": ["a"]}))


def test_runs_with_ids_cannot_grow(trained: Path, tiny: Any, tmp_path: Path) -> None:
    table = pl.DataFrame({"item_id": ["x"], "title": ["a"]})
    with pytest.raises(ConfigError, match=r"items\.kind='id'.*no trained id vector"):
        load(trained, device="cpu").with_new_items(table)
    list(fit(text_config(tiny, use_ids=True), tmp_path / "ids"))
    with pytest.raises(ConfigError, match=r"items\.use_ids=true"):
        load(tmp_path / "ids", device="cpu").with_new_items(table)


def test_given_vectors_need_a_vector_of_the_same_length(
    tiny: Any, run: Run, tmp_path: Path
) -> None:
    """Longer vectors pass the PCA that the run kept: the same vector scores alike."""
    ids = list(run.index.all_ids)
    rows = np.random.default_rng(0).normal(size=(len(ids), 20))
    pl.DataFrame({"item_id": ids, "vector": rows}).write_parquet(tmp_path / "v.parquet")
    config = text_config(tiny, source=str(tmp_path / "v.parquet"))
    list(fit(config, tmp_path / "run"))
    given = load(tmp_path / "run", device="cpu")
    pl.DataFrame({"item_id": ["x"], "title": ["X"], "vector": rows[3:4]}).write_parquet(
        tmp_path / "new.parquet"
    )
    grown = given.with_new_items(read_new_items(tmp_path / "new.parquet", config))
    scores = grown.scorer.scores(Histories.from_lists([[2, 3]]))[0]
    twins = scores[grown.index.indices([ids[3], "x"])]
    assert twins[0].item() == pytest.approx(twins[1].item(), abs=1e-6)
    for table, rule in (
        (pl.DataFrame({"item_id": ["x"]}), "needs a column 'vector' with 20"),
        (pl.DataFrame({"item_id": ["x"], "vector": [[1.0]]}), "another length than 20"),
    ):
        with pytest.raises(DataError, match=rule):
            given.with_new_items(table)


def test_a_changed_vectoriser_is_refused(run: Run, tmp_path: Path) -> None:
    from dataclasses import replace
    from shutil import copytree

    folder = Path(copytree(run.folder, tmp_path / "copy"))
    file = folder / "text.safetensors"
    file.write_bytes(file.read_bytes()[:-1] + b"\1")
    table = pl.DataFrame({"item_id": ["x"], "title": ["a"]})
    with pytest.raises(CheckpointError, match=r"SHA-256 differs"):
        replace(run, folder=folder).with_new_items(table)
