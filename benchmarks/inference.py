"""PLR's reasoning (M = T = 2) against SASRec: the ranking state of full histories of 50 items.

The plain SASRec computes its last layer at every position, as published code does; ours only where
it is read. Scoring the catalogue costs all three the same and is left out.

    python benchmarks/inference.py [TURNS]
"""

import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

from _measure import write_results
from _models import make

LONGEST, ITEMS, DIM = 50, 20_000, 256
SIZES = {1: 20, 64: 2, 1024: 1}
"""Calls of one turn for each batch size."""


def contenders(size: int) -> dict[str, Callable[[], Any]]:
    """What computes the ranking states of a batch."""
    import torch

    items = torch.randint(2, ITEMS + 2, (size, LONGEST))
    last = torch.full((size, 1), LONGEST - 1)
    sasrec, plr = (make(reasoner, ITEMS, DIM)[0].eval() for reasoner in ("none", "plr"))
    return {
        "plain SASRec": lambda: sasrec.reason(sasrec.encode(items), last).infer_state,
        "our SASRec": lambda: sasrec(items, last).infer_state,
        "PLR": lambda: plr(items, last).infer_state,
    }


def medians(ways: dict[str, Callable[[], Any]], calls: int, turns: int) -> dict[str, float]:
    """Median CPU seconds of a call; contenders take turns."""
    import torch

    taken: dict[str, list[float]] = {name: [] for name in ways}
    with torch.inference_mode():
        for work in ways.values():
            work()
        for _ in range(turns):
            for name, work in ways.items():
                started = time.process_time()
                for _ in range(calls):
                    work()
                taken[name].append((time.process_time() - started) / calls)
    return {name: statistics.median(times) for name, times in taken.items()}


def main(turns: int = 9) -> None:
    rows: list[dict[str, Any]] = []
    for size, calls in SIZES.items():
        found = medians(contenders(size), calls, turns)
        for name, seconds in found.items():
            rows.append(
                {
                    "histories": size,
                    "model": name,
                    "CPU ms a call": 1000 * seconds,
                    "plain SASRec = 1": seconds / found["plain SASRec"],
                    "our SASRec = 1": seconds / found["our SASRec"],
                }
            )
    notes = [
        f"d = {DIM}, 2 layers, {LONGEST} items a history; nothing compiled",
        f"medians of {turns} turns of {', '.join(map(str, SIZES.values()))} calls each",
    ]
    write_results("inference", "Ranking states of PLR and SASRec", rows, notes)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
