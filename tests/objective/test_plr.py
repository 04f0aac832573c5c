"""PLR's objective: signs, schedule, subset of positions, and what is logged."""

import pytest
import torch

from latentrec.build import build_objective
from latentrec.config import PlrConfig
from latentrec.data.batch import Batch
from latentrec.model.encoder import TransformerEncoder
from latentrec.model.items import IdItemEncoder
from latentrec.model.reasoner.plr import PlrReasoner
from latentrec.model.recommender import Recommender
from latentrec.objective.contract import Losses, Ramp
from latentrec.objective.none import NextItemObjective
from latentrec.objective.terms import reasoning_contrast

ITEMS = torch.tensor([[4, 9, 3], [7, 2, 0], [5, 6, 8]])
TARGETS = torch.tensor([[9, 3, 11], [2, 6, 0], [6, 8, 4]])
BATCH = Batch(ITEMS, torch.arange(3).expand(3, 3), TARGETS)


def model(dropout: float = 0.0) -> Recommender:
    torch.manual_seed(3)
    encoder = TransformerEncoder(16, 2, 2, 24, 10, dropout, dropout, causal=True)
    built = Recommender(IdItemEncoder(30, 16), encoder, PlrReasoner(16, 2, 2))
    for parameter in built.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return built.train()


def losses(epoch: int = 0, dropout: float = 0.0, **knobs: object) -> Losses:
    given = {"warmup_epochs": 0, "ramp_epochs": 0, "term_positions": 0, **knobs}
    torch.manual_seed(0)
    return build_objective(PlrConfig.model_validate(given))(model(dropout), BATCH, epoch)


def test_the_total_is_next_item_minus_diversity_plus_contrast() -> None:
    """L = NIP + w RCL - lambda KL (ADR 0001)."""
    found = losses(kl_weight=0.3, contrastive_weight=0.7, kl_cap=1e9)
    parts = found.parts
    expected = parts["next_item"] - 0.3 * parts["pairwise_kl"] + 0.7 * parts["contrast"]
    torch.testing.assert_close(found.total.detach(), expected)


def test_the_literal_sign_adds_diversity() -> None:
    """`literal_sign` gives Eq. 11 as printed."""
    found = losses(kl_weight=0.3, contrastive_weight=0.0, literal_sign=True, kl_cap=1e9)
    expected = found.parts["next_item"] + 0.3 * found.parts["pairwise_kl"]
    torch.testing.assert_close(found.total.detach(), expected)


def test_diversity_stops_pushing_at_its_cap() -> None:
    """Beyond the cap the term is constant: its gradient is zero (ADR 0002)."""
    built = model()
    objective = build_objective(
        PlrConfig(kl_weight=1.0, kl_cap=1e-6, contrastive_weight=0, warmup_epochs=0, ramp_epochs=0)
    )
    torch.manual_seed(0)
    objective(built, BATCH, 0).total.backward()
    capped = built.reasoner.triggers.grad.clone()
    built.zero_grad()
    NextItemObjective()(built, BATCH, 0).total.backward()
    torch.testing.assert_close(capped, built.reasoner.triggers.grad)


def test_the_warm_up_trains_the_encoder_alone() -> None:
    """In the warm-up h_0 is scored and no reasoning weight gets a gradient (ADR 0008)."""
    built = model()
    found = build_objective(PlrConfig(warmup_epochs=1))(built, BATCH, 0)
    found.total.backward()
    assert set(found.parts) == {"next_item"}
    assert built.reasoner.triggers.grad is None
    assert built.encoder.position.weight.grad is not None


def test_the_ramp_scales_both_terms() -> None:
    """Half the weight in the first of two ramp epochs, the full one after."""
    half = losses(epoch=0, ramp_epochs=2, kl_weight=0.3, contrastive_weight=0.7, kl_cap=1e9)
    parts = half.parts
    expected = parts["next_item"] + 0.5 * (0.7 * parts["contrast"] - 0.3 * parts["pairwise_kl"])
    torch.testing.assert_close(half.total.detach(), expected)
    assert Ramp(1, 0).share(1) == 1.0


def test_a_subset_of_positions_is_an_unbiased_estimate() -> None:
    """Averaged over draws, one position a history gives what all of a balanced batch give."""
    batch = Batch(ITEMS[[0, 2]], BATCH.positions[[0, 2]], TARGETS[[0, 2]])  # no padding: balanced
    built = model()
    terms = {"contrastive_weight": 0.0, "warmup_epochs": 0, "ramp_epochs": 0}
    everywhere = build_objective(PlrConfig(term_positions=0, **terms))(built, batch, 0)
    one = build_objective(PlrConfig(term_positions=1, **terms))
    torch.manual_seed(0)
    draws = torch.stack([one(built, batch, 0).parts["pairwise_kl"] for _ in range(60)])
    error = draws.std() / len(draws) ** 0.5
    assert (draws.mean() - everywhere.parts["pairwise_kl"]).abs() < 4 * error


def test_padded_places_never_enter_the_loss() -> None:
    """More padding behind the histories changes no part of the loss."""
    pad = torch.zeros(3, 2, dtype=torch.long)
    longer = Batch(
        torch.cat([ITEMS, pad], 1), torch.arange(5).expand(3, 5), torch.cat([TARGETS, pad], 1)
    )
    objective = build_objective(PlrConfig(warmup_epochs=0, term_positions=0))
    short, long = objective(model(), BATCH, 9), objective(model(), longer, 9)
    for name, value in short.parts.items():
        torch.testing.assert_close(long.parts[name], value, rtol=1e-5, atol=1e-5)


def test_views_differ_by_dropout_only() -> None:
    """Without dropout the second view is the first; with dropout it is another one."""
    reasoned = model()(ITEMS, BATCH.positions)
    states = reasoned.steps[BATCH.predicted].flatten(1, 2)
    alike = reasoning_contrast(states, states, 1.0).detach()
    torch.testing.assert_close(losses().parts["contrast"], alike)
    assert not torch.isclose(losses(dropout=0.5).parts["contrast"], alike)


@pytest.mark.parametrize("weight", [0.0, 0.5])
def test_every_parameter_of_the_reasoner_learns(weight: float) -> None:
    """Triggers, step embeddings and gate all get gradients, with or without contrast."""
    built = model()
    build_objective(PlrConfig(warmup_epochs=0, contrastive_weight=weight))(
        built, BATCH, 5
    ).total.backward()
    for name, parameter in built.reasoner.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name
