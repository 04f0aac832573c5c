"""Bootstrap: how far a mean over cases would move if other users had been drawn."""

from collections.abc import Iterator
from typing import Final

import numpy as np
import numpy.typing as npt

from latentrec.evaluate.metrics import Float64s

BLOCK_CELLS: Final = 2**21
"""Largest number of resampling counts held at once (16 MiB)."""


def bootstrap(
    values: Float64s,
    users: npt.NDArray[np.int64],
    *,
    resamples: int,
    confidence: float,
    seed: int,
) -> tuple[Float64s, Float64s]:
    """Percentile intervals of the column means, from resampled users.

    Users are drawn with replacement, and all cases of a user come with it: cases of one user are
    alike, and drawing them one by one would make the intervals too narrow.

    Users with the same cases are interchangeable. So one multinomial over the *distinct* users
    stands for the draw of all of them: the same distribution, and with one case a user only as
    many counts as there are different ranks.

    Args:
        values: Value of each case and metric, shape (C, M), C at least 1.
        users: Row of the user of each case, shape (C,).
        resamples: Number of resamples.
        confidence: Coverage of the interval, between 0 and 1.
        seed: Seed of the draws; equal seeds give equal intervals.

    Returns:
        Lower and upper ends, each of shape (M,).
    """
    sums = _sums_by_user(values, users)
    distinct, counts = np.unique(sums, axis=0, return_counts=True)
    totals = np.concatenate([d @ distinct for d in _draws(counts, resamples, seed)])
    means = totals[:, :-1] / totals[:, -1:]
    low, high = np.quantile(means, [(1 - confidence) / 2, (1 + confidence) / 2], axis=0)
    return low, high


def _sums_by_user(values: Float64s, users: npt.NDArray[np.int64]) -> Float64s:
    """Sum of each metric, and in the last column the number of cases, of each user with a case."""
    _, rows = np.unique(users, return_inverse=True)
    sums = np.zeros((rows.max() + 1, values.shape[1] + 1))
    np.add.at(sums[:, :-1], rows, values)
    np.add.at(sums[:, -1], rows, 1.0)
    return sums


def _draws(counts: npt.NDArray[np.int64], resamples: int, seed: int) -> Iterator[Float64s]:
    """How often each distinct user is drawn, block after block of resamples."""
    generator = np.random.default_rng(seed)
    users = counts.sum()
    block = max(1, BLOCK_CELLS // len(counts))
    for start in range(0, resamples, block):
        size = min(block, resamples - start)
        yield generator.multinomial(users, counts / users, size=size).astype(np.float64)
