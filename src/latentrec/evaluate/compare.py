"""Compare: ranks of several systems on the same cases in, tested differences out."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import numpy as np

from latentrec.data.dataset import Int64s
from latentrec.errors import ConfigError
from latentrec.evaluate.bootstrap import bootstrap
from latentrec.evaluate.evaluate import Metric
from latentrec.evaluate.metrics import Float64s, Ranks, recall, value_of
from latentrec.evaluate.statistics import (
    Bools,
    McNemar,
    PairedTests,
    between_seeds,
    by_user,
    holm,
    mcnemar,
    overlap,
    paired_tests,
)


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
        """Cases with the target in the list, with at least half of the seeds, shape (C,)."""
        return np.mean([recall(ranks, top_k) for ranks in self.ranks], axis=0) >= 0.5


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
        tests: Tests over users, before correction.
        hits: Cases that only the system (first) or only the reference (second) hits.
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
        overlap: Hits of both over hits of either, for each pair of rows.
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
        shown: Metrics of the table.
        protocol: How the ranks came about, in words.
        resamples: Bootstrap resamples of users behind each interval.
        confidence: Coverage of the intervals.
        notes: What stands below the table.

    Raises:
        ConfigError: If there is no such metric, or the cases are of fewer than two users.
    """
    if len(np.unique(users)) < 2:
        raise ConfigError("compare: the cases are of one user; tests need at least two")
    top_k = int(metric.partition("@")[2]) if len(value_of(systems[0].ranks[0], metric)) else 0
    named = {system.name: system for system in systems}

    def spread(values: Float64s) -> list[Metric]:
        low, high = bootstrap(values, users, resamples=resamples, confidence=confidence, seed=0)
        means = values.mean(0)
        return [Metric(*map(float, cell)) for cell in zip(means, low, high, strict=True)]

    def difference(system: System) -> tuple[Metric, PairedTests, McNemar, float | None]:
        against = named[reference]
        values = system.values(metric) - against.values(metric)
        return (
            spread(values[:, None])[0],
            paired_tests(by_user(values, users)),
            mcnemar(system.hits(top_k), against.hits(top_k)),
            between_seeds(system.of_seeds(metric), against.of_seeds(metric)),
        )

    found = {name: difference(named[name]) for name in tested}
    hits = [system.hits(top_k) for system in systems]
    return Comparison(
        metric=metric,
        reference=reference,
        rows=tuple(
            Row(
                system.name,
                len(system.ranks),
                dict(zip(shown, spread(_matrix(system, shown)), strict=True)),
                _seed_sd(system, shown),
            )
            for system in systems
        ),
        differences=_corrected(found),
        overlap=tuple(tuple(overlap(a, b) for b in hits) for a in hits),
        cases=len(users),
        users=len(np.unique(users)),
        protocol=protocol,
        notes=notes,
    )


def _matrix(system: System, names: Sequence[str]) -> Float64s:
    return np.stack([system.values(name) for name in names], axis=1)


def _seed_sd(system: System, names: Sequence[str]) -> dict[str, float] | None:
    if len(system.ranks) < 2:
        return None
    return {name: float(np.std(system.of_seeds(name), ddof=1)) for name in names}


def _corrected(
    found: dict[str, tuple[Metric, PairedTests, McNemar, float | None]],
) -> tuple[Difference, ...]:
    """Each kind of p value corrected over the comparisons."""
    tests, hits = [f[1] for f in found.values()], [f[2] for f in found.values()]
    columns = (
        holm([test.t for test in tests]),
        holm([test.wilcoxon for test in tests]),
        holm([test.permutation for test in tests]),
        holm([hit.p for hit in hits]),
    )
    adjusted = [Adjusted(*cells) for cells in zip(*columns, strict=True)]
    return tuple(
        Difference(name, difference, test, hit, p, seeds_p)
        for (name, (difference, test, hit, seeds_p)), p in zip(found.items(), adjusted, strict=True)
    )
