"""Items that a trained run has never seen: from an item table to rows of its catalogue."""

from pathlib import Path
from typing import Final

import numpy as np
import polars as pl

from latentrec.config import FilesConfig, RunConfig, UnisrecItemsConfig
from latentrec.data.catalogue import Catalogue, build_catalogue
from latentrec.data.dataset import Int32s
from latentrec.data.files import read_parquet
from latentrec.data.item_table import item_file, read_items, table_from_frame
from latentrec.data.item_text.reduce import Float64s
from latentrec.data.item_text.texts import item_texts
from latentrec.data.item_text.vectoriser import GIVEN, TFIDF, Raw, TextVectoriser
from latentrec.data.item_text.vectors import filled, model_vectors
from latentrec.data.join import join_catalogues
from latentrec.data.sources.source import Parquet
from latentrec.data.sources.table import known_endings, layout_of
from latentrec.errors import ConfigError, DataError
from latentrec.index import ItemIndex

VECTOR: Final = "vector"
"""Column of the text vectors, where a run reads vectors that files give."""
_PLAIN: Final = FilesConfig(path="new items")


def check_can_grow(config: RunConfig) -> UnisrecItemsConfig:
    """The item settings of a run that can take new items.

    Raises:
        ConfigError: If the run reads its items by ids, or is blended with a baseline.
    """
    if config.blend is not None:
        raise ConfigError(
            f"new items: the run is blended with {config.blend.partner}, which knows only items of "
            "training; use the run that it came from"
        )
    if not isinstance(config.items, UnisrecItemsConfig) or config.items.use_ids:
        why = "items.kind='id'" if config.items.kind == "id" else "items.use_ids=true"
        raise ConfigError(
            f"new items: the run was trained with {why}, and an item that training never saw has "
            "no trained id vector; train with items.kind='text' and items.use_ids=false"
        )
    return config.items


def read_new_items(path: Path, config: RunConfig) -> pl.DataFrame:
    """An item table with the columns that the run's own data have, as `Run.with_new_items` reads.

    Raises:
        DataError: If the file cannot be read or a column is missing.
    """
    names = config.data if isinstance(config.data, FilesConfig) else _PLAIN
    layout = layout_of(path)
    if layout is None:
        raise DataError(f"{path}: unknown ending of an item table; known: {known_endings()}")
    if not path.is_file():
        raise DataError(f"{path}: does not exist")
    plain = names.model_copy(update={"more_fields": ()})
    table = read_items(item_file(path, layout, plain)).frame
    if not isinstance(layout, Parquet):
        return table
    given = read_parquet(path)
    if VECTOR not in given.columns:
        return table
    vectors = given.select(pl.col(names.item_column).cast(pl.String).alias("item_id"), VECTOR)
    return table.join(vectors, on="item_id", how="left", maintain_order="left")


def extended(
    catalogue: Catalogue,
    config: UnisrecItemsConfig,
    vectoriser: TextVectoriser,
    table: pl.DataFrame,
) -> tuple[Catalogue, Int32s]:
    """A catalogue with new items, and the new item index of each old one.

    Raises:
        DataError: If an item is in the catalogue already, or its text vector is missing.
    """
    columns = item_file(Path("new items"), Parquet(), _PLAIN)
    items = table_from_frame(table, columns)
    ids = items.frame["item_id"].to_list()
    known = [item_id for item_id in ids if item_id in catalogue.index]
    if known:
        raise DataError(
            f"new items: item '{known[0][:40]}' is in the catalogue already ({len(known):,} such "
            "items); leave them out, or train again to change their text"
        )
    fresh = build_catalogue(ItemIndex(ids), items)
    raw = _raw(fresh, vectoriser, table)
    joined, places = join_catalogues([catalogue, filled(fresh, raw, vectoriser, config)])
    return joined, places[0]


def _raw(fresh: Catalogue, vectoriser: TextVectoriser, table: pl.DataFrame) -> Raw:
    """What the vectoriser reads, in the order of the new items."""
    if vectoriser.source == TFIDF:
        return item_texts(fresh)
    if vectoriser.source != GIVEN:
        return model_vectors(item_texts(fresh), vectoriser.source, vectoriser.pooling)
    return _given(fresh, vectoriser.width, table)


def _given(fresh: Catalogue, width: int, table: pl.DataFrame) -> Float64s:
    if VECTOR not in table.columns:
        raise DataError(
            f"new items: the run reads text vectors that files give, so the table needs a column "
            f"'{VECTOR}' with {width} numbers an item (a Parquet file)"
        )
    ids = table["item_id"].cast(pl.String).to_list()
    rows = dict(zip(ids, table[VECTOR].to_list(), strict=True))
    vectors = [rows[item_id] for item_id in fresh.index.all_ids]
    wrong = [i for i, v in zip(fresh.index.all_ids, vectors, strict=True) if len(v or ()) != width]
    if wrong:
        raise DataError(
            f"new items: item '{wrong[0][:40]}' has a vector of another length than {width} "
            f"({len(wrong):,} such items)"
        )
    return np.array(vectors, dtype=np.float64)
