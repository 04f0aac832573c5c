"""PRL's objective: temperatures, weights, the noisy contrast, schedule, what is logged."""

from itertools import pairwise

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from latentrec.build import build_objective
from latentrec.config import PrlConfig
from latentrec.data.batch import Batch
from latentrec.model.encoder import TransformerEncoder
from latentrec.model.items import IdItemEncoder
from latentrec.model.reasoner.prl import PrlReasoner
from latentrec.model.recommender import Recommender
from latentrec.objective.contract import Losses
from latentrec.objective.prl import step_temperatures
from latentrec.objective.terms import noise_contrast

ITEMS = torch.tensor([[4, 9, 3], [7, 2, 0], [5, 6, 8]])
TARGETS = torch.tensor([[9, 3, 11], [2, 6, 0], [6, 8, 4]])
BATCH = Batch(ITEMS, torch.arange(3).expand(3, 3), TARGETS)
ROWS = BATCH.predicted


def model(steps: int = 2, dropout: float = 0.0) -> Recommender:
    torch.manual_seed(3)
    encoder = TransformerEncoder(16, 2, 2, 24, 10, dropout, dropout, causal=True)
    built = Recommender(IdItemEncoder(30, 16), encoder, PrlReasoner(16, steps))
    for parameter in built.parameters():
        if parameter.dim() > 1:  # biases of LayerNorm would make all states alike
            torch.nn.init.normal_(parameter, std=0.3)
    return built.train()


def losses(epoch: int = 0, steps: int = 2, dropout: float = 0.0, **knobs: object) -> Losses:
    given = {"warmup_epochs": 0, "ramp_epochs": 0, "term_positions": 0, **knobs}
    return build_objective(PrlConfig.model_validate(given))(model(steps, dropout), BATCH, epoch)


def cross_entropies(temperatures: list[float], steps: int) -> list[Tensor]:
    """Next-item loss of every state, one after another."""
    built = model(steps)
    states = built(ITEMS, BATCH.positions).steps[ROWS][:, 0].detach()
    table, right = built.items.table()[2:].detach(), TARGETS[ROWS] - 2
    return [
        F.cross_entropy(states[:, t] @ table.T / temperature, right)
        for t, temperature in enumerate(temperatures)
    ]


