"""Every setting of training reaches samples, objective, loss and optimiser."""

from typing import Any

import pytest

from latentrec.build import (
    build_loss,
    build_model,
    build_objective,
    build_optimiser,
    build_question,
    build_samples,
)
from latentrec.config import TrainConfig
from latentrec.configure import parse_config
from latentrec.data.catalogue import Catalogue
from latentrec.data.cloze import ClozeSamples
from latentrec.data.dataset import Histories
from latentrec.index import MASK, ItemIndex
from latentrec.objective.gbce import GbceLoss
from latentrec.objective.next_item import ExactLoss, NextItemLoss
from latentrec.objective.none import NextItemObjective
from latentrec.objective.plr import PlrObjective
from latentrec.objective.sampled import InBatchLoss, SampledLoss
from latentrec.objective.sce import SceLoss

INDEX = ItemIndex(["a", "b", "c"])
CATALOGUE = Catalogue(INDEX)
ENCODER = {"dim": 8, "layers": 1, "heads": 1, "inner": 12, "max_length": 5}


def test_the_optimiser_takes_step_size_and_decay() -> None:
    model = build_model(parse_config({"encoder": ENCODER}), CATALOGUE)
    optimiser = build_optimiser(model, TrainConfig(learning_rate=0.5, weight_decay=0.25))
    assert [(g["lr"], g["weight_decay"]) for g in optimiser.param_groups] == [(0.5, 0.25)]


def test_the_objective_goes_with_the_reasoner() -> None:
    knobs = {"kind": "plr", "kl_weight": 0.5, "contrastive_weight": 0.25, "term_positions": 3}
    found = build_objective(parse_config({"reasoner": knobs}).reasoner)
    assert isinstance(found, PlrObjective)
    none = build_objective(parse_config({"reasoner": {"kind": "none"}}).reasoner)
    assert isinstance(none, NextItemObjective)


def test_the_cloze_task_reaches_training_and_ranking() -> None:
    """A model trained on masks and asked without one would rank by a state it never learned."""
    knobs = {"kind": "bert4rec-cloze", "mask_probability": 0.4, "last_share": 0.3, "max_length": 3}
    config = parse_config({"encoder": knobs, "reasoner": {"kind": "none"}})
    train = Histories.from_lists([[2, 3, 4, 2, 3]])
    samples = build_samples(config, train)
    assert isinstance(samples, ClozeSamples)
    assert (samples.mask_probability, samples.last_share) == (0.4, 0.3)
    assert samples.lengths.tolist() == [3, 3]
    asked = build_question(config.encoder)(train, config.encoder.max_length)
    assert asked.items.tolist() == [[2, 3, MASK]]
    model = build_model(config, CATALOGUE)
    assert not model.encoder.causal
    assert model.logits(asked.items, asked.positions).shape == (1, 1, INDEX.size)


@pytest.mark.parametrize("kind", ["sasrec", "hstu", "bert4rec"])
def test_all_other_backbones_are_asked_by_the_last_item(kind: str) -> None:
    positions = "last" if kind == "bert4rec" else "all"
    config = parse_config({"encoder": {"kind": kind}, "train": {"positions": positions}})
    asked = build_question(config.encoder)(Histories.from_lists([[2, 3, 4]]), 3)
    assert asked.items.tolist() == [[2, 3, 4]]


@pytest.mark.parametrize(
    ("knobs", "kind", "weights"),
    [
        ({"kind": "sampled", "negatives": 7}, SampledLoss, [0, 0, 2, 1, 1]),
        ({"kind": "sampled", "proposal": "uniform"}, SampledLoss, [0, 0, 1, 1, 1]),
        ({"kind": "in-batch"}, InBatchLoss, [0, 0, 2, 1, 1]),
        ({"kind": "sce", "coverage": 3.0, "bucket_items": 9}, SceLoss, None),
        ({"kind": "gbce", "negatives": 5, "calibration": 0.5}, GbceLoss, None),
        ({}, ExactLoss, None),
    ],
)
def test_the_loss_takes_every_knob(
    knobs: dict[str, Any], kind: type[NextItemLoss], weights: list[int] | None
) -> None:
    config = parse_config({"loss": knobs}).loss
    loss = build_loss(config, Histories.from_lists([[2, 3], [2, 4]]), size=5)
    assert isinstance(loss, kind)
    name = "counts" if kind is InBatchLoss else "weights"
    assert weights is None or loss.get_buffer(name).tolist() == weights
    own = {k: v for k, v in knobs.items() if k not in ("kind", "proposal")}
    assert {k: getattr(loss, k) for k in own} == own
    assert loss.state_dict() == {}  # nothing of it belongs into a checkpoint


@pytest.mark.parametrize("reasoner", ["none", "erl", "prl", "lares", "plr"])
def test_the_loss_reaches_every_objective(reasoner: str) -> None:
    loss = SceLoss(2.0, 3)
    config = parse_config({"reasoner": {"kind": reasoner}}).reasoner
    assert build_objective(config, loss).next_item is loss
