"""Published: what the PLR paper prints in its Tables 1 to 4, to stand beside our own figures."""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Final, final

TABLE_2: Final = ("recall@10", "recall@20", "ndcg@10", "ndcg@20")
"""Metrics of Table 2, in its order."""
TABLE_3: Final = ("recall@20", "ndcg@20")
"""Metrics of Table 3, in its order."""


@final
@dataclass(frozen=True)
class Statistics:
    """A row of Table 1."""

    users: int
    items: int
    interactions: int


@final
@dataclass(frozen=True)
class Efficiency:
    """A column of Table 4.

    Attributes:
        flops: Operations of one sample.
        latency_s: Seconds; of what, the paper does not say (docs/methods/plr.md).
    """

    flops: float
    latency_s: float


@final
@dataclass(frozen=True)
class Published:
    """The paper's tables; methods are named as the rows of our experiments.

    Paper: PLR (arXiv 2601.03153), section 6.

    Attributes:
        statistics: Table 1, by category.
        quality: Table 2: metrics by category and method.
        ablation: Table 3: metrics by category and variant.
        efficiency: Table 4, by method; its "ReaRec" stands as `sasrec+erl`.
    """

    statistics: dict[str, Statistics]
    quality: dict[str, dict[str, dict[str, float]]]
    ablation: dict[str, dict[str, dict[str, float]]]
    efficiency: dict[str, Efficiency]


def published() -> Published:
    """The paper's tables, from the file beside this module.

    Example:
        >>> published().quality["CDs & Vinyl"]["sasrec+plr"]["recall@20"]
        0.0873
    """
    text = Path(__file__).with_suffix(".toml").read_text(encoding="utf-8")
    tables = tomllib.loads(text)
    return Published(
        statistics={name: Statistics(*row) for name, row in tables["statistics"].items()},
        quality=_named(tables["quality"], TABLE_2),
        ablation=_named(tables["ablation"], TABLE_3),
        efficiency={
            name: Efficiency(flops * 1e8, seconds)
            for name, (flops, seconds) in tables["efficiency"].items()
        },
    )


def _named(
    table: dict[str, dict[str, list[float]]], metrics: tuple[str, ...]
) -> dict[str, dict[str, dict[str, float]]]:
    return {
        category: {row: dict(zip(metrics, of, strict=True)) for row, of in rows.items()}
        for category, rows in table.items()
    }
