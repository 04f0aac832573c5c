"""From a configuration to one text vector for each item index."""

from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from latentrec.config import UnisrecItemsConfig
from latentrec.data.catalogue import Catalogue
from latentrec.data.item_text.encoder import encoded_vectors
from latentrec.data.item_text.given import given_vectors
from latentrec.data.item_text.reduce import pca, truncated_svd
from latentrec.data.item_text.texts import item_texts
from latentrec.data.item_text.tfidf import tfidf
from latentrec.errors import DataError
from latentrec.index import FIRST_ITEM

MODEL: Final = "model:"
"""Stands in front of the folder or name of a text model."""

Float64s = npt.NDArray[np.float64]


def with_text(catalogue: Catalogue, config: UnisrecItemsConfig) -> Catalogue:
    """The catalogue with text vectors: zero for PAD and MASK, then one row an item.

    Raises:
        DataError: If there is no text, an item has no vector, or a vector is unusable.
        ConfigError: If a text model cannot be loaded.
    """
    rows = _rows(catalogue, config)
    _check(rows, catalogue, config.source)
    text = np.zeros((catalogue.index.size, rows.shape[1]), dtype=np.float32)
    text[FIRST_ITEM:] = rows * np.sqrt(rows.shape[1] / np.square(rows).sum(axis=1).mean())
    return replace(catalogue, text=text)


def _rows(catalogue: Catalogue, config: UnisrecItemsConfig) -> Float64s:
    """Vectors of the real items, with at most `dim_text` dimensions."""
    if config.source == "tfidf":
        return _own_words(item_texts(catalogue), config.dim_text)
    if config.source.startswith(MODEL):
        model = config.source.removeprefix(MODEL)
        rows = encoded_vectors(model, config.pooling, item_texts(catalogue))
    else:
        rows = given_vectors(Path(config.source), catalogue.index)
    _check(rows, catalogue, config.source)
    return pca(rows, config.dim_text) if rows.shape[1] > config.dim_text else rows


def _own_words(texts: list[str], dim: int) -> Float64s:
    """TF-IDF and truncated SVD; a text without a shared word stands at the mean of the others."""
    weights = tfidf(texts)
    empty = np.diff(weights.indptr) == 0
    if empty.all():
        raise DataError(
            "items.source=tfidf: no two items share a word in title, categories or store; give an "
            "item table with text (--items), or train with items.kind='id'"
        )
    rows = truncated_svd(weights, dim)
    rows[empty] = rows[~empty].mean(axis=0)
    return rows


def _check(rows: Float64s, catalogue: Catalogue, source: str) -> None:
    """Raise DataError on a vector that is not finite or has no direction, naming its item."""
    bad = ~np.isfinite(rows).all(axis=1) | ~rows.any(axis=1)
    if bad.any():
        item_id = catalogue.index.all_ids[int(bad.argmax())]
        raise DataError(
            f"items.source={source}: the vector of item '{item_id[:40]}' is zero or not finite "
            f"({int(bad.sum()):,} such items); every item needs a direction for the cosine"
        )
