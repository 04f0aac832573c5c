"""Source: where a data set's log and item table are and how their files are written."""

from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias, final

from latentrec.data.raw import Columns, Part


@final
@dataclass(frozen=True)
class Delimited:
    """Text with a separator between fields.

    Attributes:
        separator: One character, or `::`.
        quoted: Whether `"` encloses fields that hold separators.
        header: Names of the fields where the file has no header line.
        latin1: Whether a file that is not UTF-8 is read as Latin-1.
    """

    separator: str = ","
    quoted: bool = True
    header: tuple[str, ...] | None = None
    latin1: bool = False


@final
@dataclass(frozen=True)
class JsonLines:
    """One JSON object a line."""


@final
@dataclass(frozen=True)
class Parquet:
    """Apache Parquet."""


Layout: TypeAlias = Delimited | JsonLines | Parquet


@final
@dataclass(frozen=True)
class LogFile:
    """One file of a log; `part` where the whole file belongs to one part of a given split."""

    path: Path
    layout: Layout
    part: Part | None = None


@final
@dataclass(frozen=True)
class ItemFile:
    """An item table.

    Attributes:
        path: The file.
        layout: How it is written.
        item: Column of the item id.
        title: Column of the title, if the file has it.
        fields: Pairs of field name and column, used where the file has the column.
        required: Columns that the file must have, by the configuration.
        level_separator: Stands between the values of a field in text.
        nothing: Values that mean "none".
    """

    path: Path
    layout: Layout
    item: str
    title: str
    fields: tuple[tuple[str, str], ...]
    required: tuple[str, ...] = ()
    level_separator: str = "|"
    nothing: tuple[str, ...] = ()


@final
@dataclass(frozen=True)
class Source:
    """A data set on disk.

    Attributes:
        found: What it is, in words.
        logs: Files of the log, in the order in which their rows count.
        columns: Columns of the log.
        items: Item table, if there is one.
        prefixes: Rows are (user, history, next item) without times; see `sources/recbole.py`.
        item_names: File with `name<TAB>number` of each item, where the log holds the numbers.
        notes: What a reader of the report should know about the source.
    """

    found: str
    logs: tuple[LogFile, ...]
    columns: Columns
    items: ItemFile | None = None
    prefixes: bool = False
    item_names: Path | None = None
    notes: tuple[str, ...] = ()
