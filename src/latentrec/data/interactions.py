"""Interactions: the one table that all sources become, sorted by user, time and input row."""

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Final, final

import numpy as np
import numpy.typing as npt
import polars as pl

from latentrec.config import FilesConfig
from latentrec.data.codes import encoded, id_codes, sorted_order
from latentrec.data.files import log_from_frame, read_log
from latentrec.data.item_table import ItemTable, item_file, read_items, table_from_frame
from latentrec.data.raw import RawLog, join_logs
from latentrec.data.report import ReadReport
from latentrec.data.sources.detect import find_source
from latentrec.data.sources.prefixes import sequences_from_prefixes
from latentrec.data.sources.source import Parquet, Source
from latentrec.data.sources.table import columns_of
from latentrec.data.validate import describe_bad_rows, validate
from latentrec.errors import DataError

BAD_ROWS_FILE: Final = "bad_rows.csv"
"""Name of the file that lists bad rows."""


@final
@dataclass(frozen=True)
class Interactions:
    """User actions in their final order, and the item table found beside them.

    Attributes:
        frame: Columns user_id and item_id (text; an Enum where read from files or frames),
            timestamp (milliseconds since 1970), and where the source has them rating (float) and
            part (train, valid or test); sorted by user, time and input row.
        report: What was read.
        items: Item table; None without one.
        low_ratings: Rows that are missing here because their rating is not above `rating_above`.
    """

    frame: pl.DataFrame
    report: ReadReport
    items: ItemTable | None = None
    low_ratings: int = 0

    @cached_property
    def offsets(self) -> npt.NDArray[np.int64]:
        """Where each user's rows start, and the end of the last, shape (U + 1,)."""
        lengths = self.frame["user_id"].rle().struct.field("len").to_numpy()
        return np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths, dtype=np.int64)])

    @property
    def user_ids(self) -> npt.NDArray[np.str_]:
        """Distinct user ids in the order of the rows, shape (U,)."""
        ids = self.frame["user_id"].gather(self.offsets[:-1])
        return np.array(ids.to_list(), dtype=np.str_)


def read_interactions(config: FilesConfig, bad_rows_dir: Path | None = None) -> Interactions:
    """Read the log (and the item table) that a configuration names.

    Low ratings are left out before anything is sorted, which is most of the work.

    Args:
        config: Files, columns and rules.
        bad_rows_dir: Where `bad_rows.csv` goes with `bad_rows = "report"`; default: the current
            directory.

    Raises:
        DataError: If a file is missing or unreadable, a column is missing, or rows break a rule.
    """
    source = find_source(config)
    checked = _checked(_read_logs(source), source, config, bad_rows_dir)
    items = None if source.items is None else read_items(source.items)
    return _interactions(checked, items)


def interactions_from_frame(
    frame: Any, config: FilesConfig | None = None, items: Any = None
) -> Interactions:
    """Interactions from a Polars or pandas frame.

    Args:
        frame: The log, one row an interaction; the row order counts where times are equal.
        config: Column names and rules; its path is not read. Default: the standard names.
        items: Item table, also a Polars or pandas frame.

    Raises:
        DataError: If a column is missing or rows break a rule.

    Example:
        >>> log = pl.DataFrame({"user_id": [1], "item_id": ["a"], "timestamp": [881250949]})
        >>> interactions_from_frame(log).frame.row(0)
        ('1', 'a', 881250949000)
    """
    config = config or FilesConfig(path="frame")
    source = Source("data frame", (), columns_of(config))
    log = log_from_frame(_as_polars(frame), source.columns, "frame")
    names = item_file(Path("item frame"), Parquet(), config)
    table = None if items is None else table_from_frame(_as_polars(items), names)
    return _interactions(_checked(log, source, config, None), table)


def _as_polars(frame: Any) -> pl.DataFrame:
    if isinstance(frame, pl.LazyFrame):
        return frame.collect()
    if isinstance(frame, pl.DataFrame):
        return frame
    if hasattr(frame, "iloc") and hasattr(frame, "columns"):
        return pl.from_pandas(frame)
    raise DataError(f"frame of type {type(frame).__name__}: must be a Polars or pandas frame")


def _read_logs(source: Source) -> RawLog:
    log = join_logs([read_log(file, source.columns) for file in source.logs])
    return sequences_from_prefixes(log, source.item_names) if source.prefixes else log


