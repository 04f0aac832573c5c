"""Cost: parameters, counted operations, latency and memory of one model."""

import ctypes
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, final

import numpy as np
import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from latentrec.data.dataset import Histories
from latentrec.errors import ConfigError
from latentrec.index import FIRST_ITEM
from latentrec.model.reasoner.effort import Effort
from latentrec.model.reasoner.none import NoReasoner
from latentrec.model.recommender import Recommender
from latentrec.scorer import ModelScorer, evaluating

BATCHES: Final = (1, 64, 1024)
"""Histories that are scored at once where latency is timed; the paper names no number."""
REPEATS: Final = 7
"""Timed calls, of which the median counts."""
_CLEAR, _STATUS = Path("/proc/self/clear_refs"), Path("/proc/self/status")


@final
@dataclass(frozen=True)
class Latency:
    """The time of one call.

    Attributes:
        batch: Histories in the call.
        milliseconds: Median time of the call, scoring of the catalogue included.
    """

    batch: int
    milliseconds: float


@final
@dataclass(frozen=True)
class Cost:
    """What one model costs.

    Attributes:
        parameters: All of them.
        item_parameters: Those of the item vectors.
        reasoner_parameters: Those of the reasoner.
        flops: Operations of one longest history as it is scored here (item vectors are at hand, and
            what is not read of the last layer is left out), scoring of the catalogue included; a
            multiplication with an addition counts 2.
        full_flops: The same where every state of the history is computed, as the papers count.
        latency: Time of a call, by batch.
        peak_bytes: Memory that the largest batch needs on top of the weights; None where it cannot
            be measured here.
    """

    parameters: int
    item_parameters: int
    reasoner_parameters: int
    flops: int
    full_flops: int
    latency: tuple[Latency, ...]
    peak_bytes: int | None


def measure(scorer: ModelScorer, batches: tuple[int, ...] = BATCHES) -> Cost:
    """Count and time one model on random histories of the longest length."""
    model, timed = scorer.model, [random_histories(scorer, batch) for batch in batches]
    return Cost(
        parameters=_count(model),
        item_parameters=_count(model.items),
        reasoner_parameters=_count(model.reasoner),
        flops=count_flops(scorer),
        full_flops=count_flops(scorer, pruned=False),
        latency=tuple(Latency(len(each), latency_ms(scorer, each)) for each in timed),
        peak_bytes=_peak_bytes(lambda: scorer.scores(timed[-1]), scorer.device),
    )


def without_reasoning(scorer: ModelScorer) -> ModelScorer | None:
    """The same model ranking with h_0; None where it has no such state, or does so anyway."""
    if isinstance(scorer.model.reasoner, NoReasoner):
        return None
    try:
        return scorer.limited(Effort(steps=0))
    except ConfigError:
        return None


def random_histories(scorer: ModelScorer, count: int) -> Histories:
    """Histories of the longest length, items drawn evenly with a fixed seed."""
    rng, length = np.random.default_rng(0), scorer.max_length
    items = rng.integers(FIRST_ITEM, scorer.size, count * length, dtype=np.int32)
    return Histories(items, np.arange(count + 1, dtype=np.int64) * length)


@torch.no_grad()
def count_flops(scorer: ModelScorer, *, pruned: bool = True) -> int:
    """Operations of scoring one history of the longest length.

    Args:
        scorer: The model.
        pruned: Leave out of the last layer what is not read, as the model does; the papers count
            all of it.
    """
    batch = scorer.question(random_histories(scorer, 1), scorer.max_length).to(scorer.device)
    encoder, reasoner = scorer.model.encoder, scorer.model.reasoner
    # Item vectors are computed before anybody asks, also those made of titles.
    model = Recommender(scorer.items, encoder, reasoner if pruned else reasoner.every_state())
    # Only decomposed attention is counted everywhere: fused kernels of the CPU are unknown to it.
    kernel = sdpa_kernel(SDPBackend.MATH)
    with evaluating(model), kernel, FlopCounterMode(display=False) as counter:
        if pruned:
            model.logits(batch.items, batch.positions)
        else:
            states = model.reason(model.encode(batch.items), batch.positions).infer_state
            _ = model.items.queries(states) @ model.items.candidates().T
    return counter.get_total_flops()


def latency_ms(scorer: ModelScorer, histories: Histories) -> float:
    """Median milliseconds of scoring the histories in one call, after one that warms up."""
    times: list[float] = []
    for _ in range(REPEATS + 1):
        started = time.perf_counter()
        scorer.scores(histories)
        if scorer.device.type == "cuda":
            torch.cuda.synchronize(scorer.device)
        times.append(time.perf_counter() - started)
    return 1000 * statistics.median(times[1:])


def _count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def _peak_bytes(call: Callable[[], object], device: torch.device) -> int | None:
    """Most memory that a call holds beyond what was held before."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        call()
        return torch.cuda.max_memory_allocated(device) - before
    if not _CLEAR.exists():
        return None
    try:
        _give_back_freed()
        _CLEAR.write_text("5", encoding="ascii")  # Linux: the peak starts again at what is held now
        before = _resident_peak()
        call()
        return max(0, _resident_peak() - before)
    except OSError:
        return None


def _give_back_freed() -> None:
    """Return memory that is free but kept by glibc: a call that takes it again needs it too."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def _resident_peak() -> int:
    lines = _STATUS.read_text(encoding="ascii", errors="replace").splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith("VmHWM"))
