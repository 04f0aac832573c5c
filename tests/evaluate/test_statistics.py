"""Every statistic by hand, from its definition: a wrong p value is worse than none."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from latentrec.evaluate.statistics import (
    between_seeds,
    holm,
    mcnemar,
    overlap,
    paired_tests,
    rank_biserial,
    shares_of_users,
)

DIFFERENCES = np.array([0.5, 1.0, 1.5, 2.0, -0.25, 0.0])


def share_of_signs(changed: np.ndarray, statistic) -> float:
    """Exact two-sided p: share of all sign patterns at least as extreme, by enumeration."""
    observed = abs(statistic(changed))
    signs = itertools.product((-1, 1), repeat=len(changed))
    far = [abs(statistic(np.abs(changed) * s)) >= observed - 1e-12 for s in signs]
    return float(np.mean(far))


def test_t_by_hand() -> None:
    # Mean .7916667, sample variance .7604167 / .. : t = mean / (s / sqrt(6)).
    mean = DIFFERENCES.mean()
    s = math.sqrt(((DIFFERENCES - mean) ** 2).sum() / 5)
    t = mean / (s / math.sqrt(6))
    # Tail of Student's t with 5 degrees of freedom in closed form.
    angle = math.atan(t / math.sqrt(5))
    inner = angle + math.sin(angle) * (math.cos(angle) + 2 / 3 * math.cos(angle) ** 3)
    assert paired_tests(DIFFERENCES).t == pytest.approx(1 - 2 / math.pi * inner)


def test_signed_rank_and_permutation_by_enumeration() -> None:
    changed = DIFFERENCES[DIFFERENCES != 0]
    found = paired_tests(DIFFERENCES)

    def rank_sum(values: np.ndarray) -> float:
        order = np.argsort(np.argsort(np.abs(values))) + 1  # no ties here
        return float((order * np.sign(values)).sum())

    assert found.wilcoxon == pytest.approx(share_of_signs(changed, rank_sum))
    assert found.permutation == pytest.approx(share_of_signs(changed, np.sum))
    assert (found.users, found.changed) == (6, 5)


def test_one_changed_user_proves_nothing() -> None:
    found = paired_tests(np.array([0.0, 0.5, 0.0, 0.0]))
    assert found.changed == 1
    assert (found.wilcoxon, found.permutation) == (1.0, 1.0)


def test_permutation_of_many_users_is_near_the_normal_tail() -> None:
    differences = np.random.default_rng(1).normal(0.05, 1.0, 2000)
    z = abs(differences.sum()) / math.sqrt((differences**2).sum())
    tail = math.erfc(z / math.sqrt(2))
    assert paired_tests(differences).permutation == pytest.approx(tail, abs=0.015)


def test_effects_by_hand() -> None:
    found = paired_tests(DIFFERENCES)
    assert found.difference == pytest.approx(4.75 / 6)
    assert found.dz == pytest.approx(found.difference / np.std(DIFFERENCES, ddof=1))
    # Ranks of .25 .5 1 1.5 2: the loss has rank 1 of 15.
    assert found.rank_biserial == pytest.approx((14 - 1) / 15)
    assert rank_biserial(np.array([1.0, -1.0])) == 0.0


def test_no_difference_and_the_same_difference() -> None:
    none = paired_tests(np.zeros(4))
    assert (none.t, none.wilcoxon, none.permutation, none.dz, none.rank_biserial) == (
        1.0, 1.0, 1.0, 0.0, 0.0
    )  # fmt: skip
    same = paired_tests(np.full(8, -0.25))
    assert (same.t, same.dz, same.rank_biserial) == (0.0, -math.inf, -1.0)
    assert same.permutation == pytest.approx(2 / 2**8)


def test_equal_differences_of_means_over_seeds_are_ties() -> None:
    """1 - 2/3 and 2/3 - 1/3 are one size, and .1 + .2 - .3 is none, whatever floats make of it."""
    thirds = np.array([1, 1, 1, 1, 1, -1, -1, -1, 2, -2, 0, 0])
    floats = np.array([
        1 - 2 / 3, 2 / 3 - 1 / 3, 1 / 3 - 0, 1 - 2 / 3, 1 - 2 / 3, 2 / 3 - 1, 1 / 3 - 2 / 3,
        0 - 1 / 3, 2 / 3 - 0, 1 / 3 - 1, 0.1 + 0.2 - 0.3, 0.3 - 0.1 - 0.2,
    ])  # fmt: skip
    assert len(np.unique(np.abs(floats))) > 3  # what would be ranked without rounding
    found = paired_tests(floats)
    assert (found.users, found.changed) == (12, 10)
    assert found.wilcoxon == stats.wilcoxon(thirds[thirds != 0]).pvalue
    # Eight ties of rank 4.5 and two of 9.5: five and one of them are gains.
    assert found.rank_biserial == ((5 * 4.5 + 9.5) - (3 * 4.5 + 9.5)) / 55
    assert found.permutation == pytest.approx(share_of_signs(thirds[thirds != 0], np.sum))


def test_rounding_errors_alone_are_no_difference() -> None:
    found = paired_tests(np.array([0.1 + 0.2 - 0.3, 0.0, -1e-16]))
    assert (found.changed, found.difference, found.wilcoxon) == (0, 0.0, 1.0)


def test_mcnemar_by_hand() -> None:
    first = np.array([1, 1, 1, 1, 1, 0, 0, 1], bool)
    second = np.array([0, 0, 0, 0, 0, 1, 0, 1], bool)
    found = mcnemar(first, second)
    assert (found.only_first, found.only_second) == (5, 1)
    assert found.p == pytest.approx(2 * (math.comb(6, 0) + math.comb(6, 1)) / 2**6)
    assert mcnemar(first, first).p == 1.0


def test_holm_by_hand() -> None:
    # Sorted .005 .01 .02 .04: times 4 3 2 1 gives .02 .03 .04 .04.
    assert holm([0.04, 0.005, 0.02, 0.01]) == pytest.approx([0.04, 0.02, 0.04, 0.03])
    assert holm([0.6, 0.9]) == [1.0, 1.0]
    assert holm([]) == []


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_lies_between_nothing_and_bonferroni(p_values: list[float]) -> None:
    for p, raised in zip(p_values, holm(p_values), strict=True):
        assert p <= raised <= min(1.0, p * len(p_values)) + 1e-12


def test_seeds_by_hand() -> None:
    # Equal spread and size: Welch's t is Student's with 2 degrees of freedom, whose tail is
    # 1 - t / sqrt(2 + t^2).
    first, second = [0.1, 0.3], [0.5, 0.7]
    t = 0.4 / math.sqrt(2 * 0.02 / 2)
    assert between_seeds(first, second) == pytest.approx(1 - t / math.sqrt(2 + t**2))
    assert between_seeds([0.1], second) is None
    assert between_seeds([0.1, 0.1], [0.1, 0.1]) == 1.0
    assert between_seeds([0.1, 0.1], [0.2, 0.2]) == 0.0


def test_overlap_by_hand() -> None:
    first, second = np.array([1, 1, 0, 0], bool), np.array([1, 0, 1, 0], bool)
    assert overlap(first, second) == pytest.approx(1 / 3)
    assert overlap(~first & first, second & ~second) == 1.0


def test_shares_of_users_by_hand() -> None:
    even = shares_of_users(np.array([1.0, 0.0, 0.5, 0.5]), np.array([7, 7, 2, 2]))
    assert even.tolist() == [0.5, 0.5]
    # 3 users, 6 cases: half of each sum, whose mean is that of the cases, 2 / 6.
    uneven = shares_of_users(np.array([1.0, 1, 1, -1, 1, -1]), np.array([9, 9, 9, 4, 1, 4]))
    assert uneven.tolist() == [0.5, -1.0, 1.5]


def test_tests_of_shares_keep_their_error_rate_where_users_differ_in_size() -> None:
    """Cases of one user go the same way here, so a test over cases would find too much."""
    rng = np.random.default_rng(5)
    users = np.repeat(np.arange(100), rng.geometric(0.1, 100))
    found = 0
    for _ in range(400):
        values = (rng.normal(size=100)[users] + rng.normal(size=len(users)) > 0) - 0.5
        found += paired_tests(shares_of_users(values, users)).t < 0.1
    assert found / 400 <= 0.1 + 3 * math.sqrt(0.1 * 0.9 / 400)


def test_p_values_are_even_where_nothing_differs() -> None:
    """The error rate that a test promises, on the skewed differences of hits."""
    rng = np.random.default_rng(3)
    tests = [paired_tests(rng.integers(-1, 2, 60).astype(float), seed=i) for i in range(150)]
    for name in ("t", "wilcoxon", "permutation"):
        rate = np.mean([getattr(test, name) < 0.1 for test in tests])
        assert rate <= 0.1 + 3 * math.sqrt(0.1 * 0.9 / 150)
