"""What must hold for every next-item loss under every objective that uses it."""

import numpy as np
import pytest
import torch

from latentrec.build import build_loss, build_model, build_objective
from latentrec.config import RunConfig
from latentrec.configure import parse_config
from latentrec.data.batch import batches, training_samples
from latentrec.data.dataset import SequenceDataset
from latentrec.data.prepare import prepare
from latentrec.model.recommender import Recommender
from latentrec.objective.contract import Objective
from latentrec.reasoner_config import needs_partners

LOSSES: dict[str, dict[str, object]] = {
    "exact": {"kind": "exact"},
    "sampled": {"kind": "sampled", "negatives": 16},
    "uniform": {"kind": "sampled", "negatives": 16, "proposal": "uniform"},
    "in-batch": {"kind": "in-batch"},
    "sce": {"kind": "sce", "bucket_items": 8},
    "gbce": {"kind": "gbce", "negatives": 8},
}
DATA = {"users": 60, "items": 40, "mean_length": 9, "interests": 6}


def config_of(loss: str, reasoner: str) -> RunConfig:
    warmup = {} if reasoner in ("none", "lares") else {"warmup_epochs": 0}
    return parse_config(
        {
            "data": DATA,
            "encoder": {"dim": 8, "inner": 12, "max_length": 10, "dropout": 0.0},
            "reasoner": {"kind": reasoner, **warmup},
            "loss": LOSSES[loss],
        }
    )


def built(config: RunConfig) -> tuple[Recommender, Objective, SequenceDataset]:
    dataset = prepare(config.data, config.split).dataset
    torch.manual_seed(1)
    loss = build_loss(config.loss, dataset.train(), dataset.index.size)
    model = build_model(config, dataset.catalogue).train()
    return model, build_objective(config.reasoner, loss), dataset


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("reasoner", ["none", "erl", "prl", "lares", "plr"])
def test_every_parameter_learns_under_every_loss(loss: str, reasoner: str) -> None:
    """Finite losses and gradients, none left out."""
    config = config_of(loss, reasoner)
    model, objective, dataset = built(config)
    samples = training_samples(dataset.train(), 10, "all", "split", needs_partners(config.reasoner))
    batch = next(batches(samples, 16, np.random.default_rng(0)))
    losses = objective(model, batch, 5)
    losses.total.backward()
    assert all(bool(part.isfinite()) for part in losses.parts.values())
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.abs().sum() > 0, name


@pytest.mark.parametrize("loss", LOSSES)
def test_every_loss_moves_targets_up(loss: str) -> None:
    """A few epochs on it put the right items clearly nearer to the top than chance does."""
    model, objective, dataset = built(config_of(loss, "none"))
    samples = training_samples(dataset.train(), 10, "all", "split")
    optimiser = torch.optim.Adam(model.parameters(), lr=0.03)
    for epoch in range(20):
        for batch in batches(samples, 16, np.random.default_rng(epoch)):
            optimiser.zero_grad()
            objective(model, batch, epoch).total.backward()
            optimiser.step()
    assert mean_rank(model, dataset) < 0.85 * DATA["items"] / 2


def mean_rank(model: Recommender, dataset: SequenceDataset) -> float:
    """Mean number of items above a training target."""
    samples = training_samples(dataset.train(), 10, "all", "split")
    (batch,) = batches(samples, 1000, np.random.default_rng(0))
    with torch.no_grad():
        logits = model.logits(batch.items, batch.positions)[batch.predicted][:, 2:]
    own = logits.gather(1, batch.targets[batch.predicted][:, None] - 2)
    return float((logits > own).sum(1).double().mean())
