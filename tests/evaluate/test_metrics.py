"""Metrics at known ranks: the values every table is made of."""

import math

import numpy as np
import pytest

from latentrec.evaluate.metrics import metrics_of, mrr, ndcg, per_case, recall

RANKS = np.array([1, 2, 10, 11, 1000])


def test_known_values() -> None:
    assert recall(RANKS, 10).tolist() == [1, 1, 1, 0, 0]
    assert ndcg(RANKS, 10).tolist() == pytest.approx([1, 1 / math.log2(3), 1 / math.log2(11), 0, 0])
    assert mrr(RANKS, 10).tolist() == pytest.approx([1, 0.5, 0.1, 0, 0])


def test_names_and_means() -> None:
    found = metrics_of(RANKS, (5, 10))
    names = ["recall@5", "recall@10", "ndcg@5", "ndcg@10", "mrr@5", "mrr@10"]
    assert list(found) == list(per_case(RANKS, (5, 10))) == names
    assert found["recall@5"] == pytest.approx(0.4)
    assert found["mrr@10"] == pytest.approx(1.6 / 5)


def test_metrics_grow_with_k_and_never_pass_recall() -> None:
    found = metrics_of(np.arange(1, 40), (1, 5, 20))
    for name in ("recall", "ndcg", "mrr"):
        assert found[f"{name}@1"] <= found[f"{name}@5"] <= found[f"{name}@20"]
        assert found[f"{name}@20"] <= found["recall@20"]
