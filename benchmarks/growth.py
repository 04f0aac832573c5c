"""How the time of an epoch grows with interactions, catalogue, length, streams and steps.

Each line changes one number of the base; every update is real, evaluation is left out.

    python benchmarks/growth.py [TURNS]
"""

import sys
from functools import partial
from typing import Any

from _measure import interleaved, measured, write_results
from _models import drawn_batches, make, train

BASE: dict[str, int] = {"users": 500, "items": 5000, "mean": 15, "streams": 2, "steps": 2}
CHANGES: list[dict[str, int]] = [
    {},
    {"users": 1000},
    {"items": 10_000},
    {"items": 20_000},
    {"mean": 30},
    {"streams": 1},
    {"streams": 4},
    {"steps": 1},
    {"steps": 4},
]


def epoch(users: int, items: int, mean: int, streams: int, steps: int) -> Any:
    """The work of one epoch of PLR."""
    found = make("plr", items, 64, reasoner={"streams": streams, "steps": steps})
    batches = drawn_batches(users, items, "all", 128, users, mean)
    train(*found, batches[:1])
    return partial(train, *found, batches)


def main(turns: int = 1) -> None:
    ways = {
        ", ".join(f"{k} {v:,}" for k, v in change.items()) or "base": partial(
            measured, epoch(**(BASE | change))
        )
        for change in CHANGES
    }
    found = interleaved(ways, turns)
    base = found["base"]
    rows = [
        {
            "changed": name,
            "targets": usage.value,
            "CPU seconds of an epoch": usage.cpu_s,
            "base = 1": usage.cpu_s / base.cpu_s,
            "a target, base = 1": usage.cpu_s / usage.value * base.value / base.cpu_s,
        }
        for name, usage in found.items()
    ]
    base_words = ", ".join(f"{name} {value:,}" for name, value in BASE.items())
    notes = [f"base: PLR, d = 64, {base_words}", f"medians of {turns} interleaved epochs"]
    write_results("growth", "The time of an epoch of PLR", rows, notes)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
