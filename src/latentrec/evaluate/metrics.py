"""Metrics: what the rank of one target is worth, for lists of length K.

Every case has exactly one target. So `recall@k` is also the hit rate, the ideal DCG is 1,
`mrr@k` is the reciprocal rank cut off behind K, and the average precision (`map@k`) equals it.
"""

from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from latentrec.errors import ConfigError

Ranks: TypeAlias = npt.NDArray[np.int64]
Float64s: TypeAlias = npt.NDArray[np.float64]


def recall(ranks: Ranks, top_k: int) -> Float64s:
    """1 where the target is among the first `top_k`, else 0 (the hit rate), shape (C,)."""
    return (ranks <= top_k).astype(np.float64)


def ndcg(ranks: Ranks, top_k: int) -> Float64s:
    """1 / log2(rank + 1) where the target is among the first `top_k`, else 0, shape (C,)."""
    return np.where(ranks <= top_k, 1.0 / np.log2(ranks + 1.0), 0.0)


def mrr(ranks: Ranks, top_k: int) -> Float64s:
    """1 / rank where the target is among the first `top_k`, else 0, shape (C,)."""
    return np.where(ranks <= top_k, 1.0 / ranks, 0.0)


METRICS: Final[dict[str, Callable[[Ranks, int], Float64s]]] = {
    "recall": recall,
    "hit": recall,
    "ndcg": ndcg,
    "mrr": mrr,
    "map": mrr,
}
"""Metric by the first part of its name; the full name is `recall@10`."""


USUAL: Final = ("recall", "ndcg", "mrr")
"""The metrics that differ where every case has one target."""


def per_case(
    ranks: Ranks, top_k: Sequence[int], names: Sequence[str] = USUAL
) -> dict[str, Float64s]:
    """The value of every metric at every K for each case, by name: `recall@5`, `recall@10`, .."""
    return {f"{name}@{k}": METRICS[name](ranks, k) for name in names for k in top_k}


def value_of(ranks: Ranks, metric: str) -> Float64s:
    """The value of one metric, named like `ndcg@10`, for each case, shape (C,).

    Raises:
        ConfigError: If there is no such metric.
    """
    top_k = top_k_of(metric)
    return METRICS[metric.partition("@")[0]](ranks, top_k)


def top_k_of(metric: str) -> int:
    """The list length of a metric that is named like `ndcg@10`.

    Raises:
        ConfigError: If there is no such metric.
    """
    name, _, top_k = metric.partition("@")
    if name not in METRICS or not top_k.isdecimal() or int(top_k) < 1:
        raise ConfigError(f"metric '{metric}': must be one of {', '.join(METRICS)} with @K, K >= 1")
    return int(top_k)


def metrics_of(ranks: Ranks, top_k: Sequence[int]) -> dict[str, float]:
    """The mean over the cases of every metric at every K.

    Args:
        ranks: 1-based ranks of the targets, at least one, shape (C,).
        top_k: List lengths K.

    Example:
        >>> metrics_of(np.array([1, 3, 11]), [10])
        {'recall@10': 0.6666666666666666, 'ndcg@10': 0.5, 'mrr@10': 0.4444444444444444}
    """
    return {name: float(values.mean()) for name, values in per_case(ranks, top_k).items()}
