"""A training step as it is, in bf16, and of SASRec through torch.compile.

One batch of 128 histories of 30 items, forward, backward and Adam, after a first step that compiles
and makes Adam's state. PLR is not compiled: it cuts its second view to lengths that differ from
step to step, and each is compiled anew; a first step took longer than two minutes.

    OMP_NUM_THREADS=1 python benchmarks/training_options.py [TURNS]
"""

import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from _measure import interleaved, measured, write_results
from _models import full_batch, make

HISTORIES, LENGTH = 128, 30
SIZES = (
    ("none", 64, 12_000),
    ("none", 256, 20_000),
    ("plr", 64, 12_000),
    ("plr", 256, 20_000),
)


def step(kind: str, dim: int, items: int, bf16: bool, compiled: bool) -> Callable[[], None]:
    """The work of one update."""
    import torch

    from latentrec.train.loop import TrainingStep

    model, objective, optimiser = make(kind, items, dim)
    whole: Any = TrainingStep(model, objective)
    if compiled:
        whole = torch.compile(whole)
    batch = full_batch(items, HISTORIES, LENGTH)

    def work() -> None:
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            losses = whole(batch, 0)
        optimiser.zero_grad()
        losses.total.backward()
        optimiser.step()

    return work


WAYS = {"float32": (False, False), "bf16": (True, False), "torch.compile": (False, True)}


def _first(work: Callable[[], None]) -> float:
    """Seconds of the first step."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def compare(kind: str, dim: int, items: int, turns: int) -> list[dict[str, Any]]:
    """The rows of one model."""
    works = {
        name: step(kind, dim, items, bf16, compiled)
        for name, (bf16, compiled) in WAYS.items()
        if kind == "none" or not compiled
    }
    firsts = {name: _first(work) for name, work in works.items()}
    found = interleaved({name: partial(measured, work) for name, work in works.items()}, turns)
    base = found["float32"].cpu_s
    return [
        {
            "model": f"{kind}, d = {dim}, N = {items:,}",
            "way": name,
            "first step s": firsts[name],
            "CPU ms a step": 1000 * found[name].cpu_s,
            "times faster": base / found[name].cpu_s,
        }
        for name in works
    ]


def main(turns: int = 2) -> None:
    rows = [row for size in SIZES for row in compare(*size, turns)]
    notes = [f"{HISTORIES} histories of {LENGTH} items, exact loss; medians of {turns} turns"]
    write_results("training_options", "Ways to run a training step", rows, notes)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
