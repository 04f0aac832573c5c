"""Statistics: how sure a difference between two recommenders is, and how large."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias, final

import numpy as np
import numpy.typing as npt
from scipy import stats

from latentrec.evaluate.metrics import Float64s

FLIPS: Final = 9999
"""Random sign flips of the permutation test; with few users all flips are tried instead."""
FLIPPED_CELLS: Final = 2**22
"""Largest number of flipped differences held at once (32 MiB)."""
EXACT_BITS: Final = 40
"""Binary places that are kept, 1e-12: rounding errors lie far below, differences far above."""

Bools: TypeAlias = npt.NDArray[np.bool_]


@final
@dataclass(frozen=True)
class PairedTests:
    """Two-sided tests of the differences of users, and how large they are.

    Attributes:
        users: Users U.
        changed: Users with a difference other than 0.
        difference: Mean difference.
        t: p of the paired t test: is the mean difference 0?
        wilcoxon: p of the signed-rank test: are differences symmetric about 0? Zeros are dropped.
        permutation: p of the sign-flip test: is each difference as likely as its opposite?
        dz: Cohen's d_z, the mean difference in standard deviations of the differences.
        rank_biserial: From -1 (all changed users lose) to 1 (all win), weighted by rank.
    """

    users: int
    changed: int
    difference: float
    t: float
    wilcoxon: float
    permutation: float
    dz: float
    rank_biserial: float


def paired_tests(differences: Float64s, *, seed: int = 0) -> PairedTests:
    """Test whether paired differences are 0 on average.

    Without any difference every p is 1 and every effect 0; where all users differ by the same
    amount the effect d_z is infinite.

    Zeros, ties and equal sums are found without rounding errors: means over three seeds differ by
    1 - 2/3 here and by 2/3 - 1/3 there, which are equal, but not in floating point.

    Args:
        differences: One value a user, at least two, of metrics of the order of 1, shape (U,).
        seed: Seed of the sign flips.

    Example:
        >>> found = paired_tests(np.array([1.0, 2.0, 3.0, -1.0]))
        >>> round(found.t, 4), found.wilcoxon, found.permutation, round(found.rank_biserial, 2)
        (0.2394, 0.375, 0.375, 0.7)
    """
    mean, spread = float(differences.mean()), float(differences.std(ddof=1))
    unit = _unit(np.abs(differences))
    rounded = np.rint(differences / unit) * unit
    changed = rounded[rounded != 0]
    if not len(changed):
        return PairedTests(len(differences), 0, 0.0, 1.0, 1.0, 1.0, 0.0, 0.0)
    same = spread <= 1e-12 * abs(mean)
    return PairedTests(
        users=len(differences),
        changed=len(changed),
        difference=mean,
        t=0.0 if same else _p(stats.ttest_1samp(differences, 0.0)),
        wilcoxon=_p(stats.wilcoxon(changed)),
        permutation=_permutation(differences[rounded != 0], seed),
        dz=float(np.copysign(np.inf, mean)) if same else mean / spread,
        rank_biserial=rank_biserial(changed),
    )


def _unit(sizes: Any) -> float:
    """What differs by less is equal: `EXACT_BITS` places below 1, or below a larger size.

    A power of two, so that halves, quarters and so on stay what they are.
    """
    return 2.0 ** (max(0, int(np.frexp(np.max(sizes))[1])) - EXACT_BITS)


def _p(result: Any) -> float:
    """The p value of a result of scipy, whose types do not say that it has one."""
    return float(result.pvalue)


def _permutation(changed: Float64s, seed: int) -> float:
    """Two-sided p of the sum under random signs; users without a difference cannot change it.

    The sums are rounded, not what is added: then two thirds are still two times a third.
    """
    if len(changed) == 1:
        return 1.0  # either sign is as far from 0; scipy wants two observations
    unit = _unit(np.abs(changed).sum())

    def units(values: Float64s, axis: int) -> Any:
        return np.rint(values.sum(axis=axis) / unit)

    found = stats.permutation_test(
        (changed,),
        units,
        permutation_type="samples",
        vectorized=True,
        n_resamples=FLIPS,
        batch=max(1, FLIPPED_CELLS // len(changed)),
        rng=np.random.default_rng(seed),
    )
    return _p(found)


def rank_biserial(changed: Float64s) -> float:
    """Rank sum of the gains less that of the losses, over their total.

    Args:
        changed: Differences other than 0, at least one, shape (n,).
    """
    ranks = stats.rankdata(np.abs(changed))
    return float((ranks * np.sign(changed)).sum() / ranks.sum())


@final
@dataclass(frozen=True)
class McNemar:
    """Cases that only one of two recommenders hits.

    Attributes:
        only_first: Cases that only the first hits.
        only_second: Cases that only the second hits.
        p: Two-sided exact p: is a case that only one hits as likely hit by either?
    """

    only_first: int
    only_second: int
    p: float


def mcnemar(first: Bools, second: Bools) -> McNemar:
    """McNemar's exact test on hits.

    Args:
        first: Which cases the first hits, shape (C,).
        second: Which cases the second hits, shape (C,).

    Example:
        >>> mcnemar(np.array([True] * 6 + [False]), np.array([False] * 6 + [True])).p
        0.125
    """
    only_first, only_second = int((first & ~second).sum()), int((second & ~first).sum())
    apart = only_first + only_second
    p = _p(stats.binomtest(only_first, apart)) if apart else 1.0
    return McNemar(only_first, only_second, p)


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's correction: p values that hold for all comparisons together.

    The smallest is multiplied by their number m, the next by m - 1, and so on; none comes out
    smaller than one before it, or above 1.

    Example:
        >>> holm([0.01, 0.04, 0.03])
        [0.03, 0.06, 0.06]
    """
    order = np.argsort(p_values, kind="stable")
    factors = np.arange(len(p_values), 0, -1)
    raised = np.maximum.accumulate(np.asarray(p_values, np.float64)[order] * factors)
    found = np.empty(len(p_values))
    found[order] = np.minimum(raised, 1.0)
    return found.tolist()


def between_seeds(first: Sequence[float], second: Sequence[float]) -> float | None:
    """Two-sided p of Welch's test on the means of seeds; None unless both have two or more."""
    if min(len(first), len(second)) < 2:
        return None
    if np.ptp(first) == 0 and np.ptp(second) == 0:
        return 1.0 if first[0] == second[0] else 0.0
    parts = [(np.mean(means), np.std(means, ddof=1), len(means)) for means in (first, second)]
    return _p(stats.ttest_ind_from_stats(*parts[0], *parts[1], equal_var=False))


def overlap(first: Bools, second: Bools) -> float:
    """Cases that both hit, over cases that at least one hits (Jaccard); 1 if none is hit."""
    either = int((first | second).sum())
    return int((first & second).sum()) / either if either else 1.0


def shares_of_users(values: Float64s, users: npt.NDArray[np.int64]) -> Float64s:
    """What each user adds to the mean over all cases, times the number of users, shape (U,).

    Their mean is the mean over the cases, so a test of them asks about the difference that a table
    shows, and users with many cases count as often as there (docs/adr/0050). With as many cases
    for each user it is the mean over the user's cases. Users come in ascending order.

    Example:
        >>> shares_of_users(np.array([1.0, 1.0, 1.0, -1.0]), np.array([5, 5, 5, 2])).tolist()
        [-0.5, 1.5]
    """
    found, rows = np.unique(users, return_inverse=True)
    sums = np.zeros(len(found))
    np.add.at(sums, rows, values)
    return sums * (len(found) / len(values))
