"""Text vectors of a catalogue: one usable row an item index, from every source."""

from pathlib import Path

import numpy as np
import pytest

from latentrec.config import SyntheticConfig, UnisrecItemsConfig
from latentrec.data.catalogue import Catalogue, build_catalogue
from latentrec.data.item_text import vectors
from latentrec.data.item_text.vectors import with_text
from latentrec.data.synthetic import synthetic
from latentrec.errors import DataError
from latentrec.index import FIRST_ITEM, ItemIndex

INDEX = ItemIndex(["a", "b", "c", "d"])
TITLES = {"a": "blue train", "b": "blue note", "c": "night train"}


def text_of(catalogue: Catalogue, **knobs: object) -> np.ndarray:
    text = with_text(catalogue, UnisrecItemsConfig.model_validate(knobs)).text
    assert text is not None
    return text


def given(folder: Path, rows: np.ndarray) -> dict[str, object]:
    np.save(folder / "v.npy", rows)
    (folder / "ids.txt").write_text("a\nb\nc\nd\n")
    return {"source": str(folder / "v.npy")}


def cosines(rows: np.ndarray) -> np.ndarray:
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return unit @ unit.T


def test_titles_by_hand() -> None:
    """a and b share one of a's two words, b and c none; d has no word and stands at the mean."""
    text = text_of(Catalogue(INDEX, TITLES))
    assert text.dtype == np.float32
    assert not text[:FIRST_ITEM].any()
    a, b, c, d = text[FIRST_ITEM:]
    found = cosines(np.stack([a, b, c]))
    # blue and train are known (2 texts each), note and night are not.
    np.testing.assert_allclose(found[0, 1], np.sqrt(0.5), rtol=1e-5)
    np.testing.assert_allclose(found[1, 2], 0, atol=1e-6)
    np.testing.assert_allclose(d, (a + b + c) / 3, rtol=1e-5)


def test_the_mean_square_of_an_entry_is_one(tmp_path: Path) -> None:
    # Weights start at one size, so vectors of any origin must come in one size.
    rows = 0.01 * np.random.default_rng(0).normal(size=(4, 3))
    text = text_of(Catalogue(INDEX), **given(tmp_path, rows))
    assert np.square(text[FIRST_ITEM:]).mean() == pytest.approx(1, rel=1e-5)
    np.testing.assert_allclose(cosines(text[FIRST_ITEM:]), cosines(rows), atol=1e-5)


def test_given_vectors_are_reduced_only_when_too_long(tmp_path: Path) -> None:
    rows = np.random.default_rng(0).normal(size=(4, 6))
    knobs = given(tmp_path, rows)
    assert text_of(Catalogue(INDEX), **knobs).shape == (6, 6)
    reduced = text_of(Catalogue(INDEX), dim_text=3, **knobs)[FIRST_ITEM:]
    centred = rows - rows.mean(axis=0)  # 4 centred rows lie in 3 dimensions: nothing is lost
    np.testing.assert_allclose(cosines(reduced), cosines(centred), atol=1e-5)


def test_synthetic_items_of_one_interest_are_near_each_other() -> None:
    """The embedded default reads what titles, categories and stores say."""
    log = synthetic(SyntheticConfig(users=50, items=60, interests=6))
    assert log.items is not None
    index = ItemIndex(log.items.frame["item_id"].to_list())
    text = text_of(build_catalogue(index, log.items), dim_text=16)[FIRST_ITEM:]
    found, group = cosines(text), np.arange(60) % 6
    np.fill_diagonal(found, -1)
    assert (group[found.argmax(axis=1)] == group).mean() > 0.9


@pytest.mark.parametrize("bad", [0.0, np.nan, np.inf])
def test_a_vector_without_direction_is_refused(tmp_path: Path, bad: float) -> None:
    rows = np.ones((4, 3))
    rows[2] = bad
    with pytest.raises(DataError, match=r"v\.npy: the vector of item 'c'.*1 such items"):
        text_of(Catalogue(INDEX), **given(tmp_path, rows))


def test_equal_vectors_that_pca_would_erase_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="zero or not finite"):
        text_of(Catalogue(INDEX), dim_text=2, **given(tmp_path, np.ones((4, 3))))


@pytest.mark.parametrize("titles", [{}, {"a": "blue", "b": "train"}])
def test_items_without_common_words_are_refused(titles: dict[str, str]) -> None:
    with pytest.raises(DataError, match=r"no two items share a word.*--items"):
        text_of(Catalogue(INDEX, titles))


def test_a_text_model_reads_the_texts(monkeypatch: pytest.MonkeyPatch) -> None:
    def encoded(model: str, pooling: str | None, texts: list[str]) -> np.ndarray:
        assert (model, pooling, texts) == ("some/model", "cls", [*TITLES.values(), ""])
        return np.eye(4)

    monkeypatch.setattr(vectors, "encoded_vectors", encoded)
    text = text_of(Catalogue(INDEX, TITLES), source="model:some/model", pooling="cls")
    np.testing.assert_allclose(text[FIRST_ITEM:], 2 * np.eye(4))
