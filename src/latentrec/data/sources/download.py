"""Download of public data sets, only when asked: to a temporary name, counted, then renamed."""

import re
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable
from http.client import HTTPException
from pathlib import Path
from typing import IO, Final, Literal, TypeAlias

from latentrec.errors import DataError

AMAZON_URL: Final = "https://mcauleylab.ucsd.edu/public_datasets/data/amazon_2023"
"""Folder of Amazon Reviews 2023."""
MOVIELENS_URL: Final = "https://files.grouplens.org/datasets/movielens"
"""Folder of the MovieLens archives."""

AmazonKind: TypeAlias = Literal["5core", "raw"]
MovieLensName: TypeAlias = Literal["ml-100k", "ml-1m", "ml-10m", "ml-20m", "ml-latest-small"]

_CHUNK_BYTES: Final = 1024 * 1024
_TIMEOUT_S: Final = 30.0
_MOVIELENS_FILES: Final = (
    "ratings.dat", "movies.dat", "ratings.csv", "movies.csv", "u.data", "u.item", "README",
    "README.txt", "README.html",
)  # fmt: skip
Say: TypeAlias = Callable[[str], None]


def download_amazon(
    category: str, kind: AmazonKind, folder: Path, max_bytes: int, say: Say, url: str = AMAZON_URL
) -> list[Path]:
    """Download one category of Amazon Reviews 2023, log and metadata.

    Args:
        category: As the data set spells it, for example `All_Beauty`.
        kind: `5core`: the official split with histories; `raw`: all reviews.
        folder: Where the files go; files that are already there are kept.
        max_bytes: Largest file that is accepted.
        say: Called with a line for each file.
        url: Folder of the data set.

    Raises:
        DataError: If the category has a bad name, the server cannot be reached or has no such
            file, or a file is too large.
    """
    if not re.fullmatch(r"[A-Za-z0-9_]{1,64}", category):
        raise DataError(f"category '{category[:64]}': must be letters, digits and _ (All_Beauty)")
    if kind == "5core":
        names = [f"{category}.{part}.csv.gz" for part in ("train", "valid", "test")]
        files = [(name, f"benchmark/5core/timestamp_w_his/{name}") for name in names]
    else:
        files = [(f"{category}.jsonl.gz", f"raw/review_categories/{category}.jsonl.gz")]
    meta = f"meta_{category}.jsonl.gz"
    files.append((meta, f"raw/meta_categories/{meta}"))
    return [fetch(f"{url}/{place}", folder / name, max_bytes, say) for name, place in files]


def download_movielens(
    name: MovieLensName, folder: Path, max_bytes: int, say: Say, url: str = MOVIELENS_URL
) -> list[Path]:
    """Download and unpack one MovieLens data set; see `download_amazon`.

    Raises:
        DataError: If the server cannot be reached, or the archive is too large or not sound.
    """
    archive = fetch(f"{url}/{name}.zip", folder / f"{name}.zip", max_bytes, say)
    try:
        with zipfile.ZipFile(archive) as packed:
            return [
                _unpack(packed, entry, folder / Path(entry.filename).name, max_bytes)
                for entry in packed.infolist()
                if Path(entry.filename).name in _MOVIELENS_FILES
            ]
    except (zipfile.BadZipFile, OSError) as error:
        raise DataError(
            f"{archive}: not a sound zip archive ({error}); delete it and retry"
        ) from None


def fetch(url: str, path: Path, max_bytes: int, say: Say) -> Path:
    """Download one file, unless it is there; a broken download leaves nothing under its name.

    Raises:
        DataError: If the server cannot be reached or has no such file, or the file is too large
            or incomplete.
    """
    if path.exists():
        say(f"{path}: already there")
        return path
    if not url.startswith(("https://", "http://")):
        raise DataError(f"{url}: must start with https:// or http://")
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    try:
        with urllib.request.urlopen(url, timeout=_TIMEOUT_S) as answer, part.open("wb") as file:
            size = answer.headers.get("Content-Length")
            count = _copy(answer, file, max_bytes, url, int(size) if size else None)
    except urllib.error.HTTPError as error:
        error.close()
        raise DataError(
            f"{url}: the server says {error.code} {error.reason}; is the name right?"
        ) from None
    except (urllib.error.URLError, HTTPException, TimeoutError, ConnectionError) as error:
        why = getattr(error, "reason", error)
        raise DataError(f"{url}: cannot be downloaded ({why}); is this machine online?") from None
    else:
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    say(f"{path}: {count:,} bytes")
    return path


def _copy(source: IO[bytes], file: IO[bytes], most: int, name: str, size: int | None) -> int:
    count = 0
    while chunk := source.read(_CHUNK_BYTES):
        count += len(chunk)
        if max(count, size or 0) > most:
            raise DataError(f"{name}: is larger than {most:,} bytes; allow more with --max-gb")
        file.write(chunk)
    if size is not None and count != size:
        raise DataError(f"{name}: broke off after {count:,} of {size:,} bytes; try again")
    return count


def _unpack(packed: zipfile.ZipFile, entry: zipfile.ZipInfo, path: Path, most: int) -> Path:
    """One file of an archive, flat, by a name that we know."""
    part = path.with_name(path.name + ".part")
    try:
        with packed.open(entry) as source, part.open("wb") as file:
            _copy(source, file, most, f"{entry.filename}", None)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return path
