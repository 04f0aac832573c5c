"""A PLR training step (M = T = 2): all positions at once, prefixes, and the public way.

The public way is written here from the equations: every prefix is a sample padded to 50, and the
divergence broadcasts B x n x n x N. Costs are CPU time for each predicted target.

    python benchmarks/training_step.py [TURNS]
"""

import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from _measure import MIB, Usage, alone, interleaved, write_results
from _models import drawn_batches, make, train

LONGEST = 50


def all_positions(items: int, dim: int, size: int) -> Callable[[], int]:
    """Every position of a history predicts its next item; terms on one position of each."""
    found = make("plr", items, dim)
    return _warmed(found, drawn_batches(32 * size, items, "all", size, 5))


def prefixes(items: int, dim: int, size: int) -> Callable[[], int]:
    """One prefix a sample, those of like length together: train.positions=last."""
    found = make("plr", items, dim)
    return _warmed(found, drawn_batches(2 * size, items, "last", size, 9))


def public_way(items: int, dim: int, size: int) -> Callable[[], int]:
    """One prefix a sample in random order, padded to 50; logits and all pairs are held."""
    import torch.nn.functional as F
    from torch import nn

    from latentrec.data.batch import Batch
    from latentrec.objective.contract import Losses
    from latentrec.objective.terms import reasoning_contrast

    class PublicObjective(nn.Module):
        def forward(self, model: Any, batch: Batch, epoch: int) -> Losses:
            first, second = (self._reason(model, batch) for _ in range(2))
            table = model.items.candidates()
            logits = first.train_state[:, 0] @ table.T
            next_item = F.cross_entropy(logits, batch.targets[:, 0])
            states, others = (reasoned.steps[:, 0].flatten(1, 2) for reasoned in (first, second))
            contrast = reasoning_contrast(states, others, 1.0)
            return Losses(next_item - 0.1 * broadcast_kl(states, table) + 0.1 * contrast, {})

        def _reason(self, model: Any, batch: Batch) -> Any:
            return model.reason(model.encode(batch.items), batch.positions)

    model, _, optimiser = make("plr", items, dim)
    full = drawn_batches(64, items, "last", size, 2)[0]
    return _warmed((model, PublicObjective(), optimiser), [_padded(full)])


def broadcast_kl(states: Any, table: Any) -> Any:
    """Mean divergence of all ordered pairs of n states: PLR Eq. 7 as it is printed."""
    logs = (states @ table.T).log_softmax(dim=-1)
    n = logs.shape[1]
    pairs = logs.exp().unsqueeze(2) * (logs.unsqueeze(2) - logs.unsqueeze(1))
    return pairs.sum(dim=(1, 2, 3)).mean() / (n * (n - 1))


def _padded(batch: Any) -> Any:
    import torch.nn.functional as F

    return replace(batch, items=F.pad(batch.items, (0, LONGEST - batch.items.shape[1])))


def _warmed(found: tuple[Any, Any, Any], batches: list[Any]) -> Callable[[], int]:
    first = batches[0]
    few = replace(
        first, items=first.items[:8], positions=first.positions[:8], targets=first.targets[:8]
    )
    train(*found, [few])  # makes Adam's state
    return lambda: train(*found, batches)


def compare(items: int, dim: int, ways: dict[str, tuple[Any, int]], turns: int) -> list[Any]:
    """The rows of one size; ratios are against the first way."""
    runs = {name: partial(alone, way, items, dim, size) for name, (way, size) in ways.items()}
    found = interleaved(runs, turns)
    first = next(iter(found.values()))
    return [_row(f"d = {dim}, N = {items:,}", name, usage, first) for name, usage in found.items()]


def _row(size: str, name: str, usage: Usage, first: Usage) -> dict[str, Any]:
    cost, base = usage.cpu_s / usage.value, first.cpu_s / first.value
    return {
        "size": size,
        "way": name,
        "targets": usage.value,
        "CPU us a target": 1e6 * usage.cpu_s / usage.value,
        "targets per CPU second": usage.value / usage.cpu_s,
        "cost per target, all positions = 1": cost / base,
        "extra MiB": usage.extra_bytes / MIB,
        "extra, all positions = 1": usage.extra_bytes / first.extra_bytes,
        "peak MiB": usage.peak_bytes / MIB,
    }


def main(turns: int = 3) -> None:
    ours = {"all positions": (all_positions, 128), "prefixes": (prefixes, 256)}
    theirs = {
        "all positions": (all_positions, 64),
        "all positions, 16 histories": (all_positions, 16),
        "the public way": (public_way, 256),
    }
    sizes = ((20_000, 256, theirs), (12_000, 64, ours))
    rows = [row for items, dim, ways in sizes for row in compare(items, dim, ways, turns)]
    notes = [
        f"M = T = 2, 2 layers, at most {LONGEST} items, mean length 15; two dropout views",
        "batches, their lengths spread evenly over those of an epoch: 5 of 128, 64 or 16 histories "
        "(16 hold about 256 targets), 9 of 256 prefixes; 1 of 256 padded prefixes",
        f"forward, backward and Adam; medians of {turns} fresh processes",
    ]
    write_results("training_step", "A training step of PLR", rows, notes)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
