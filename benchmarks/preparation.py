"""Preparation of an interaction log against plain pandas: time, memory, memory per million rows.

Both read the same file and do the same: rating above 3, no duplicates, 5-core to its fixed point,
sort by user and time, item index from training, leave-one-out, flat arrays with offsets. latentrec
also checks every row, looks for leaks and writes a report; the arrays must come out equal.

A million rows keep `make bench` short; the figure that counts is that of ten million.

    python benchmarks/preparation.py [ROWS [TURNS]]    # 10000000 3
"""

import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from _measure import MIB, alone, interleaved, usage_columns, write_results

LEAST = 5
USERS_PER_ROW, ITEMS_PER_ROW = 0.06, 0.02


def write_log(folder: str, rows: int) -> Callable[[], None]:
    """Random users and times, items by a power law, as Parquet and as CSV."""
    import numpy as np
    import polars as pl

    rng = np.random.default_rng(0)
    items = max(100, int(rows * ITEMS_PER_ROW))
    frame = pl.DataFrame(
        {
            "user_id": rng.integers(0, max(10, int(rows * USERS_PER_ROW)), rows),
            "item_id": np.minimum(rng.pareto(0.7, rows) * 20, items - 1).astype(np.int64),
            "timestamp": rng.integers(1_300_000_000, 1_600_000_000, rows),
            "rating": rng.integers(1, 6, rows),
        }
    ).with_columns(pl.format("u{}", "user_id"), pl.format("B{}", "item_id"))

    def write() -> None:
        frame.write_parquet(Path(folder) / "log.parquet")
        frame.write_csv(Path(folder) / "log.csv")

    return write


def ours(path: str) -> Callable[[], Any]:
    from latentrec.config import FilesConfig, LeaveOneOutConfig
    from latentrec.data.prepare import prepare

    rules = FilesConfig(
        path=path, rating_above=3, min_user_interactions=LEAST, min_item_interactions=LEAST
    )

    def work() -> list[int]:
        dataset = prepare(rules, LeaveOneOutConfig()).dataset
        return _summary(dataset.items, dataset.offsets, len(dataset.index))

    return work


def with_pandas(path: str) -> Callable[[], Any]:
    import numpy as np
    import pandas as pd

    def work() -> list[int]:
        frame = pd.read_parquet(path) if path.endswith(".parquet") else pd.read_csv(path)
        frame = frame[frame["rating"] > 3].drop(columns="rating")
        frame = frame.drop_duplicates(["user_id", "item_id", "timestamp"])
        rows = 0
        while len(frame) != rows:
            rows = len(frame)
            users = frame["user_id"].map(frame["user_id"].value_counts())
            items = frame["item_id"].map(frame["item_id"].value_counts())
            frame = frame[(users >= LEAST) & (items >= LEAST)]
        frame = frame.sort_values(["user_id", "timestamp"], kind="stable")
        behind = frame.groupby("user_id", sort=False).cumcount(ascending=False)
        known = np.sort(frame.loc[behind >= 2, "item_id"].unique())
        frame = frame[frame["item_id"].isin(known)]
        items = pd.Categorical(frame["item_id"], categories=known).codes.astype(np.int32) + 2
        lengths = frame.groupby("user_id", sort=False).size().to_numpy()
        return _summary(items, np.concatenate([[0], np.cumsum(lengths)]), len(known))

    return work


def _summary(items: Any, offsets: Any, known: int) -> list[int]:
    """What shows that both made the same arrays."""
    import numpy as np

    places = np.arange(1, len(items) + 1, dtype=np.uint64)
    checksum = int((items.astype(np.uint64) * places).sum())
    return [len(items), len(offsets) - 1, known, checksum, int(offsets.sum())]


def main(rows: int, repeats: int = 3) -> None:
    table: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        alone(write_log, folder, rows)
        for ending in ("parquet", "csv"):
            path = str(Path(folder) / f"log.{ending}")
            ways = {
                "latentrec": partial(alone, ours, path),
                "pandas": partial(alone, with_pandas, path),
            }
            found = interleaved(ways, repeats)
            if found["latentrec"].value != found["pandas"].value:
                raise SystemExit(f"the arrays differ: { {n: u.value for n, u in found.items()} }")
            for name, usage in found.items():
                more = {
                    "extra MiB per million rows": usage.extra_bytes / MIB / rows * 1e6,
                    "times faster (clock)": found["pandas"].wall_s / usage.wall_s,
                    "times faster (CPU)": found["pandas"].cpu_s / usage.cpu_s,
                }
                table.append({"file": ending, "way": name, **usage_columns(usage), **more})
    write_results(
        "preparation",
        f"Preparation of {rows:,} interactions",
        table,
        [f"medians of {repeats} turns, each in a fresh process; both make the same arrays"],
    )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:] or ["1000000"]))
