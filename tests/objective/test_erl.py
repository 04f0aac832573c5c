"""ERL's objective: the one-sided divergence, signs, temperature, schedule, what is logged."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from latentrec.build import build_objective
from latentrec.config import ErlConfig
from latentrec.data.batch import Batch
from latentrec.model.encoder import TransformerEncoder
from latentrec.model.items import IdItemEncoder
from latentrec.model.reasoner.erl import ErlReasoner
from latentrec.model.recommender import Recommender
from latentrec.objective.contract import Losses
from latentrec.objective.terms import one_sided_kl, pairwise_kl

ITEMS = torch.tensor([[4, 9, 3], [7, 2, 0], [5, 6, 8]])
TARGETS = torch.tensor([[9, 3, 11], [2, 6, 0], [6, 8, 4]])
BATCH = Batch(ITEMS, torch.arange(3).expand(3, 3), TARGETS)


def model(steps: int = 2) -> Recommender:
    torch.manual_seed(3)
    encoder = TransformerEncoder(16, 2, 2, 24, 10, 0.0, 0.0, causal=True)
    built = Recommender(IdItemEncoder(30, 16), encoder, ErlReasoner(16, steps))
    for parameter in built.parameters():
        if parameter.dim() > 1:  # biases of LayerNorm would make all states alike
            torch.nn.init.normal_(parameter, std=0.3)
    return built.train()


def losses(epoch: int = 0, **knobs: object) -> Losses:
    given = {"warmup_epochs": 0, "ramp_epochs": 0, "term_positions": 0, "kl_cap": 1e9, **knobs}
    return build_objective(ErlConfig.model_validate(given))(model(), BATCH, epoch)


def double(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def loops(states: Tensor, table: Tensor, temperature: float) -> Tensor:
    """KL(p_j || p_i) with p_i detached, for every ordered pair, as the authors' code has it."""
    n = states.shape[1]
    logp = F.log_softmax(states @ table.T / temperature, -1)
    pairs = [
        (logp[:, j].exp() * (logp[:, j] - logp[:, i].detach())).sum(-1)
        for i in range(n)
        for j in range(n)
        if i != j
    ]
    return torch.stack(pairs).mean(0)


@pytest.mark.parametrize("n", [2, 3, 5])
@pytest.mark.parametrize("temperature", [1.0, 0.07])
def test_one_sided_kl_equals_the_pairs(n: int, temperature: float) -> None:
    """Value and the gradients of states and table, without any pair (ADR 0017)."""
    states = (double(3, n, 5) / 4).requires_grad_()
    table, weights = double(40, 5, seed=1).requires_grad_(), double(3, seed=2)
    ours, naive = one_sided_kl(states, table, temperature), loops(states, table, temperature)
    torch.testing.assert_close(ours, naive, rtol=1e-9, atol=1e-9)
    found = torch.autograd.grad(ours @ weights, (states, table))
    wanted = torch.autograd.grad(naive @ weights, (states, table))
    for a, b in zip(found, wanted, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-9)


def test_one_sided_kl_has_the_value_of_the_whole_but_another_gradient() -> None:
    """Holding one side fixed changes what is pushed, not what is measured."""
    states, table = double(3, 3, 5).requires_grad_(), double(40, 5, seed=1)
    half, whole = one_sided_kl(states, table, 1.0), pairwise_kl(states, table)
    torch.testing.assert_close(half, whole, rtol=1e-9, atol=1e-9)
    a, b = (torch.autograd.grad(x.sum(), states)[0] for x in (half, whole))
    assert not torch.allclose(a, b)


def test_a_step_on_minus_the_divergence_drives_states_apart() -> None:
    """The sign that the method needs (P7)."""
    states, table = double(4, 3, 5).requires_grad_(), double(30, 5, seed=1)
    before = one_sided_kl(states, table, 1.0).mean()
    (gradient,) = torch.autograd.grad(-before, states)
    assert one_sided_kl(states - 0.1 * gradient, table, 1.0).mean() > before


def test_the_total_is_next_item_minus_diversity() -> None:
    """CE - lambda KL, the divergence subtracted."""
    found = losses(kl_weight=0.3)
    expected = found.parts["next_item"] - 0.3 * found.parts["pairwise_kl"]
    torch.testing.assert_close(found.total.detach(), expected)
    assert found.parts["pairwise_kl"] > 0.1
    assert set(found.parts) == {"next_item", "pairwise_kl", "state_cosine"}