def double(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


@given(temperature=st.floats(0.01, 5), scale=st.floats(1, 10), steps=st.integers(1, 5))
def test_temperatures_fall_to_the_base_by_a_constant_factor(
    temperature: float, scale: float, steps: int
) -> None:
    """tau alpha^(T - t) for t = 0..T (P11)."""
    found = step_temperatures(temperature, scale, steps)
    assert len(found) == steps + 1
    assert found[-1] == temperature
    for before, after in pairwise(found):
        assert before == pytest.approx(scale * after)


def test_earlier_states_are_judged_more_softly() -> None:
    """Each state has its own temperature; the earlier ones enter as their mean (P11)."""
    h0, h1, h2 = cross_entropies([0.5 * 9, 0.5 * 3, 0.5], steps=2)
    parts = losses(temperature=0.5, temperature_scale=3.0).parts
    torch.testing.assert_close(parts["next_item"], h2)
    torch.testing.assert_close(parts["earlier"], (h0 + h1) / 2)


def test_scale_one_is_equal_cross_entropy_of_all_states() -> None:
    """alpha = 1, the weight T: the plain sum over all states (P11, ADR 0019)."""
    every = cross_entropies([1.0, 1.0, 1.0], steps=2)
    found = losses(temperature_scale=1.0, earlier_weight=2.0, contrastive_weight=0.0)
    torch.testing.assert_close(found.total.detach(), sum(every))
    assert set(found.parts) == {"next_item", "earlier"}


def test_the_total_is_the_weighted_sum() -> None:
    """CE_T + w mean CE_t + c contrast."""
    found = losses(earlier_weight=0.3, contrastive_weight=0.7)
    parts = found.parts
    expected = parts["next_item"] + 0.3 * parts["earlier"] + 0.7 * parts["contrast"]
    torch.testing.assert_close(found.total.detach(), expected)


@pytest.mark.parametrize("steps", [1, 2])
def test_without_noise_and_dropout_both_views_are_one(steps: int) -> None:
    """The contrast is then that of the clean trajectory with itself (P12)."""
    clean = model(steps)(ITEMS, BATCH.positions).steps[ROWS][:, 0, 1:]
    alike = noise_contrast(clean, clean, 20.0).detach()
    torch.testing.assert_close(
        losses(steps=steps, temperature=20.0, noise_std=0.0).parts["contrast"], alike
    )
    assert not torch.isclose(
        losses(steps=steps, temperature=20.0, noise_std=1.0).parts["contrast"], alike
    )
    assert not torch.isclose(
        losses(steps=steps, temperature=20.0, noise_std=0.0, dropout=0.5).parts["contrast"], alike
    )


def test_a_subset_is_forked_at_its_own_positions() -> None:
    """The noisy view starts where the chosen clean states stand: here the last of each row."""
    last = torch.tensor([[0, 0, 11], [0, 6, 0], [0, 0, 4]])
    clean = model()(ITEMS, BATCH.positions).steps[last > 0][:, 0, 1:]
    knobs = PrlConfig(warmup_epochs=0, noise_std=0.0, temperature=20.0, term_positions=1)
    found = build_objective(knobs)(model(), Batch(ITEMS, BATCH.positions, last), 0)
    expected = noise_contrast(clean, clean, 20.0).detach()
    torch.testing.assert_close(found.parts["contrast"], expected)


@pytest.mark.parametrize("temperature", [1.0, 0.2])
def test_contrast_equals_loops(temperature: float) -> None:
    """Noisy anchors, clean columns, dot products, mean over rows and steps (ADR 0020)."""
    noisy, clean = double(4, 3, 5), double(4, 3, 5, seed=1)
    total = 0.0
    for k in range(3):
        for i in range(4):
            scores = torch.stack([noisy[i, k] @ clean[j, k] for j in range(4)]) / temperature
            total -= float(scores[i] - scores.exp().sum().log())
    found = noise_contrast(noisy, clean, temperature)
    assert found.item() == pytest.approx(total / 12, abs=1e-9)


def test_contrast_is_one_way() -> None:
    """Anchors and columns are not exchangeable: no second direction is added."""
    noisy, clean = double(4, 1, 5), double(4, 1, 5, seed=1)
    there, back = noise_contrast(noisy, clean, 1.0), noise_contrast(clean, noisy, 1.0)
    assert not torch.isclose(there, back)


def test_one_row_has_nothing_to_contrast() -> None:
    """Without negatives the loss is zero, not NaN."""
    assert noise_contrast(double(1, 2, 3), double(1, 2, 3, seed=1), 1.0).item() == 0.0


def test_the_warm_up_trains_the_encoder_alone() -> None:
    """In the warm-up h_0 is scored and no reasoning weight gets a gradient (ADR 0008)."""
    built = model()
    found = build_objective(PrlConfig(warmup_epochs=1, temperature=0.5))(built, BATCH, 0)
    found.total.backward()
    torch.testing.assert_close(found.total.detach(), cross_entropies([0.5], steps=2)[0])
    assert set(found.parts) == {"next_item"}
    assert built.reasoner.step_embedding.grad is None
    assert built.encoder.position.weight.grad is not None


@pytest.mark.parametrize(("epoch", "share"), [(1, 0.5), (2, 1.0), (3, 1.0)])
def test_the_ramp_scales_the_contrast_only(epoch: int, share: float) -> None:
    """The losses of all states count in full as soon as there is reasoning."""
    found = losses(epoch=epoch, warmup_epochs=1, ramp_epochs=2, contrastive_weight=1.0)
    parts = found.parts
    expected = parts["next_item"] + parts["earlier"] + share * parts["contrast"]
    torch.testing.assert_close(found.total.detach(), expected)


def test_padded_places_never_enter_the_loss() -> None:
    """More padding behind the histories changes no part of the loss."""
    pad = torch.zeros(3, 2, dtype=torch.long)
    longer = Batch(
        torch.cat([ITEMS, pad], 1), torch.arange(5).expand(3, 5), torch.cat([TARGETS, pad], 1)
    )
    objective = build_objective(PrlConfig(warmup_epochs=0, term_positions=0, noise_std=0.0))
    short, long = objective(model(), BATCH, 9), objective(model(), longer, 9)
    for name, value in short.parts.items():
        torch.testing.assert_close(long.parts[name], value, rtol=1e-5, atol=1e-5)


def test_prefix_samples_have_the_same_loss() -> None:
    """One prefix a sample (P = 1) and all positions at once give equal parts."""
    prefixes = [(row, end) for row in range(3) for end in range(1, 4) if TARGETS[row, end - 1]]
    items = torch.zeros(len(prefixes), 3, dtype=torch.long)
    for i, (row, end) in enumerate(prefixes):
        items[i, :end] = ITEMS[row, :end]
    positions = torch.tensor([[end - 1] for _, end in prefixes])
    targets = torch.stack([TARGETS[row, end - 1 : end] for row, end in prefixes])
    objective = build_objective(PrlConfig(warmup_epochs=0, term_positions=0, noise_std=0.0))
    together, apart = (
        objective(model(), batch, 5).parts for batch in (BATCH, Batch(items, positions, targets))
    )
    for name, value in together.items():
        torch.testing.assert_close(apart[name], value, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("steps", [1, 3])
@pytest.mark.parametrize(("weight", "term_positions"), [(0.0, 1), (1.0, 1), (1.0, 0)])
def test_every_parameter_learns(steps: int, weight: float, term_positions: int) -> None:
    """With any number of steps, with or without contrast, at any subset of positions."""
    built = model(steps)
    knobs = PrlConfig(warmup_epochs=0, contrastive_weight=weight, term_positions=term_positions)
    build_objective(knobs)(built, BATCH, 5).total.backward()
    for name, parameter in built.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name
