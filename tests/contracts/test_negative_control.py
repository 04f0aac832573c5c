"""Controls: on data without any pattern nothing beats chance, on data with one PLR finds it.

Without pattern every target is a uniform draw, independent of all that was trained on. Whatever
list of 10 of N items a recommender gives, its hits over C users are then binomial, C draws with
chance 10 / N. More hits mean that the target leaked; fewer mean that it is hidden. A leak inside
training (a position that sees its own target) need not show in the ranks, but does in the loss:
the next of N equally likely items costs ln N nats, and a few epochs cannot learn 800 users by
heart.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from scipy.stats import binom

from latentrec.configure import parse_config
from latentrec.evaluate.evaluate import Evaluation
from latentrec.run import evaluate_run, fit, load

pytestmark = pytest.mark.slow

ITEMS = 100
TOP_K = 10
DOUBT = 1e-3
"""Chance that a sound recommender fails the control on another seed."""


@dataclass(frozen=True)
class Outcome:
    """What training and the test of one data set came to."""

    last_losses: Mapping[str, float]
    scorers: Mapping[str, Evaluation]


def train(folder: Any, predictability: float, epochs: int) -> Outcome:
    data = {"users": 800, "items": ITEMS, "mean_length": 16, "predictability": predictability}
    config = parse_config(
        {
            "data": data,
            "encoder": {"dim": 32, "inner": 64, "max_length": 30, "dropout": 0.1},
            "reasoner": {"kind": "plr", "warmup_epochs": 3, "ramp_epochs": 1},
            "train": {
                "epochs": epochs, "batch_size": 32, "learning_rate": 3e-3, "device": "cpu",
            },
        }
    )  # fmt: skip
    *_, last = fit(config, folder)
    found = {e.scorer: e for e in evaluate_run(load(folder, device="cpu"))}
    return Outcome(last.losses, found)


@pytest.fixture(scope="module")
def without_pattern(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    return train(tmp_path_factory.mktemp("runs") / "none", 0.0, epochs=6)


@pytest.fixture(scope="module")
def with_pattern(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    return train(tmp_path_factory.mktemp("runs") / "some", 0.9, epochs=9)


def test_plr_hits_as_often_as_chance(without_pattern: Outcome) -> None:
    found = without_pattern.scorers["sasrec+plr"]
    assert (found.candidates, found.unknown_targets) == (ITEMS, 0)
    hits = int((found.ranks <= TOP_K).sum())
    low, high = binom.ppf([DOUBT / 2, 1 - DOUBT / 2], found.cases, TOP_K / ITEMS)
    assert low <= hits <= high


BASELINES = ["popularity", "recent-popularity", "markov", "item-knn", "ease"]


@pytest.mark.parametrize("scorer", BASELINES)
def test_baselines_hit_no_more_than_chance(without_pattern: Outcome, scorer: str) -> None:
    # Their ties count against them, so that they may stay below.
    found = without_pattern.scorers[scorer]
    high = binom.ppf(1 - DOUBT / 2, found.cases, TOP_K / ITEMS)
    assert int((found.ranks <= TOP_K).sum()) <= high


def test_training_sees_no_target(without_pattern: Outcome) -> None:
    assert "pairwise_kl" in without_pattern.last_losses  # it did reason
    assert without_pattern.last_losses["next_item"] > 0.93 * math.log(ITEMS)


@pytest.mark.parametrize("metric", ["recall@10", "ndcg@10"])
# ItemKNN and EASE find the interests of a user, so they are not far behind after a few epochs.
@pytest.mark.parametrize("scorer", ["popularity", "recent-popularity", "markov"])
def test_plr_finds_a_pattern_that_counting_cannot(
    with_pattern: Outcome, scorer: str, metric: str
) -> None:
    """The positive control: without it a model that learns nothing would pass all the above."""
    plr, other = with_pattern.scorers["sasrec+plr"], with_pattern.scorers[scorer]
    assert plr.metrics[metric].low > other.metrics[metric].high
