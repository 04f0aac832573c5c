"""The 20 best of a large catalogue for one history: exactly, and through an index, one thread.

Item vectors are drawn: 1,000 clusters, each item its cluster's centre plus equally long noise,
clusters of unequal size. A query is an item's vector with noise of its own. Trained tables are
clustered like this, though no draw is a trained table: `latentrec index` measures yours.

    OMP_NUM_THREADS=1 python benchmarks/retrieval.py [ITEMS [DIM]]
"""

import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import faiss
import numpy as np
import torch
from _measure import write_results

from latentrec.approximate import empty_index
from latentrec.recommend import best

TOP_K, QUERIES, CLUSTERS = 20, 500, 1000
LOOKS = {"hnsw": (32, 64, 128, 256, 512), "ivf": (4, 8, 16, 32, 64)}


def vectors(items: int, dim: int) -> tuple[np.ndarray, np.ndarray]:
    """Items and queries, float32, of about length 1."""
    rng = np.random.default_rng(0)
    shares = rng.dirichlet(np.full(CLUSTERS, 1.0))
    centres = _noise(rng, CLUSTERS, dim)
    table = centres[rng.choice(CLUSTERS, items, p=shares)] + _noise(rng, items, dim)
    return table, table[rng.integers(0, items, QUERIES)] + _noise(rng, QUERIES, dim)


def _noise(rng: np.random.Generator, rows: int, dim: int) -> np.ndarray:
    return (rng.standard_normal((rows, dim)) / dim**0.5).astype(np.float32)


def median_ms(search: Callable[[np.ndarray], Any], queries: np.ndarray) -> float:
    """Median time of one query alone, in milliseconds."""
    times: list[float] = []
    for query in queries:
        begun = time.perf_counter()
        search(query[None])
        times.append(1000 * (time.perf_counter() - begun))
    return statistics.median(times)


def _exact(table: np.ndarray) -> Callable[[np.ndarray], Any]:
    columns = torch.from_numpy(table).T.contiguous()  # as a scorer keeps them
    return lambda query: list(best(torch.from_numpy(query) @ columns, TOP_K))


def _row(way: str, looks: int, found: float, ms: float, made_s: float) -> dict[str, Any]:
    return {
        "way": way,
        "looks at": looks,
        f"recall@{TOP_K}": found,
        "p50 ms": ms,
        "made in s": made_s,
    }


def _indexed(kind: str, table: np.ndarray, queries: np.ndarray, wanted: np.ndarray) -> list[Any]:
    begun, index = time.perf_counter(), empty_index(kind, *table.shape)
    if kind == "ivf":
        index.train(table)
    index.add(table)
    made_s, rows = time.perf_counter() - begun, list[Any]()
    for looks in LOOKS[kind]:
        if kind == "hnsw":
            index.hnsw.efSearch = looks
        else:
            index.nprobe = looks
        found = index.search(queries, TOP_K)[1]
        hits = sum(len(set(f) & set(w)) for f, w in zip(found, wanted, strict=True))
        ms = median_ms(lambda query: index.search(query, TOP_K), queries)
        rows.append(_row(kind, looks, hits / wanted.size, ms, made_s))
    return rows


def main(items: int = 20_000, dim: int = 256) -> None:
    torch.set_num_threads(1)
    faiss.omp_set_num_threads(1)
    table, queries = vectors(items, dim)
    exact = _exact(table)
    wanted = np.array([exact(query[None])[0][0] for query in queries])
    rows = [_row("exact", items, 1.0, median_ms(exact, queries), 0.0)]
    for kind in LOOKS:
        rows += _indexed(kind, table, queries, wanted)
    notes = [
        f"{items:,} drawn items in {CLUSTERS:,} clusters, d = {dim}; {QUERIES} queries one by one"
    ]
    write_results("retrieval", f"The {TOP_K} best of a large catalogue", rows, notes)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
