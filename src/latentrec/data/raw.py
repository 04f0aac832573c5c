"""RawLog: the rows of a log as they stand in the files, with file and line, before any rule."""

from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias, final

import polars as pl

Part: TypeAlias = Literal["train", "valid", "test"]

BAD_ROW_SCHEMA: Final = pl.Schema(
    {
        "file": pl.String,
        "line": pl.Int64,
        "column": pl.String,
        "value": pl.String,
        "rule": pl.String,
    }
)
"""Columns of a list of bad rows; `value` is cut to `SHOWN` characters."""
SHOWN: Final = 60
"""Longest value that a message or a list of bad rows shows."""


@final
@dataclass(frozen=True)
class Columns:
    """Names of the columns of a log; None where the log has no such column."""

    user: str
    item: str
    time: str | None
    rating: str | None
    history: str | None = None

    def needed(self) -> list[tuple[str, str]]:
        """Pairs of our name and the log's name; the log must have all of them."""
        pairs = [("user_id", self.user), ("item_id", self.item)]
        return pairs + ([("timestamp", self.time)] if self.time else [])

    def wanted(self, present: list[str]) -> list[tuple[str, str]]:
        """Pairs of our name and the log's name, with the optional columns that are `present`."""
        optional = [("rating", self.rating), ("history", self.history)]
        return self.needed() + [(ours, name) for ours, name in optional if name and name in present]


@final
@dataclass(frozen=True)
class RawLog:
    """Rows of one or several files.

    Attributes:
        frame: Columns user_id, item_id, timestamp, and where the log has them rating, history and
            part; then `file` (place in `files`) and `line` (from 1).
        files: Names of the files.
        rows: Rows in the files: those of `frame`, of `bad`, and blank ones.
        blank: Blank lines.
        bad: Rows that could not even be cut into fields.
        text: Whether the values were read from text, where `nan` stands for nothing.
    """

    frame: pl.DataFrame
    files: tuple[str, ...]
    rows: int
    blank: int = 0
    bad: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=BAD_ROW_SCHEMA))
    text: bool = True


def join_logs(logs: list[RawLog]) -> RawLog:
    """Several logs one after another, in the given order."""
    if len(logs) == 1:
        return logs[0]
    starts = [sum(len(log.files) for log in logs[:place]) for place in range(len(logs))]
    frames = [
        log.frame.with_columns(file=pl.col("file") + start)
        for log, start in zip(logs, starts, strict=True)
    ]
    return RawLog(
        pl.concat(frames, how="diagonal_relaxed"),
        tuple(name for log in logs for name in log.files),
        sum(log.rows for log in logs),
        sum(log.blank for log in logs),
        pl.concat([log.bad for log in logs]),
        any(log.text for log in logs),
    )
