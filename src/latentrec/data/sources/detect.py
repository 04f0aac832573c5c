"""Which source a path is, from file names alone."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

from latentrec.config import FilesConfig
from latentrec.data.sources.amazon2023 import amazon_source
from latentrec.data.sources.movielens import movielens_source
from latentrec.data.sources.recbole import recbole_source
from latentrec.data.sources.source import Source
from latentrec.data.sources.table import find_file, known_endings, table_source
from latentrec.errors import DataError

_READERS: Final[dict[str, Callable[[Path, FilesConfig], Source]]] = {
    "table": table_source,
    "movielens": movielens_source,
    "amazon-2023": amazon_source,
    "recbole": recbole_source,
}


def find_source(config: FilesConfig) -> Source:
    """The source that a configuration names.

    Raises:
        DataError: If the path does not exist or holds nothing that a reader knows.
    """
    path = Path(config.path)
    if not path.exists():
        raise DataError(f"{path}: does not exist")
    name = detect(path) if config.format == "auto" else config.format
    return _READERS[name](path, config)


def detect(path: Path) -> str:
    """Name of the reader for a file or folder.

    Raises:
        DataError: If a folder holds nothing that a reader knows.
    """
    names = [path.name] if path.is_file() else sorted(entry.name for entry in path.iterdir())
    if path.is_dir() and find_file(path, "interactions"):
        return "table"
    if any(name in ("ratings.dat", "u.data") for name in names):
        return "movielens"
    if any(name.endswith(".inter") for name in names):
        return "recbole"
    if path.is_dir() and {"ratings.csv", "movies.csv"} <= set(names):
        return "movielens"
    if any(".train.csv" in name for name in names) or any(n.startswith("meta_") for n in names):
        return "amazon-2023"
    if path.is_file():
        return "table"
    shown = ", ".join(name[:40] for name in names[:10]) or "nothing"
    raise DataError(
        f"{path}: no known data set; the folder holds: {shown}. It needs interactions.<ending> "
        f"({known_endings()}), or the files of MovieLens, Amazon Reviews 2023 or RecBole"
    )
