"""Bootstrap: how far a mean over cases would move if other users had been drawn."""

from collections.abc import Iterator
from typing import Final

import numpy as np
import numpy.typing as npt

from latentrec.evaluate.metrics import Float64s

BLOCK_CELLS: Final = 2**21
"""Largest number of resampling counts held at once (16 MiB)."""
ONE_BY_ONE: Final = 8
"""Users for each distinct one below which drawing users one by one is faster."""


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

    Every column is resampled alone, so that equal values have equal intervals wherever they are
    shown, whatever stands beside them. Users with the same cases are interchangeable: one
    multinomial over the *distinct* users stands for the draw of all of them, and with one case a
    user there are only as many of these as there are different ranks.

    Args:
        values: Value of each case and metric, shape (C, M), C at least 1.
        users: Row of the user of each case, shape (C,).
        resamples: Number of resamples.
        confidence: Coverage of the interval, between 0 and 1.
        seed: Seed of the draws; equal seeds give equal intervals.

    Returns:
        Lower and upper ends, each of shape (M,).
    """
    _, rows = np.unique(users, return_inverse=True)
    cases = np.bincount(rows)
    sums = (np.bincount(rows, column).astype(np.float64) for column in values.T)
    means = [_means(each, cases, resamples, seed) for each in sums]
    ends = [(1 - confidence) / 2, (1 + confidence) / 2]
    low, high = np.quantile(np.stack(means, axis=1), ends, axis=0)
    return low, high


def _means(sums: Float64s, cases: npt.NDArray[np.int64], resamples: int, seed: int) -> Float64s:
    """The mean over the cases in each resample, shape (R,).

    Args:
        sums: Sum of the metric over the cases of each user, shape (U,).
        cases: Number of cases of each user, shape (U,).
        resamples: Number of resamples R.
        seed: Seed of the draws.
    """
    # As complex numbers, pairs are sorted at once.
    distinct, counts = np.unique(sums + 1j * cases, return_counts=True)
    blocks = _draws(counts, resamples, seed)
    return np.concatenate([(drawn @ distinct.real) / (drawn @ distinct.imag) for drawn in blocks])


def _draws(counts: npt.NDArray[np.int64], resamples: int, seed: int) -> Iterator[Float64s]:
    """How often each distinct user is drawn, block after block of resamples."""
    generator = np.random.default_rng(seed)
    users = int(counts.sum())
    block = max(1, BLOCK_CELLS // len(counts))
    same = np.repeat(np.arange(len(counts)), counts)
    for start in range(0, resamples, block):
        size = min(block, resamples - start)
        if users < ONE_BY_ONE * len(counts):
            found = np.empty((size, len(counts)), np.int64)
            for row in found:
                drawn = same[generator.integers(0, users, users)]
                row[:] = np.bincount(drawn, minlength=len(counts))
        else:
            found = generator.multinomial(users, counts / users, size=size)
        yield found.astype(np.float64)
