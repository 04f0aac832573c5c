"""MovieLens: `ratings.dat` with `::`, `ratings.csv`, or `u.data`; genres are the categories."""

from pathlib import Path
from typing import Final

from latentrec.config import FilesConfig
from latentrec.data.item_table import LEVEL_SEPARATOR
from latentrec.data.raw import Columns
from latentrec.data.sources.source import Delimited, ItemFile, LogFile, Source
from latentrec.errors import DataError

_RATING_FIELDS: Final = ("userId", "movieId", "rating", "timestamp")
_MOVIE_FIELDS: Final = ("movieId", "title", "genres")
_NO_FIELDS: Final = "the genre flags of u.item are not read, only the titles"
_NO_GENRE: Final = "(no genres listed)"
_U_ITEM_FIELDS: Final = ("movieId", "title", *(f"field{place}" for place in range(22)))

_VARIANTS: Final = {
    "ratings.dat": (
        Delimited("::", quoted=False, header=_RATING_FIELDS),
        "movies.dat",
        Delimited("::", quoted=False, header=_MOVIE_FIELDS, latin1=True),
    ),
    "ratings.csv": (Delimited(","), "movies.csv", Delimited(",")),
    "u.data": (
        Delimited("\t", quoted=False, header=_RATING_FIELDS),
        "u.item",
        Delimited("|", quoted=False, header=_U_ITEM_FIELDS, latin1=True),
    ),
}
"""By name of the ratings file: its layout, the name of the movie file and its layout."""


def movielens_source(path: Path, config: FilesConfig) -> Source:
    """A MovieLens folder, or the ratings file in one.

    Raises:
        DataError: If there is no ratings file.
    """
    folder, names = (path, tuple(_VARIANTS)) if path.is_dir() else (path.parent, (path.name,))
    for name in names:
        if name in _VARIANTS and (folder / name).is_file():
            layout, movies, movies_layout = _VARIANTS[name]
            items = Path(config.items_path) if config.items_path else folder / movies
            return Source(
                f"MovieLens {name}" + (f" with {items.name}" if items.is_file() else ""),
                (LogFile(folder / name, layout),),
                Columns(*_RATING_FIELDS[:2], "timestamp", "rating"),
                _movies(items, movies_layout) if items.is_file() else None,
                notes=(_NO_FIELDS,) if name == "u.data" and items.is_file() else (),
            )
    raise DataError(f"{path}: no MovieLens ratings file; known names: {', '.join(_VARIANTS)}")


def _movies(path: Path, layout: Delimited) -> ItemFile:
    return ItemFile(
        path,
        layout,
        item="movieId",
        title="title",
        fields=(("categories", "genres"),),
        level_separator=LEVEL_SEPARATOR,
        nothing=(_NO_GENRE,),
    )
