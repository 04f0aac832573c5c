"""From a configuration to one text vector for each item index."""

from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np

from latentrec.config import UnisrecItemsConfig
from latentrec.data.catalogue import Catalogue
from latentrec.data.item_text.encoder import Pooling, encoded_vectors
from latentrec.data.item_text.given import given_vectors
from latentrec.data.item_text.reduce import Float32s, Float64s
from latentrec.data.item_text.texts import item_texts
from latentrec.data.item_text.vectoriser import (
    GIVEN,
    TFIDF,
    Raw,
    TextVectoriser,
    fit_given,
    fit_words,
)
from latentrec.errors import ConfigError, DataError
from latentrec.index import FIRST_ITEM

MODEL: Final = "model:"
"""Stands in front of the folder or name of a text model."""


def with_text(
    catalogue: Catalogue, config: UnisrecItemsConfig, known: TextVectoriser | None = None
) -> Catalogue:
    """The catalogue with text vectors and their vectoriser.

    Args:
        catalogue: The items.
        config: Where text vectors come from.
        known: A vectoriser that was fitted on other items; default: one is fitted on these.

    Raises:
        DataError: If there is no text, an item has no vector, or a vector is unusable.
        ConfigError: If a text model cannot be loaded, or `known` reads something else.
    """
    if known is not None:
        check_source(config, known)
    if config.source == TFIDF:
        return filled(catalogue, item_texts(catalogue), known, config)
    if config.source.startswith(MODEL):
        raw = model_vectors(item_texts(catalogue), config.source, config.pooling)
    else:
        raw = given_vectors(Path(config.source), catalogue.index)
    return filled(catalogue, raw, known, config)


def filled(
    catalogue: Catalogue, raw: Raw, known: TextVectoriser | None, config: UnisrecItemsConfig
) -> Catalogue:
    """The catalogue with vectors of texts or given rows, in the order of its items.

    Raises:
        DataError: If a vector is unusable.
    """
    if isinstance(raw, np.ndarray):
        _check(raw, catalogue, config.source)
    fitted = known or _fit(raw, config)
    rows = fitted.vectors(raw)
    _check(rows, catalogue, config.source)
    text = np.zeros((catalogue.index.size, rows.shape[1]), dtype=np.float32)
    text[FIRST_ITEM:] = rows
    return replace(catalogue, text=text, vectoriser=fitted)


def _fit(raw: Raw, config: UnisrecItemsConfig) -> TextVectoriser:
    if not isinstance(raw, np.ndarray):
        return fit_words(raw, config.dim_text)
    model = config.source if config.source.startswith(MODEL) else GIVEN
    return fit_given(raw, config.dim_text, model, config.pooling)


def model_vectors(texts: list[str], source: str, pooling: Pooling | None) -> Float64s:
    """Vectors of texts by the text model of a source `model:FOLDER_OR_NAME`."""
    return encoded_vectors(source.removeprefix(MODEL), pooling, texts)


def check_source(config: UnisrecItemsConfig, known: TextVectoriser) -> None:
    """Raise ConfigError if a known vectoriser reads something else than the configuration names."""
    is_file = config.source.endswith((".npy", ".parquet"))
    wanted = GIVEN if is_file else config.source
    if (wanted, config.pooling) != (known.source, known.pooling):
        way_out = "a .npy or .parquet file" if known.source == GIVEN else f"'{known.source}'"
        raise ConfigError(
            f"items.source='{config.source[:60]}': the pre-trained model reads vectors of another "
            f"kind; set items.source to {way_out} (pooling: {known.pooling or 'none'})"
        )


def _check(rows: Float64s | Float32s, catalogue: Catalogue, source: str) -> None:
    """Raise DataError on a vector that is not finite or has no direction, naming its item."""
    bad = ~np.isfinite(rows).all(axis=1) | ~rows.any(axis=1)
    if bad.any():
        item_id = catalogue.index.all_ids[int(bad.argmax())]
        raise DataError(
            f"items.source={source}: the vector of item '{item_id[:40]}' is zero or not finite "
            f"({int(bad.sum()):,} such items); every item needs a direction for the cosine"
        )
