"""Compare: ranks of several systems on the same cases in, tested differences out."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeAlias, final

import numpy as np

from latentrec.data.dataset import Int64s
from latentrec.errors import ConfigError
from latentrec.evaluate.bootstrap import bootstrap
from latentrec.evaluate.evaluate import Metric
from latentrec.evaluate.metrics import Float64s, Ranks, recall, top_k_of, value_of
from latentrec.evaluate.statistics import (
    Bools,
    McNemar,
    PairedTests,
    between_seeds,
    holm,
    mcnemar,
    overlap,
    paired_tests,
    shares_of_users,
)

Spread: TypeAlias = Callable[[Float64s], list[Metric]]
"""Columns of values of cases to their means and intervals."""


@final
@dataclass(frozen=True)
class System:
    """One recommender, trained once or with several seeds.

    Attributes:
        name: Row label.
        ranks: Ranks of the targets, one array of shape (C,) a seed.
    """

    name: str
    ranks: tuple[Ranks, ...]

    def values(self, metric: str) -> Float64s:
        """The metric of each case, its mean over the seeds, shape (C,)."""
        return np.mean([value_of(ranks, metric) for ranks in self.ranks], axis=0)

    def of_seeds(self, metric: str) -> list[float]:
        """The mean over the cases, of each seed."""
        return [float(value_of(ranks, metric).mean()) for ranks in self.ranks]

    def hits(self, top_k: int) -> Bools:
        """Cases with the target in the list, with the first seed, shape (C,).

        A vote of several seeds would find more or less the more they disagree, however good they
        are, so hits are of one of them (docs/adr/0052).
        """
        return recall(self.ranks[0], top_k) > 0


@final
@dataclass(frozen=True)
class Row:
    """How one system did.

    Attributes:
        name: Row label.
        seeds: Number of seeds; 1 for a baseline.
        metrics: Mean over the cases and its interval over users, by name.
        seed_sd: Standard deviation of the means of the seeds, by metric; None with one seed.
    """

    name: str
    seeds: int
    metrics: dict[str, Metric]
    seed_sd: dict[str, float] | None


@final
@dataclass(frozen=True)
class Adjusted:
    """The p values of one comparison after Holm's correction over all comparisons."""

    t: float
    wilcoxon: float
    permutation: float
    mcnemar: float


@final
@dataclass(frozen=True)
class Difference:
    """One system against the reference.

    Attributes:
        name: The system.
        difference: System minus reference, with its paired interval over users.
        tests: Tests of what each user adds to the difference, before correction.
        hits: Cases that only the system (first) or only the reference (second) hits, with the
            first seed of each.
        adjusted: All p values over users and cases, corrected.
        seeds_p: p of Welch's test over the means of seeds, uncorrected; None without seeds.
    """

    name: str
    difference: Metric
    tests: PairedTests
    hits: McNemar
    adjusted: Adjusted
    seeds_p: float | None


@final
@dataclass(frozen=True)
class Comparison:
    """Several systems on the same cases.

    Attributes:
        metric: What is tested, like `ndcg@10`.
        reference: Name of the system that all others are tested against.
        rows: Every system.
        differences: Every tested system against the reference.
        overlap: Hits of both over hits of either, for each pair of rows, with their first seeds.
        cases: Number of cases C.
        users: Number of users U.
        protocol: Split, ranking, ties, hidden items and intervals in words.
        notes: Constants of the tuned baselines.
    """

    metric: str
    reference: str
    rows: tuple[Row, ...]
    differences: tuple[Difference, ...]
    overlap: tuple[tuple[float, ...], ...]
    cases: int
    users: int
    protocol: str
    notes: tuple[str, ...] = ()


def compare_systems(
    systems: Sequence[System],
    users: Int64s,
    *,
    reference: str,
    tested: Sequence[str],
    metric: str,
    shown: Sequence[str],
    protocol: str,
    resamples: int = 1000,
    confidence: float = 0.95,
    notes: tuple[str, ...] = (),
) -> Comparison:
    """Put systems side by side and test some of them against one.

    Args:
        systems: Systems with ranks of the same C cases; their names differ.
        users: Row of the user of each case, shape (C,).
        reference: Name of the system to test against.
        tested: Names of the systems to test.
        metric: What to test, like `ndcg@10`; its K is that of the hits.
        shown: Metrics of the table; what is tested stands there in any case.
        protocol: How the ranks came about, in words.
        resamples: Bootstrap resamples of users behind each interval.
        confidence: Coverage of the intervals.
        notes: What stands below the table.

    Raises:
        ConfigError: If there is no such metric, or the cases are of fewer than two users.
    """
    if len(np.unique(users)) < 2:
        raise ConfigError("compare: the cases are of one user; tests need at least two")
    top_k, shown = top_k_of(metric), tuple(dict.fromkeys([*shown, metric]))
    named = {system.name: system for system in systems}
    spread = partial(_spread, users=users, resamples=resamples, confidence=confidence)
    found = [_difference(named[name], named[reference], metric, users, spread) for name in tested]
    hits = [system.hits(top_k) for system in systems]
    return Comparison(
        metric=metric,
        reference=reference,
        rows=tuple(_row(system, shown, spread) for system in systems),
        differences=_corrected(found),
        overlap=tuple(tuple(overlap(a, b) for b in hits) for a in hits),
        cases=len(users),
        users=len(np.unique(users)),
        protocol=protocol,
        notes=notes,
    )


def _spread(values: Float64s, users: Int64s, resamples: int, confidence: float) -> list[Metric]:
    """Mean and interval of each column."""
    low, high = bootstrap(values, users, resamples=resamples, confidence=confidence, seed=0)
    cells = zip(values.mean(0).tolist(), low.tolist(), high.tolist(), strict=True)
    return [Metric(*cell) for cell in cells]


def _row(system: System, shown: Sequence[str], spread: Spread) -> Row:
    values = np.stack([system.values(name) for name in shown], axis=1)
    metrics = dict(zip(shown, spread(values), strict=True))
    return Row(system.name, len(system.ranks), metrics, _seed_sd(system, shown))


def _difference(
    system: System, against: System, metric: str, users: Int64s, spread: Spread
) -> Difference:
    """A difference whose p values are not corrected yet."""
    values = system.values(metric) - against.values(metric)
    tests = paired_tests(shares_of_users(values, users))
    top_k = top_k_of(metric)
    hits = mcnemar(system.hits(top_k), against.hits(top_k))
    return Difference(
        name=system.name,
        difference=spread(values[:, None])[0],
        tests=tests,
        hits=hits,
        adjusted=Adjusted(tests.t, tests.wilcoxon, tests.permutation, hits.p),
        seeds_p=between_seeds(system.of_seeds(metric), against.of_seeds(metric)),
    )


def _seed_sd(system: System, names: Sequence[str]) -> dict[str, float] | None:
    if len(system.ranks) < 2:
        return None
    return {name: float(np.std(system.of_seeds(name), ddof=1)) for name in names}


def _corrected(found: Sequence[Difference]) -> tuple[Difference, ...]:
    """Each kind of p value corrected over the comparisons."""
    columns = zip(
        holm([other.tests.t for other in found]),
        holm([other.tests.wilcoxon for other in found]),
        holm([other.tests.permutation for other in found]),
        holm([other.hits.p for other in found]),
        strict=True,
    )
    return tuple(
        replace(other, adjusted=Adjusted(*cells))
        for other, cells in zip(found, columns, strict=True)
    )
