"""Plain tables: one log file, or a folder with `interactions.*` and perhaps `items.*`."""

from pathlib import Path
from typing import Final

from latentrec.config import FilesConfig
from latentrec.data.item_table import item_file
from latentrec.data.raw import Columns
from latentrec.data.sources.source import Delimited, JsonLines, Layout, LogFile, Parquet, Source
from latentrec.errors import DataError

LAYOUTS: Final[dict[str, Layout]] = {
    ".parquet": Parquet(),
    ".csv": Delimited(","),
    ".tsv": Delimited("\t"),
    ".jsonl": JsonLines(),
    ".ndjson": JsonLines(),
}
"""Layout by file name ending; text may also end in .gz behind it."""


def layout_of(path: Path) -> Layout | None:
    """How a file is written, by its name; None if the name does not say."""
    name = path.name.removesuffix(".gz") if not path.name.endswith(".parquet.gz") else path.name
    return LAYOUTS.get(Path(name).suffix.lower())


def known_endings() -> str:
    """The endings that `layout_of` knows, for messages."""
    return ", ".join([*LAYOUTS, "and .gz behind the text ones"])


def find_file(folder: Path, stem: str) -> Path | None:
    """The file `stem.<known ending>` of a folder, the first in the order of `LAYOUTS`."""
    for ending in LAYOUTS:
        for tail in ("", ".gz"):
            path = folder / f"{stem}{ending}{tail}"
            if path.is_file() and layout_of(path) is not None:
                return path
    return None


def columns_of(config: FilesConfig) -> Columns:
    """The columns that a configuration names."""
    return Columns(config.user_column, config.item_column, config.time_column, config.rating_column)


def table_source(path: Path, config: FilesConfig) -> Source:
    """A log file or a folder of `interactions.*`.

    Raises:
        DataError: If there is no file that can be read.
    """
    log = find_file(path, "interactions") if path.is_dir() else path
    layout = None if log is None else layout_of(log)
    if log is None or layout is None:
        what = "no interactions file" if path.is_dir() else "an unknown ending"
        raise DataError(f"{path}: {what}; known endings: {known_endings()}")
    named = config.items_path
    items = Path(named) if named else find_file(path, "items") if path.is_dir() else None
    items_layout = None if items is None else layout_of(items)
    if items is not None and items_layout is None:
        raise DataError(f"{items}: unknown ending of an item table; known: {known_endings()}")
    return Source(
        f"table {log.name}" + (f" with items {items.name}" if items else ""),
        (LogFile(log, layout),),
        columns_of(config),
        item_file(items, items_layout, config) if items and items_layout else None,
    )
