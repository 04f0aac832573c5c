"""The baselines beside a model: all of them, tuned on validation and on nothing else."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from latentrec.config import EvaluateConfig, LeaveOneOutConfig, SyntheticConfig
from latentrec.data.dataset import SequenceDataset
from latentrec.data.prepare import prepare
from latentrec.evaluate import baselines
from latentrec.evaluate.baselines import fit_baseline, fit_baselines, left_out, tuned
from latentrec.evaluate.evaluate import rank_cases
from latentrec.evaluate.metrics import ndcg

ALL = ["popularity", "recent-popularity", "markov", "item-knn", "ease"]


@pytest.fixture(scope="module")
def dataset() -> SequenceDataset:
    data = SyntheticConfig(users=80, items=40, interests=6, interests_per_user=3, mean_length=8)
    return prepare(data, LeaveOneOutConfig()).dataset


def test_all_are_fitted_in_order(dataset: SequenceDataset) -> None:
    found = list(fit_baselines(dataset, EvaluateConfig()))
    assert [scorer.name for scorer in found] == ALL
    assert all(scorer.size == dataset.index.size for scorer in found)
    assert left_out(dataset, EvaluateConfig()) == {}


def test_a_catalogue_that_is_too_large_for_ease_is_said(dataset: SequenceDataset) -> None:
    knobs = EvaluateConfig(ease_items=39)
    assert [scorer.name for scorer in fit_baselines(dataset, knobs)] == ALL[:-1]
    found = left_out(dataset, knobs)
    assert list(found) == ["ease"]
    assert "40 items" in found["ease"]
    assert "raise evaluate.ease_items, or leave ease out" in found["ease"]


def test_the_best_on_validation_is_taken(dataset: SequenceDataset) -> None:
    from latentrec.baselines.markov import Markov

    grid = list(Markov.grid(dataset.train(), dataset.index.size))
    values = [
        ndcg(rank_cases(scorer, dataset, dataset.valid, exclude_seen=True), 10).mean()
        for scorer in grid
    ]
    assert len(set(values)) > 1
    assert tuned(grid, dataset, exclude_seen=True) is grid[int(np.argmax(values))]


def test_no_test_case_is_read(dataset: SequenceDataset) -> None:
    """A planted leak: other test targets must not change any baseline."""
    rows = dataset.test.ends
    items = dataset.items.copy()
    items[rows] = 2
    other = replace(
        dataset, items=items, test=replace(dataset.test, targets=np.full_like(rows, 2, np.int32))
    )
    histories = dataset.histories(dataset.valid)
    for name in EvaluateConfig().baselines:
        first, second = (fit_baseline(name, d, exclude_seen=False) for d in (dataset, other))
        assert first.settings == second.settings
        assert torch.equal(first.scores(histories), second.scores(histories)), name


def test_few_validation_cases_decide_on_large_data(
    monkeypatch: pytest.MonkeyPatch, dataset: SequenceDataset
) -> None:
    monkeypatch.setattr(baselines, "TUNING_CASES", 10)
    first, second = (fit_baseline("markov", dataset, exclude_seen=False) for _ in range(2))
    assert first.settings == second.settings
