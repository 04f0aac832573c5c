"""What must hold for every reasoner on every backbone, whoever wrote it."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch

from latentrec.build import build_model, build_objective, build_question, build_samples
from latentrec.config import RunConfig, UnisrecItemsConfig
from latentrec.configure import parse_config
from latentrec.data.batch import batches
from latentrec.data.dataset import Histories, SequenceDataset
from latentrec.data.item_text.vectors import with_text
from latentrec.data.prepare import prepare
from latentrec.model.recommender import Recommender
from latentrec.run import fit, load
from latentrec.scorer import ModelScorer

BACKBONES = ("sasrec", "hstu", "bert4rec", "bert4rec-cloze", "unisrec")
REASONERS = ("none", "erl", "prl", "lares", "plr")
EVERY = pytest.mark.parametrize(
    ("backbone", "reasoner"), [(b, r) for b in BACKBONES for r in REASONERS]
)


def config_of(backbone: str, reasoner: str, dropout: float = 0.0) -> RunConfig:
    encoder = "sasrec" if backbone == "unisrec" else backbone
    knobs = {"dim": 8, "inner": 12, "max_length": 6}
    warmup = {} if reasoner in ("none", "lares") else {"warmup_epochs": 0}
    if (backbone, reasoner) == ("bert4rec-cloze", "lares"):
        warmup = {"trajectory_weight": 0, "step_weight": 0}  # the Cloze task has no next item
    text = {"kind": "text", "experts": 2, "dim_text": 6, "dropout": 0.0}
    return parse_config(
        {
            "data": {"users": 40, "items": 30, "mean_length": 7, "interests": 6},
            "items": text if backbone == "unisrec" else {},
            "encoder": {"kind": encoder, "dropout": dropout, "attention_dropout": dropout, **knobs},
            "reasoner": {"kind": reasoner, **warmup},
            "train": {
                "positions": "last" if backbone == "bert4rec" else "all",
                "batch_size": 16,
                "epochs": 1,
                "device": "cpu",
            },
            "evaluate": {"resamples": 50},
        }
    )


@dataclass(frozen=True)
class Method:
    config: RunConfig
    dataset: SequenceDataset
    model: Recommender

    def scorer(self) -> ModelScorer:
        question = build_question(self.config.encoder)
        return ModelScorer(self.model, "model", 6, torch.device("cpu"), question)


def method(backbone: str, reasoner: str, dropout: float = 0.0) -> Method:
    config = config_of(backbone, reasoner, dropout)
    dataset = prepare(config.data, config.split).dataset
    torch.manual_seed(1)
    catalogue = dataset.catalogue
    if isinstance(config.items, UnisrecItemsConfig):
        catalogue = with_text(catalogue, config.items)
    model = build_model(config, catalogue)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return Method(config, dataset, model.eval())


@EVERY
def test_a_training_step_reaches_every_parameter(backbone: str, reasoner: str) -> None:
    """Losses are finite, and no weight is left out of what is minimised."""
    built = method(backbone, reasoner, dropout=0.1)
    config = built.config
    samples = build_samples(config, built.dataset.train())
    batch = next(batches(samples, 16, np.random.default_rng(0)))
    torch.manual_seed(0)
    losses = build_objective(config.reasoner)(built.model.train(), batch, 5)
    losses.total.backward()
    assert all(bool(part.isfinite()) for part in losses.parts.values())
    for name, parameter in built.model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.abs().sum() > 0, name


@EVERY
def test_scores_depend_on_the_history_alone(backbone: str, reasoner: str) -> None:
    """Not on who else is asked for, on padding, on the call before, or on what is cut off."""
    scorer = method(backbone, reasoner).scorer()
    history = [4, 9, 3]
    alone = scorer.scores(Histories.from_lists([history]))
    again = scorer.scores(Histories.from_lists([[5, 6, 7, 8, 9, 10], history]))[1:]
    torch.testing.assert_close(again, alone, rtol=1e-4, atol=1e-5)
    longer = scorer.scores(Histories.from_lists([[7, 8, 2, 5, 6, 7, 8, 9, 10]]))
    cut = scorer.scores(Histories.from_lists([[5, 6, 7, 8, 9, 10]]))
    torch.testing.assert_close(longer, cut, rtol=1e-4, atol=1e-5)
    assert not torch.allclose(alone, cut, atol=1e-4)


@pytest.mark.parametrize("reasoner", REASONERS)
@pytest.mark.parametrize("backbone", ["sasrec", "hstu", "unisrec"])
def test_all_positions_equal_prefixes_where_causal(backbone: str, reasoner: str) -> None:
    """One pass over all positions gives what encoding every prefix by itself gives."""
    model = method(backbone, reasoner).model
    items = torch.tensor([[4, 9, 3, 22, 9]])
    with torch.no_grad():
        together = model(items, torch.arange(5)[None])
        for end in range(1, 6):
            alone = model(items[:, :end], torch.tensor([[end - 1]]))
            for name in ("steps", "train_state", "infer_state"):
                here, there = getattr(together, name)[:, end - 1], getattr(alone, name)[:, 0]
                torch.testing.assert_close(here, there, rtol=1e-4, atol=1e-5)


@EVERY
def test_a_run_recommends_after_loading_what_it_recommended_before(
    backbone: str, reasoner: str, tmp_path: Path
) -> None:
    """Trained for an epoch, saved and loaded, twice: the same lists, the same numbers."""
    config = config_of(backbone, reasoner, dropout=0.1)
    losses = [next(iter(fit(config, tmp_path / name))).losses for name in ("a", "b")]
    assert losses[0] == losses[1]
    first, second = load(tmp_path / "a"), load(tmp_path / "b")
    histories = [list(first.index.all_ids[:4]), list(first.index.all_ids[3:12])]
    found = first.recommend(histories, top_k=5)
    assert found == second.recommend(histories, top_k=5)
    assert all(len(each.item_ids) == 5 for each in found)


@pytest.mark.parametrize("backbone", ["sasrec", "hstu", "unisrec"])
@pytest.mark.parametrize("reasoner", REASONERS)
def test_losses_in_bf16_agree_with_single_precision(backbone: str, reasoner: str) -> None:
    """Layers compute in bf16, losses do not: to 1e-2, and with finite gradients."""
    found = method(backbone, reasoner)
    with torch.no_grad():  # scores of the size that training sees
        for parameter in found.model.items.parameters():
            parameter.mul_(0.3)
    samples = build_samples(found.config, found.dataset.train())
    batch = next(iter(batches(samples, 16, np.random.default_rng(0))))
    objective, totals = build_objective(found.config.reasoner), []
    for bf16 in (False, True):
        torch.manual_seed(3)  # the same positions, depths and noise
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=bf16):
            totals.append(objective(found.model, batch, 5).total)
    torch.testing.assert_close(totals[1], totals[0], rtol=1e-2, atol=1e-2)
    totals[1].backward()
    gradients = [p.grad for p in found.model.parameters() if p.grad is not None]
    assert gradients
    assert all(bool(gradient.isfinite().all()) for gradient in gradients)
