"""Prefix rows (user, history, next item) back to whole sequences, with places for times."""

from dataclasses import replace
from pathlib import Path

import polars as pl

from latentrec.data.raw import BAD_ROW_SCHEMA, SHOWN, RawLog
from latentrec.errors import DataError


def sequences_from_prefixes(log: RawLog, item_names: Path | None) -> RawLog:
    """One row an interaction from one row a prefix.

    The rows of a user chain: the history of the next row is this row's history plus its item, cut
    to the longest history of the files. The first row's history and then every row's item give
    the sequence back. A row that does not chain is a bad row.

    Args:
        log: Columns user_id, history (ids with spaces between), item_id, part.
        item_names: File with `name<TAB>number` of each item; the numbers become names.

    Raises:
        DataError: If the file of names lacks a number.
    """
    chained, bad = _chain(log)
    first = chained.filter(pl.col("user_id").is_first_distinct())
    starts = first.with_columns(
        pl.col("history").str.split(" ").alias("item_id"), part=pl.lit("train"), order=-1
    )
    starts = starts.explode("item_id").filter(pl.col("item_id") != "")
    columns = ["user_id", "item_id", "part", "file", "line"]
    rows = pl.concat([starts.select(*columns, "order"), chained.select(*columns, "order")])
    rows = rows.sort("user_id", "order", maintain_order=True)
    place = pl.int_range(pl.len()).over("user_id").alias("timestamp")
    frame = rows.select(*columns[:2], place, *columns[2:])
    if item_names is not None:
        frame = _named(frame, item_names)
    bad = pl.concat([log.bad, bad])
    return replace(log, frame=frame, bad=bad, rows=len(frame) + len(bad) + log.blank)


def _chain(log: RawLog) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Rows of each user from the shortest prefix on, and the rows that do not chain."""
    history = pl.col("history").fill_null("")
    length = pl.when(history == "").then(0).otherwise(history.str.count_matches(" ") + 1)
    part = pl.col("part").fill_null("train") if "part" in log.frame.columns else pl.lit("train")
    rows = log.frame.with_columns(
        history=history,
        length=length.cast(pl.Int64),
        part=part,
        rank=part.replace_strict({"train": 0, "valid": 1, "test": 2}, return_dtype=pl.Int8),
    ).with_row_index("row")
    backwards = -pl.col("row").cast(pl.Int64) if _shrinking(rows) else pl.col("row").cast(pl.Int64)
    rows = rows.sort("user_id", "rank", "length", backwards)
    most = rows["length"].max()
    before = pl.col("user_id") == pl.col("user_id").shift(1)
    whole = pl.concat_str(pl.lit(" "), "history", pl.lit(" "), "item_id").shift(1)
    follows = whole.str.ends_with(pl.concat_str(pl.lit(" "), "history"))
    grown = pl.col("length") == pl.min_horizontal(pl.col("length").shift(1) + 1, pl.lit(most))
    broken = rows.select((before & ~(follows & grown)).fill_null(False)).to_series()
    return rows.filter(~broken).with_row_index("order").with_columns(
        pl.col("order").cast(pl.Int32)
    ), _bad_rows(rows.filter(broken), log.files)


def _shrinking(rows: pl.DataFrame) -> bool:
    """Whether the files write the longest prefix of a user first."""
    same = (pl.col("user_id") == pl.col("user_id").shift(1)) & (
        pl.col("rank") == pl.col("rank").shift(1)
    )
    step = pl.when(same).then(pl.col("length").diff().sign()).sum()
    return rows.select(step).item() < 0


def _bad_rows(rows: pl.DataFrame, files: tuple[str, ...]) -> pl.DataFrame:
    names = pl.Series(files, dtype=pl.String)
    rule = "must continue the row before it: history plus item"
    return pl.DataFrame(
        {
            "file": names.gather(rows["file"]),
            "line": rows["line"],
            "column": pl.Series(["history"] * len(rows), dtype=pl.String),
            "value": rows["history"].str.slice(0, SHOWN),
            "rule": pl.Series([rule] * len(rows), dtype=pl.String),
        },
        schema=BAD_ROW_SCHEMA,
    )


def _named(frame: pl.DataFrame, item_names: Path) -> pl.DataFrame:
    try:
        table = pl.read_csv(
            item_names,
            separator="\t",
            has_header=False,
            new_columns=["name", "number"],
            infer_schema=False,
            quote_char=None,
            glob=False,
        )
        names = dict(zip(table["number"], table["name"], strict=True))
    except (pl.exceptions.PolarsError, OSError):
        raise DataError(
            f"{item_names}: must hold two columns, name and number of each item"
        ) from None
    unknown = frame.filter(~pl.col("item_id").is_in(list(names)))
    if len(unknown):
        raise DataError(f"{item_names}: has no name for item number '{unknown['item_id'][0]}'")
    return frame.with_columns(pl.col("item_id").replace_strict(names))
