"""Offline: recommend for a Parquet file of histories, block by block, and resumable."""

import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias, final

import polars as pl

from latentrec.errors import ConfigError, DataError
from latentrec.recommend import Recommendations
from latentrec.train.atomic import sha256, write_text

Recommend: TypeAlias = Callable[[list[list[str]]], list[Recommendations]]
"""Histories to recommendations: `Run.recommend` with all else fixed."""

BLOCK: Final = 8192
"""Histories that are read, scored and written together."""
USER, HISTORY, JOB = "user_id", "history", "job.json"


@final
@dataclass(frozen=True)
class Job:
    """What is to be scored.

    Attributes:
        source: Parquet file with a column `history` (lists of item ids) and perhaps `user_id`.
        target: Parquet file to write.
        layout: `lists`: one row a history. `long`: one row a recommended item.
        asked: What else decides the answers, weights included; a job goes on only if it is equal.
        block: Histories that are read, scored and written together.
    """

    source: Path
    target: Path
    layout: Literal["lists", "long"] = "lists"
    asked: dict[str, Any] = field(default_factory=dict[str, Any])
    block: int = BLOCK

    @property
    def parts(self) -> Path:
        """Folder of the finished blocks; gone once the target is there."""
        return self.target.with_name(f"{self.target.name}.parts")


def score_file(job: Job, recommend: Recommend) -> Iterator[tuple[int, int]]:
    """Score all histories of a file; iterate to the end.

    Memory holds one block. Finished blocks lie beside the target, so that the same call after an
    interruption goes on, and gives what an uninterrupted one gives. The target appears whole.

    Yields:
        Histories done so far, and all of them.

    Raises:
        DataError: If the source is no Parquet file of histories.
        ConfigError: If finished blocks beside the target come from another job.
    """
    total, keyed = _look(job.source)
    _open_parts(job)
    for start in range(0, total, job.block):
        part = job.parts / f"{start:012d}.parquet"
        if not part.exists():
            frame = _answers(job, start, keyed, recommend)
            frame.write_parquet(part.with_suffix(".tmp"))
            part.with_suffix(".tmp").replace(part)
        yield min(start + job.block, total), total
    _join(job, keyed)


def _look(source: Path) -> tuple[int, bool]:
    """Number of histories, and whether they have user ids.

    Raises:
        DataError: If this is no Parquet file of histories.
    """
    try:
        scan = pl.scan_parquet(source)
        schema = scan.collect_schema()
        total = int(scan.select(pl.len()).collect().item())
    except (OSError, pl.exceptions.PolarsError) as error:
        reason = str(error).splitlines()[0][:200]
        raise DataError(f"{source}: not readable as Parquet ({reason})") from None
    if schema.get(HISTORY) != pl.List(pl.String):
        found = ", ".join(f"{name}: {kind}" for name, kind in schema.items())[:200]
        raise DataError(
            f"{source}: needs a column '{HISTORY}' with lists of texts, oldest first; has {found}"
        )
    return total, USER in schema


def _open_parts(job: Job) -> None:
    """Make the folder of parts, or check that the one there is of this job."""
    note = {
        **job.asked,
        "input_sha256": sha256(job.source),
        "layout": job.layout,
        "block": job.block,
    }
    path = job.parts / JOB
    if not path.exists():
        job.parts.mkdir(parents=True, exist_ok=True)
        write_text(path, json.dumps(note))
        return
    before = json.loads(path.read_text(encoding="utf-8"))
    changed = [name for name in note | before if note.get(name) != before.get(name)]
    if changed:
        raise ConfigError(
            f"{job.parts}: holds part of another job ({', '.join(changed)} changed); repeat that "
            "job to finish it, delete the folder, or take another --output"
        )


def _answers(job: Job, start: int, keyed: bool, recommend: Recommend) -> pl.DataFrame:
    """The answers of one block."""
    columns = [USER, HISTORY] if keyed else [HISTORY]
    frame = pl.scan_parquet(job.source).select(columns).slice(start, job.block).collect()
    histories: list[Any] = frame[HISTORY].to_list()
    for row, history in enumerate(histories):
        if history is None or None in history:
            raise DataError(f"{job.source}, row {start + row + 1}: the history holds a null")
    numbers = pl.Series("row", range(start, start + len(frame)), dtype=pl.Int64)
    users = frame[USER] if keyed else numbers
    found = recommend(histories)
    lists = _lists(users if keyed else None, found)
    return lists if job.layout == "lists" else _long(users, lists)


def _lists(users: pl.Series | None, found: Sequence[Recommendations]) -> pl.DataFrame:
    columns = {
        "item_ids": pl.Series([each.item_ids for each in found], dtype=pl.List(pl.String)),
        "scores": pl.Series([each.scores for each in found], dtype=pl.List(pl.Float32)),
        "unknown_items": pl.Series([e.unknown_items for e in found], dtype=pl.List(pl.String)),
        "source": pl.Series([each.source for each in found], dtype=pl.String),
    }
    return pl.DataFrame(columns if users is None else {USER: users, **columns})


def _long(users: pl.Series, lists: pl.DataFrame) -> pl.DataFrame:
    """One row an item: whose, which place, which item, which score."""
    ranks = pl.int_ranges(1, pl.col("item_ids").list.len() + 1).alias("rank")
    return (
        lists.select(users, ranks, item_id="item_ids", score="scores", source="source")
        .filter(pl.col("item_id").list.len() > 0)
        .explode("rank", "item_id", "score")
    )


def _join(job: Job, keyed: bool) -> None:
    """All parts as one file in the place of the target, streaming."""
    parts = sorted(job.parts.glob("*.parquet"))
    beside = job.parts / "all.tmp"
    if parts:
        pl.scan_parquet(parts).sink_parquet(beside, maintain_order=True)
    else:
        _answers(job, 0, keyed, lambda _: []).write_parquet(beside)
    beside.replace(job.target)
    shutil.rmtree(job.parts)
