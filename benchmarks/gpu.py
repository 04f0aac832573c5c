"""A training step and ranking on a GPU, beside the CPU of the same machine with all its cores.

Every reasoner at two sizes: that of a small log, where a GPU waits for the host most of the time,
and d = 256 with 100,000 items. Without a GPU it says so and ends.

    python benchmarks/gpu.py [TURNS]
"""

import sys
from collections.abc import Callable
from functools import partial
from typing import Any

from _measure import MIB, interleaved, measured, write_results
from _models import full_batch, histories, make

KINDS = ("none", "erl", "prl", "lares", "plr")
LENGTH = 50
SIZES = ((64, 12_000, 64), (256, 100_000, 128))
"""Hidden size, items, histories of a batch."""
STEPS = 5
RANKED = 2_048
"""Histories that are ranked."""


def training(
    kind: str, dim: int, items: int, size: int, device: str, bf16: bool
) -> Callable[[], None]:
    """The work of some updates."""
    import torch

    from latentrec.build import build_optimiser
    from latentrec.config import TrainConfig
    from latentrec.train.loop import TrainingStep

    model, objective, _ = make(kind, items, dim)
    step = TrainingStep(model, objective).to(device)
    optimiser = build_optimiser(model, TrainConfig())
    batch = full_batch(items, size, LENGTH).to(torch.device(device))

    def work() -> None:
        for _ in range(STEPS):
            with torch.autocast(device, torch.bfloat16, enabled=bf16):
                losses = step(batch, 0)
            optimiser.zero_grad()
            losses.total.backward()
            optimiser.step()
        _wait(device)

    return work


def ranking(kind: str, dim: int, items: int, device: str) -> Callable[[], None]:
    """The work of finding the best ten of all items for many histories."""
    import torch

    from latentrec.model.recommender import Recommender
    from latentrec.recommend import best
    from latentrec.scorer import ModelScorer

    model: Recommender = make(kind, items, dim)[0].eval().to(device)
    scorer = ModelScorer(model, kind, LENGTH, torch.device(device))
    asked = histories(RANKED, items)

    def work() -> None:
        for start in range(0, RANKED, 64):
            list(best(scorer.scores(asked.block(start, start + 64)), 10))
        _wait(device)

    return work


def _wait(device: str) -> None:
    import torch

    if device == "cuda":
        torch.cuda.synchronize()


def extra_mib(work: Callable[[], None]) -> float:
    """Most GPU memory of some work on top of what lay there: weights, moments, the batch."""
    import torch

    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    work()
    return (torch.cuda.max_memory_allocated() - before) / MIB


def compare(kind: str, dim: int, items: int, size: int, turns: int) -> dict[str, Any]:
    """The row of one model; times of the CPU at the small size only, they are long enough."""
    works = {
        "GPU": training(kind, dim, items, size, "cuda", bf16=False),
        "GPU, bf16": training(kind, dim, items, size, "cuda", bf16=True),
        "GPU ranks": ranking(kind, dim, items, "cuda"),
    }
    if dim == SIZES[0][0]:
        works["CPU"] = training(kind, dim, items, size, "cpu", bf16=False)
    for work in works.values():
        work()
    found = interleaved({name: partial(measured, work) for name, work in works.items()}, turns)
    ms = {name: 1000 * usage.wall_s for name, usage in found.items()}
    return {
        "model": f"{kind}, d = {dim}, N = {items:,}, {size} histories",
        "CPU ms a step": ms["CPU"] / STEPS if "CPU" in ms else "",
        "GPU ms a step": ms["GPU"] / STEPS,
        "times faster": ms["CPU"] / ms["GPU"] if "CPU" in ms else "",
        "bf16, times faster": ms["GPU"] / ms["GPU, bf16"],
        "extra MiB": extra_mib(works["GPU"]),
        "GPU ms to rank a history": ms["GPU ranks"] / RANKED,
    }


def main(turns: int = 3) -> None:
    import torch

    if not torch.cuda.is_available():
        print("no GPU here: nothing to compare")
        return
    rows = [compare(kind, *size, turns) for size in SIZES for kind in KINDS]
    notes = [
        f"histories of {LENGTH} items, exact loss; medians of {turns} turns of {STEPS} steps",
        f"{torch.cuda.get_device_name()} beside {torch.get_num_threads()} threads of the CPU",
    ]
    write_results("gpu", "Training and ranking on a GPU", rows, notes)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
