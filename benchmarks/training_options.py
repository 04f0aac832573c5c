"""A training step as it is, in bf16, and through torch.compile.

One batch of 128 histories of 30 items, forward, backward and Adam, after a first step that compiles
and makes Adam's state. What cannot be compiled is named with its error.

    OMP_NUM_THREADS=1 python benchmarks/training_options.py [TURNS]
"""

import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from _measure import Usage, interleaved, measured, write_results
from _models import make

HISTORIES, LENGTH = 128, 30
SIZES = (("none", 64, 12_000), ("plr", 64, 12_000), ("plr", 256, 20_000))


def _batch(items: int) -> Any:
    import torch

    from latentrec.data.batch import Batch

    torch.manual_seed(0)
    drawn = torch.randint(2, items + 2, (HISTORIES, LENGTH + 1))
    positions = torch.arange(LENGTH).expand(HISTORIES, LENGTH).contiguous()
    return Batch(drawn[:, :-1].contiguous(), positions, drawn[:, 1:].contiguous())


def step(kind: str, dim: int, items: int, bf16: bool, compiled: bool) -> Callable[[], None]:
    """The work of one update."""
    import torch

    from latentrec.train.loop import TrainingStep

    model, objective, optimiser = make(kind, items, dim)
    whole: Any = TrainingStep(model, objective)
    if compiled:
        whole = torch.compile(whole)
    batch = _batch(items)

    def work() -> None:
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            losses = whole(batch, 0)
        optimiser.zero_grad()
        losses.total.backward()
        optimiser.step()

    return work


WAYS = {"float32": (False, False), "bf16": (True, False), "torch.compile": (False, True)}


def _first(work: Callable[[], None]) -> float | str:
    """Seconds of the first step, or the name of the error that it ends with."""
    started = time.perf_counter()
    try:
        work()
    except Exception as error:  # a compiler fails in many ways, and which one is the result
        return type(error).__name__
    return time.perf_counter() - started


def compare(kind: str, dim: int, items: int, turns: int) -> list[dict[str, Any]]:
    """The rows of one model."""
    works = {name: step(kind, dim, items, *options) for name, options in WAYS.items()}
    firsts = {name: _first(work) for name, work in works.items()}
    runs = {
        name: partial(measured, work)
        for name, work in works.items()
        if not isinstance(firsts[name], str)
    }
    found: dict[str, Usage] = interleaved(runs, turns)
    base = found["float32"].cpu_s
    return [
        {
            "model": f"{kind}, d = {dim}, N = {items:,}",
            "way": name,
            "first step s": firsts[name],
            "CPU ms a step": 1000 * found[name].cpu_s if name in found else "",
            "times faster": base / found[name].cpu_s if name in found else "",
        }
        for name in works
    ]


def main(turns: int = 3) -> None:
    rows = [row for size in SIZES for row in compare(*size, turns)]
    notes = [f"{HISTORIES} histories of {LENGTH} items, exact loss; medians of {turns} turns"]
    write_results("training_options", "Ways to run a training step", rows, notes)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
