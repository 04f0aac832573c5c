"""Metrics at known ranks: the values every table is made of."""

import math

import numpy as np
import pytest

from latentrec.errors import ConfigError
from latentrec.evaluate.metrics import metrics_of, mrr, ndcg, per_case, recall, value_of

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


def test_metrics_are_those_of_trec_eval() -> None:
    """An independent program: scores in, its own sorting, its own formulas."""
    pytrec_eval = pytest.importorskip("pytrec_eval", reason="pytrec-eval-terrier is not installed")
    rng = np.random.default_rng(0)
    scores = rng.permuted(np.tile(np.arange(60.0), (40, 1)), axis=1)
    targets = rng.integers(0, 60, 40)
    ours = (scores >= scores[np.arange(40), targets][:, None]).sum(1)
    wanted = {"recall.5,10", "ndcg_cut.5,10", "map_cut.5,10", "success.5,10", "recip_rank"}
    judged = {f"q{row}": {f"d{target}": 1} for row, target in enumerate(targets)}
    evaluator = pytrec_eval.RelevanceEvaluator(judged, wanted)
    run = {f"q{r}": {f"d{i}": float(s) for i, s in enumerate(row)} for r, row in enumerate(scores)}
    theirs = evaluator.evaluate(run)
    names = {"recall": "recall", "ndcg": "ndcg_cut", "map": "map_cut", "hit": "success"}
    for name, their_name in names.items():
        for k in (5, 10):
            expected = [theirs[f"q{row}"][f"{their_name}_{k}"] for row in range(40)]
            np.testing.assert_allclose(value_of(ours, f"{name}@{k}"), expected, atol=1e-6)
    reciprocal = [theirs[f"q{row}"]["recip_rank"] for row in range(40)]
    np.testing.assert_allclose(value_of(ours, "mrr@60"), reciprocal, atol=1e-6)


@pytest.mark.parametrize("name", ["foo@10", "recall", "recall@0", "recall@x", "@5"])
def test_a_metric_that_does_not_exist_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="must be one of recall, hit, ndcg, mrr, map with @K"):
        value_of(RANKS, name)
