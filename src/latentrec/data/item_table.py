"""The item table: title and categorical fields by item id, from any file that has them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final, assert_never, final

import polars as pl

from latentrec.config import FilesConfig
from latentrec.data.files import read_parquet
from latentrec.data.raw import SHOWN
from latentrec.data.sources.source import Delimited, ItemFile, JsonLines, Parquet
from latentrec.data.text import as_utf8, header, json_sample, open_text, reason
from latentrec.errors import DataError

LEVEL_SEPARATOR: Final = "|"
"""Stands between the values of a field in text."""


@final
@dataclass(frozen=True)
class ItemTable:
    """What is known about items, one row each.

    Attributes:
        frame: item_id (text), title (text or null), and each field as a list of text; sorted by id.
        rows: Rows of the file.
        duplicates: Rows that repeated an item id with equal contents; left out.
    """

    frame: pl.DataFrame
    rows: int
    duplicates: int

    @property
    def fields(self) -> list[str]:
        """Names of the categorical fields."""
        return self.frame.columns[2:]


def item_file(path: Path, layout: Delimited | JsonLines | Parquet, config: FilesConfig) -> ItemFile:
    """An item table with the columns that a configuration names."""
    own = [(name, name) for name in config.more_fields]
    fields = [("categories", config.categories_column), ("store", config.store_column), *own]
    return ItemFile(
        path, layout, config.item_column, config.title_column, tuple(fields), config.more_fields
    )


def read_items(file: ItemFile) -> ItemTable:
    """Read an item table.

    Raises:
        DataError: If the file is unreadable, a column is missing, an id is empty, or two rows of
            one item disagree.
    """
    match file.layout:
        case Parquet():
            frame = read_parquet(file.path)
        case Delimited():
            frame = _read_delimited(file, file.layout)
        case JsonLines():
            frame = _read_json(file)
        case _:
            assert_never(file.layout)
    return table_from_frame(frame, file)


def table_from_frame(frame: pl.DataFrame, file: ItemFile) -> ItemTable:
    """The item table in its one form from a frame with the columns that `file` names.

    Raises:
        DataError: See `read_items`.
    """
    name = file.path.name
    for column in (file.item, *file.required):
        if column not in frame.columns:
            shown = ", ".join(present[:40] for present in frame.columns[:20])
            raise DataError(f"{name}: has no column '{column}'; its columns are: {shown}")
    fields = [(ours, theirs) for ours, theirs in file.fields if theirs in frame.columns]
    title = pl.col(file.title) if file.title in frame.columns else pl.lit(None)
    values = [_levels(frame.schema[theirs], theirs, file).alias(ours) for ours, theirs in fields]
    table = frame.select(
        _item_id(frame.schema[file.item], file).alias("item_id"),
        title.cast(pl.String).str.strip_chars().replace("", None).alias("title"),
        *values,
    )
    _check_ids(table, name)
    return _distinct(table, name)


def _item_id(dtype: pl.DataType, file: ItemFile) -> pl.Expr:
    value = pl.col(file.item)
    return (value.cast(pl.Int64, strict=False) if dtype.is_float() else value).cast(pl.String)


def _levels(dtype: pl.DataType, column: str, file: ItemFile) -> pl.Expr:
    """A column as lists of distinct non-empty values, in their order."""
    if isinstance(dtype, pl.List):
        values = pl.col(column).cast(pl.List(pl.String))
    else:
        values = pl.col(column).cast(pl.String).str.split(file.level_separator)
    each = pl.element().str.strip_chars()
    sound = each.filter(each.is_not_null() & ~each.is_in(["", *file.nothing]))
    return values.list.eval(sound.unique(maintain_order=True)).fill_null(
        pl.lit([], pl.List(pl.String))
    )


def _check_ids(table: pl.DataFrame, name: str) -> None:
    empty = table["item_id"].is_null() | (table["item_id"].str.strip_chars() == "")
    row = empty.fill_null(True).arg_max()
    if row is not None and empty[row]:
        raise DataError(
            f"{name}: row {row + 1} has no item id; every row of an item table needs one"
        )


def _distinct(table: pl.DataFrame, name: str) -> ItemTable:
    distinct = table.unique(maintain_order=True)
    repeated = distinct.filter(pl.col("item_id").is_duplicated())
    if len(repeated):
        item_id = repeated["item_id"][0]
        count = repeated["item_id"].n_unique()
        raise DataError(
            f"{name}: item '{item_id[:SHOWN]}' has rows that disagree ({count:,} such items); "
            "every item needs one row"
        )
    return ItemTable(distinct.sort("item_id"), len(table), len(table) - len(distinct))


def _read_delimited(file: ItemFile, layout: Delimited) -> pl.DataFrame:
    text, layout = as_utf8(open_text(file.path), layout)
    names = header(text, layout, file.path.name)
    try:
        return pl.read_csv(
            text,
            has_header=layout.header is None,
            new_columns=names,
            separator=layout.separator,
            quote_char='"' if layout.quoted else None,
            infer_schema=False,
            glob=False,
        )
    except (pl.exceptions.PolarsError, OSError) as error:
        raise DataError(f"{file.path}: not readable as an item table ({reason(error)})") from None


def _read_json(file: ItemFile) -> pl.DataFrame:
    text = open_text(file.path)
    wanted = {file.item, file.title, *(theirs for _, theirs in file.fields)}
    sample = {name: value for name, value in json_sample(text).items() if name in wanted}
    schema = {
        name: pl.List(pl.String) if isinstance(value, list) else pl.String()
        for name, value in sample.items()
    }
    try:
        return pl.read_ndjson(text, schema=schema)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise DataError(f"{file.path}: not readable as an item table ({reason(error)})") from None
