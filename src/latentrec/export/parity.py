"""Parity: how far the scores of a graph are from those of the run that it was made of."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from latentrec.data.dataset import Histories
from latentrec.index import FIRST_ITEM
from latentrec.run import Run
from latentrec.scorer import Scorer

LARGEST_GAP: Final = 1e-3
"""Largest parity error of float32 weights; more means that the graph computes something else."""


def parity(run: Run, scorer: Scorer, histories: Sequence[Sequence[int]]) -> float:
    """Largest difference of two scorers' scores, over the largest score."""
    asked = Histories.from_lists([list(history) for history in histories])
    expected = run.scorer.scores(asked)[:, FIRST_ITEM:].cpu()
    found = scorer.scores(asked)[:, FIRST_ITEM:]
    return float((found - expected).abs().max() / expected.abs().max().clamp(min=1e-12))


def drawn(size: int, longest: int) -> list[list[int]]:
    """Histories of every length, always the same ones."""
    rng = np.random.default_rng(0)
    return [rng.integers(FIRST_ITEM, size, n).tolist() for n in range(1, longest + 1)]