def _checked(
    log: RawLog, source: Source, config: FilesConfig, bad_rows_dir: Path | None
) -> tuple[pl.DataFrame, ReadReport]:
    """The sound rows in input order without low ratings, and the report; bad rows are dealt with.

    Nothing holds on to the raw rows, the largest thing of all, once they have been checked.
    """
    if log.rows == log.blank:
        raise DataError(f"{', '.join(log.files)}: has no rows")
    names = {"rating": source.columns.rating or "rating"} | dict(source.columns.needed())
    unit = "ms" if source.prefixes else config.time_unit
    checked = validate(log, names, unit, config.rating_above is not None)
    bad_rows_file = _handle_bad_rows(checked.bad, log.rows, config, bad_rows_dir)
    if len(checked.frame) + len(checked.bad) + log.blank != log.rows:
        raise AssertionError("rows in = accepted + bad + blank")
    if len(checked.frame) == 0:
        raise DataError(
            f"{', '.join(log.files)}: no row is left after {len(checked.bad):,} bad ones; see "
            f"{bad_rows_file}"
        )
    report = ReadReport(
        found=source.found,
        files=log.files,
        rows=log.rows,
        time_unit="position" if source.prefixes else checked.time_unit,
        blank=log.blank,
        bad=len(checked.bad),
        bad_rows_file=bad_rows_file,
        notes=(*source.notes, *checked.notes),
    )
    frame = checked.frame
    del log, checked
    frame = _above(frame, config.rating_above)
    return _encoded(frame), report


def _above(frame: pl.DataFrame, limit: float | None) -> pl.DataFrame:
    """Rows with a rating above the limit; all where a history column is compared with them."""
    if limit is None or "rating" not in frame.columns or "history" in frame.columns:
        return frame
    return frame.filter(pl.col("rating") > limit)


def _encoded(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.with_columns(encoded(frame[name]) for name in ("user_id", "item_id"))


def _interactions(
    checked: tuple[pl.DataFrame, ReadReport], items: ItemTable | None
) -> Interactions:
    """The rows in their final order."""
    frame, report = checked
    sound = report.rows - report.bad - report.blank
    low_ratings = sound - len(frame)
    frame = _sorted(frame)
    report = replace(report, notes=(*report.notes, *_history_notes(frame)))
    return Interactions(frame.drop("history", strict=False), report, items, low_ratings)


def _history_notes(frame: pl.DataFrame) -> list[str]:
    """What comparing a history column with the rows before gives."""
    if "history" not in frame.columns:
        return []
    first = pl.col("user_id") != pl.col("user_id").shift(1)
    before = pl.col("history").fill_null("") + " " + pl.col("item_id").cast(pl.String)
    expected = pl.when(first.fill_null(True)).then(pl.lit("")).otherwise(before.shift(1))
    differing = frame.select((pl.col("history").fill_null("") != expected.str.strip_chars()).sum())
    return [
        f"the history column differs from the user's earlier rows in {differing.item():,} of "
        f"{len(frame):,} rows; histories are built from the rows"
    ]


def _handle_bad_rows(
    bad: pl.DataFrame, rows: int, config: FilesConfig, folder: Path | None
) -> str | None:
    """Refuse bad rows, or write them to a file; returns its path."""
    if len(bad) == 0:
        return None
    if config.bad_rows == "fail":
        raise DataError(describe_bad_rows(bad, rows))
    path = (folder or Path()) / BAD_ROWS_FILE
    path.parent.mkdir(parents=True, exist_ok=True)
    bad.write_csv(path)
    return str(path)


def _sorted(frame: pl.DataFrame) -> pl.DataFrame:
    """Rows by user, time, part of a given split, and input row; times in milliseconds."""
    keys = [id_codes(frame["user_id"])[1], frame["micros"].to_numpy()]
    if "part" in frame.columns:
        places = {"train": 0, "valid": 1, "test": 2}
        keys.append(frame["part"].replace_strict(places, return_dtype=pl.Int64).to_numpy())
    order = pl.Series(sorted_order(keys), dtype=pl.UInt32)
    milliseconds = (pl.col("micros") // 1000).alias("timestamp")
    optional = [name for name in ("rating", "part", "history") if name in frame.columns]
    return frame.select("user_id", "item_id", milliseconds, *optional).select(
        pl.all().gather(order)
    )
