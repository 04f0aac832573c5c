"""The exact loss and the divergence of all pairs over a large catalogue, against the plain forms.

Forward and backward; the plain forms hold rows x N and B x n x n x N numbers.

    python benchmarks/losses.py [TURNS [ITEMS]]
"""

import sys
from collections.abc import Callable
from functools import partial
from typing import Any

from _measure import MIB, Usage, alone, interleaved, write_results
from training_step import broadcast_kl

ROWS, HISTORIES, STATES, DIM = 2048, 256, 4, 64


def exact(items: int) -> Callable[[], Any]:
    """The library's cross-entropy."""
    from latentrec.objective.terms import catalogue_cross_entropy

    states, table, targets = _inputs(items, ROWS)
    return lambda: catalogue_cross_entropy(states, table, targets).backward()


def plain_exact(items: int) -> Callable[[], Any]:
    """`F.cross_entropy(h @ E.T)`."""
    import torch.nn.functional as F

    states, table, targets = _inputs(items, ROWS)
    return lambda: F.cross_entropy(states @ table.T, targets).backward()


def divergence(items: int) -> Callable[[], Any]:
    """The library's mean divergence of all pairs."""
    from latentrec.objective.terms import pairwise_kl

    states, table, _ = _inputs(items, HISTORIES, STATES)
    return lambda: pairwise_kl(states, table).mean().backward()


def plain_divergence(items: int) -> Callable[[], Any]:
    """All pairs at once."""
    states, table, _ = _inputs(items, HISTORIES, STATES)
    return lambda: broadcast_kl(states, table).backward()


def _inputs(items: int, *shape: int) -> tuple[Any, Any, Any]:
    import torch

    torch.manual_seed(0)
    states = torch.randn(*shape, DIM, requires_grad=True)
    table = (0.1 * torch.randn(items, DIM)).requires_grad_()
    (states[:1] @ table[:2].T).sum().backward()  # the first product sets up the library behind it
    return states, table, torch.randint(items, shape[:1])


def main(turns: int = 3, items: int = 100_000) -> None:
    ways = {
        "cross-entropy": (exact, plain_exact),
        f"divergence of {STATES} states": (divergence, plain_divergence),
    }
    rows: list[dict[str, Any]] = []
    for name, (ours, plain) in ways.items():
        runs = {"ours": partial(alone, ours, items), "plain": partial(alone, plain, items)}
        rows.append(_row(name, **interleaved(runs, turns)))
    notes = [
        f"N = {items:,}, d = {DIM}; {ROWS:,} rows, or {HISTORIES} histories of {STATES} states",
        f"forward and backward; medians of {turns} fresh processes; memory on top of the inputs",
    ]
    write_results("losses", f"Losses over a catalogue of {items:,} items", rows, notes)


def _row(name: str, ours: Usage, plain: Usage) -> dict[str, Any]:
    return {
        "loss": name,
        "CPU seconds": ours.cpu_s,
        "plain CPU seconds": plain.cpu_s,
        "times faster": plain.cpu_s / ours.cpu_s,
        "extra MiB": ours.extra_bytes / MIB,
        "plain extra MiB": plain.extra_bytes / MIB,
        "times less memory": plain.extra_bytes / ours.extra_bytes,
    }


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
