"""Amazon Reviews 2023: the official 5-core files (with the split), or raw reviews and metadata."""

from pathlib import Path
from typing import Final

from latentrec.config import FilesConfig
from latentrec.data.raw import Columns, Part
from latentrec.data.sources.source import ItemFile, LogFile, Source
from latentrec.data.sources.table import known_endings, layout_of
from latentrec.errors import DataError

_PARTS: Final[tuple[Part, ...]] = ("train", "valid", "test")
_ID: Final = "parent_asin"
_SPLIT_COLUMNS: Final = Columns("user_id", _ID, "timestamp", "rating", history="history")
_RAW_COLUMNS: Final = Columns("user_id", _ID, "timestamp", "rating")


def amazon_source(path: Path, config: FilesConfig) -> Source:
    """One category of Amazon Reviews 2023: a folder, or one file of the category in it.

    Raises:
        DataError: If no category, more than one, or an incomplete one is found.
    """
    folder = path if path.is_dir() else path.parent
    logs = _split_files(path, folder)
    columns, kind = _SPLIT_COLUMNS, "official split"
    if not logs:
        logs, columns, kind = _raw_files(path, folder), _RAW_COLUMNS, "raw reviews"
    category = logs[0].path.name.split(".")[0]
    items = _metadata(folder, category, config)
    return Source(
        f"Amazon Reviews 2023 '{category}', {kind}" + (f" with {items.path.name}" if items else ""),
        logs,
        columns,
        items,
    )


def _split_files(path: Path, folder: Path) -> tuple[LogFile, ...]:
    """The train, valid and test file of the one category, or nothing if there is no train file."""
    names = [path.name] if path.is_file() else [entry.name for entry in folder.iterdir()]
    stems = {
        name.partition(f".{part}.csv")[0]
        for name in names
        for part in _PARTS
        if f".{part}.csv" in name
    }
    if not stems:
        return ()
    stem = _only(stems, folder)
    found: list[LogFile] = []
    for part in _PARTS:
        choices = [folder / f"{stem}.{part}.csv{tail}" for tail in ("", ".gz")]
        file = next((choice for choice in choices if choice.is_file()), None)
        layout = None if file is None else layout_of(file)
        if file is None or layout is None:
            raise DataError(
                f"{folder}: {choices[0].name} (or .gz) is missing beside the other parts"
            )
        found.append(LogFile(file, layout, part))
    return tuple(found)


def _raw_files(path: Path, folder: Path) -> tuple[LogFile, ...]:
    """The one file of reviews."""
    if path.is_file():
        files = [path]
    else:
        names = sorted(entry for entry in folder.iterdir() if layout_of(entry) is not None)
        files = [entry for entry in names if not entry.name.startswith("meta_")]
        _only({entry.name for entry in files}, folder)
    layout = layout_of(files[0])
    if layout is None:
        raise DataError(f"{files[0]}: unknown ending; known: {known_endings()}")
    return (LogFile(files[0], layout),)


def _only(names: set[str], folder: Path) -> str:
    if len(names) != 1:
        shown = ", ".join(sorted(names)[:5]) or "none"
        raise DataError(
            f"{folder}: must hold one category of Amazon Reviews 2023, holds: {shown}; give the "
            "path of one file to choose"
        )
    return next(iter(names))


def _metadata(folder: Path, category: str, config: FilesConfig) -> ItemFile | None:
    """The metadata beside the log: `meta_<category>.*`, or the only `meta_*` file."""
    files = sorted(file for file in folder.glob("meta_*") if layout_of(file) is not None)
    own = [file for file in files if file.name.split(".")[0] == f"meta_{category}"]
    choices = own or (files if len(files) == 1 else [])
    path = Path(config.items_path) if config.items_path else next(iter(choices), None)
    layout = None if path is None else layout_of(path)
    if path is None or layout is None:
        return None
    own_fields = tuple((name, name) for name in config.more_fields)
    fields = (("categories", "categories"), ("store", "store"), *own_fields)
    return ItemFile(path, layout, _ID, "title", fields, config.more_fields)