def test_the_temperature_divides_the_logits_of_both_terms() -> None:
    """As if the item table had been scaled, states and all else equal."""
    reasoned = model()(ITEMS, BATCH.positions)
    rows, table = BATCH.predicted, model().items.table()[2:]
    logits = reasoned.train_state[rows] @ table.T / 0.5
    found = losses(temperature=0.5).parts
    torch.testing.assert_close(found["next_item"], F.cross_entropy(logits, TARGETS[rows] - 2))
    divergence = pairwise_kl(reasoned.steps[rows][:, 0] / 0.5, table).mean()
    torch.testing.assert_close(found["pairwise_kl"], divergence, rtol=1e-4, atol=1e-5)


def test_diversity_stops_pushing_at_its_cap() -> None:
    """Beyond the cap the term is constant: only the next-item loss has a gradient (ADR 0002)."""

    def gradient(**knobs: float) -> Tensor:
        built, given = model(), {"warmup_epochs": 0, "ramp_epochs": 0, **knobs}
        torch.manual_seed(0)
        build_objective(ErlConfig.model_validate(given))(built, BATCH, 0).total.backward()
        return built.reasoner.step_embedding.grad

    free = gradient(kl_weight=0.0)
    torch.testing.assert_close(gradient(kl_weight=1.0, kl_cap=1e-6), free)
    assert not torch.allclose(gradient(kl_weight=1.0, kl_cap=1e9), free)


def test_the_warm_up_trains_the_encoder_alone() -> None:
    """In the warm-up h_0 is scored and no reasoning weight gets a gradient (ADR 0008)."""
    built = model()
    objective = build_objective(ErlConfig(warmup_epochs=1, temperature=0.5))
    found = objective(built, BATCH, 0)
    found.total.backward()
    rows, h0 = BATCH.predicted, model().encode(ITEMS).hidden
    logits = h0[rows] @ model().items.table()[2:].T / 0.5
    torch.testing.assert_close(found.total, F.cross_entropy(logits, TARGETS[rows] - 2))
    assert set(found.parts) == {"next_item"}
    assert built.reasoner.step_embedding.grad is None
    assert built.encoder.position.weight.grad is not None


@pytest.mark.parametrize(("epoch", "share"), [(1, 0.5), (2, 1.0), (3, 1.0)])
def test_the_ramp_scales_the_diversity(epoch: int, share: float) -> None:
    """After one epoch of warm-up, half the weight, then all of it."""
    found = losses(epoch=epoch, warmup_epochs=1, ramp_epochs=2, kl_weight=0.3)
    expected = found.parts["next_item"] - share * 0.3 * found.parts["pairwise_kl"]
    torch.testing.assert_close(found.total.detach(), expected)


def test_padded_places_never_enter_the_loss() -> None:
    """More padding behind the histories changes no part of the loss."""
    pad = torch.zeros(3, 2, dtype=torch.long)
    longer = Batch(
        torch.cat([ITEMS, pad], 1), torch.arange(5).expand(3, 5), torch.cat([TARGETS, pad], 1)
    )
    objective = build_objective(ErlConfig(warmup_epochs=0, term_positions=0))
    short, long = objective(model(), BATCH, 9), objective(model(), longer, 9)
    for name, value in short.parts.items():
        torch.testing.assert_close(long.parts[name], value, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("steps", [1, 3])
@pytest.mark.parametrize("term_positions", [0, 1])
def test_every_parameter_learns(steps: int, term_positions: int) -> None:
    """With any number of steps and any subset of positions."""
    built = model(steps)
    objective = build_objective(ErlConfig(warmup_epochs=0, term_positions=term_positions))
    objective(built, BATCH, 5).total.backward()
    for name, parameter in built.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name


def test_prefix_samples_have_the_same_loss() -> None:
    """One prefix a sample (P = 1) and all positions at once give equal parts."""
    prefixes = [(row, end) for row in range(3) for end in range(1, 4) if TARGETS[row, end - 1]]
    items = torch.zeros(len(prefixes), 3, dtype=torch.long)
    for i, (row, end) in enumerate(prefixes):
        items[i, :end] = ITEMS[row, :end]
    positions = torch.tensor([[end - 1] for _, end in prefixes])
    targets = torch.stack([TARGETS[row, end - 1 : end] for row, end in prefixes])
    objective = build_objective(ErlConfig(warmup_epochs=0, term_positions=0))
    together, apart = (
        objective(model(), batch, 5).parts for batch in (BATCH, Batch(items, positions, targets))
    )
    for name, value in together.items():
        torch.testing.assert_close(apart[name], value, rtol=1e-4, atol=1e-5)
