"""RecBole atomic files (`.inter`, `.item` with `name:type` headers) and UniSRec's prefix files."""

from pathlib import Path
from typing import Final

from latentrec.config import FilesConfig
from latentrec.data.raw import Columns, Part
from latentrec.data.sources.source import Delimited, ItemFile, LogFile, Source
from latentrec.data.text import header, open_text
from latentrec.errors import DataError

LAYOUT: Final = Delimited("\t", quoted=False)
"""Tabs, no quotes, one header line."""
_PARTS: Final[tuple[Part, ...]] = ("train", "valid", "test")
_PREFIX: Final = "item_id_list"
_REBUILT: Final = "rows are interactions, rebuilt from the files' rows of history and next item"
_CATEGORY_NAMES: Final = ("categories", "category", "class", "genres", "genre")
_STORE_NAMES: Final = ("store", "brand")


def recbole_source(path: Path, config: FilesConfig) -> Source:
    """A folder of atomic files of one data set, or one `.inter` file.

    Raises:
        DataError: If no `.inter` file is found, or those of several data sets.
    """
    folder = path if path.is_dir() else path.parent
    files = [path] if path.is_file() else sorted(folder.glob("*.inter"))
    stems = {file.name.split(".")[0] for file in files}
    if len(stems) != 1:
        shown = ", ".join(sorted(stems)[:5]) or "none"
        raise DataError(f"{path}: must hold the .inter file of one data set, holds: {shown}")
    stem = stems.pop()
    names = _names(files[0])
    prefixes = _PREFIX in names
    logs = _log_files(folder, stem, files)
    items = _item_file(folder, stem, config)
    numbers = folder / f"{stem}.item2index"
    return Source(
        f"{'UniSRec prefix' if prefixes else 'RecBole'} files of '{stem}'"
        + (f" with {items.path.name}" if items else ""),
        logs,
        _prefix_columns(names, config) if prefixes else _columns(names, config),
        items,
        prefixes=prefixes,
        item_names=numbers if prefixes and numbers.is_file() else None,
        notes=(_REBUILT,) if prefixes else (),
    )


def _names(file: Path) -> dict[str, str]:
    """Header field by its name before the colon."""
    fields = header(open_text(file), LAYOUT, file.name)
    return {field.partition(":")[0]: field for field in fields}


def _log_files(folder: Path, stem: str, files: list[Path]) -> tuple[LogFile, ...]:
    """One file, or the files of the three parts."""
    parts = [folder / f"{stem}.{part}.inter" for part in _PARTS]
    if not any(file in parts for file in files):
        return (LogFile(files[0], LAYOUT),)
    for file in parts:
        if not file.is_file():
            raise DataError(f"{file}: is missing beside the other parts")
    return tuple(LogFile(file, LAYOUT, part) for file, part in zip(parts, _PARTS, strict=True))


def _columns(names: dict[str, str], config: FilesConfig) -> Columns:
    return Columns(
        names.get(config.user_column, config.user_column),
        names.get(config.item_column, config.item_column),
        names.get(config.time_column, config.time_column),
        names.get(config.rating_column),
    )


def _prefix_columns(names: dict[str, str], config: FilesConfig) -> Columns:
    user = names.get(config.user_column, config.user_column)
    item = names.get(config.item_column, config.item_column)
    return Columns(user, item, None, None, history=names[_PREFIX])


def _item_file(folder: Path, stem: str, config: FilesConfig) -> ItemFile | None:
    choices = [folder / f"{stem}.item", folder / f"{stem}.text"]
    if config.items_path:
        choices = [Path(config.items_path)]
    path = next((file for file in choices if file.is_file()), None)
    if path is None:
        return None
    names = _names(path)
    titles = [name for name in names if name == config.title_column or "title" in name]
    title = next(iter([*titles, *(name for name in names if name in ("text", "name"))]), "title")
    chosen = [("categories", (config.categories_column, *_CATEGORY_NAMES))]
    chosen += [("store", (config.store_column, *_STORE_NAMES))]
    chosen += [(name, (name,)) for name in config.more_fields]
    fields = [(ours, next((names[n] for n in known if n in names), "")) for ours, known in chosen]
    return ItemFile(
        path,
        LAYOUT,
        names.get(config.item_column, config.item_column),
        names.get(title, title),
        tuple((ours, theirs) for ours, theirs in fields if theirs),
        tuple(names.get(name, name) for name in config.more_fields),
        level_separator=" ",
    )
