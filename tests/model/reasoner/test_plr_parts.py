"""The parts of PLR one by one, and every variant against what must hold for all of them."""

from collections.abc import Callable
from itertools import product

import pytest
import torch
from torch import Tensor

from latentrec.data.batch import Batch
from latentrec.errors import ConfigError
from latentrec.model.encoder import Encoded, SequenceEncoder, TransformerEncoder
from latentrec.model.items import IdItemEncoder
from latentrec.model.reasoner.plr import PlrReasoner
from latentrec.model.reasoner.plr_parts import (
    ADDED,
    NO_TRIGGER,
    PerStepGate,
    PlrParts,
    StartGate,
    Top1Gate,
    Trigger,
    UniformGate,
    added,
    alone,
    learnt,
    no_steps,
    orthogonal,
    shared_steps,
    slow,
    stream_steps,
)
from latentrec.model.recommender import Recommender
from latentrec.objective.contract import Ramp
from latentrec.objective.plr import PlrObjective

ORTHOGONAL = Trigger(orthogonal, added)
TOKEN = Trigger(learnt, alone)
TRIGGERS = {"added": ADDED, "token": TOKEN, "orthogonal": ORTHOGONAL, "none": NO_TRIGGER}
STEPS = {"shared": shared_steps, "stream": stream_steps, "none": no_steps}
GATES = {"start": StartGate, "uniform": UniformGate, "top-1": Top1Gate, "per-step": PerStepGate}
EVERY = pytest.mark.parametrize(("trigger", "step", "gate"), list(product(TRIGGERS, STEPS, GATES)))


def variant(trigger: str, step: str, gate: str, dropout: float = 0.0) -> Recommender:
    torch.manual_seed(3)
    encoder = TransformerEncoder(16, 1, 2, 24, 10, dropout, dropout, causal=True)
    parts = PlrParts(TRIGGERS[trigger], STEPS[step], GATES[gate])
    model = Recommender(IdItemEncoder(30, 16), encoder, PlrReasoner(16, 2, 3, parts))
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return model.eval()


# --- every variant --------------------------------------------------------------------------------


@EVERY
def test_a_training_step_reaches_every_parameter(trigger: str, step: str, gate: str) -> None:
    model = variant(trigger, step, gate, dropout=0.1).train()
    items = torch.randint(2, 30, (4, 6))
    positions = torch.arange(6).expand(4, -1)
    batch = Batch(items, positions, torch.randint(2, 30, (4, 6)))
    objective = PlrObjective(0.1, 5.0, False, 0.1, 1.0, Ramp(0, 0), 1)
    objective(model, batch, 1).total.backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.abs().sum() > 0, name


@EVERY
def test_all_positions_equal_prefixes(trigger: str, step: str, gate: str) -> None:
    model, items = variant(trigger, step, gate), torch.tensor([[4, 9, 3, 22, 9]])
    with torch.no_grad():
        together = model(items, torch.arange(5)[None])
        for end in (1, 3, 5):
            alone = model(items[:, :end], torch.tensor([[end - 1]]))
            for name in ("steps", "train_state", "infer_state", "gate"):
                here, there = getattr(together, name)[:, end - 1], getattr(alone, name)[:, 0]
                torch.testing.assert_close(here, there, rtol=1e-4, atol=1e-5)


@EVERY
def test_what_is_saved_is_the_whole_reasoner(trigger: str, step: str, gate: str) -> None:
    """Fixed vectors too: another seed would draw others."""
    model, other = variant(trigger, step, gate), variant(trigger, step, gate)
    torch.manual_seed(9)
    parts = PlrParts(TRIGGERS[trigger], STEPS[step], GATES[gate])
    other.reasoner = PlrReasoner(16, 2, 3, parts).eval()
    other.load_state_dict(model.state_dict())
    items, last = torch.tensor([[4, 9, 3]]), torch.tensor([[2]])
    assert torch.equal(model.logits(items, last), other.logits(items, last))


@EVERY
def test_weights_sum_to_one_and_start_uniform(
    trigger: str, step: str, gate: str, fake: SequenceEncoder, encoded: Encoded
) -> None:
    plr = PlrReasoner(4, 4, 2, PlrParts(TRIGGERS[trigger], STEPS[step], GATES[gate]))
    found = plr(encoded, torch.tensor([[0, 3]] * 3), fake).gate
    assert found is not None
    torch.testing.assert_close(found.sum(-1), torch.ones(3, 2))
    if gate != "top-1":
        torch.testing.assert_close(found, torch.full((3, 2, 4), 0.25))


# --- triggers -------------------------------------------------------------------------------------


def start(name: str) -> tuple[PlrReasoner, Tensor, Tensor]:
    torch.manual_seed(0)
    plr, first = PlrReasoner(4, 3, 2, PlrParts(TRIGGERS[name])), torch.randn(2, 5, 4)
    return plr, first, plr.start(first)


def test_tokens_start_without_h0() -> None:
    plr, _, found = start("token")
    assert found.shape == (2, 5, 3, 4)
    assert torch.equal(found, plr.triggers.expand(2, 5, 3, 4))


def test_orthogonal_triggers_are_fixed_and_as_long_as_learnt_ones() -> None:
    plr, first, found = start("orthogonal")
    torch.testing.assert_close(found, first.unsqueeze(2) + plr.triggers)
    torch.testing.assert_close(plr.triggers @ plr.triggers.T, 0.02**2 * 4 * torch.eye(3))
    assert "triggers" not in dict(plr.named_parameters())


def test_more_orthogonal_triggers_than_dimensions_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"5 streams have no right angles in encoder\.dim=4"):
        PlrReasoner(4, 5, 1, PlrParts(ORTHOGONAL))


@pytest.mark.parametrize(("step", "alike"), [("shared", True), ("stream", False)])
def test_without_triggers_only_step_embeddings_can_part_streams(step: str, alike: bool) -> None:
    """Equal streams are one stream computed M times: what the ablation compares with."""
    steps = variant("none", step, "start")(torch.tensor([[4, 9]]), torch.tensor([[1]])).steps
    assert torch.allclose(steps[:, :, 0], steps[:, :, 1]) == alike


# --- step embeddings ------------------------------------------------------------------------------


@pytest.mark.parametrize("step", STEPS)
def test_step_embeddings_are_added_before_each_step(
    step: str, fake: SequenceEncoder, encoded: Encoded
) -> None:
    plr = PlrReasoner(4, 2, 3, PlrParts(step_embedding=STEPS[step]))
    reasoned = plr(encoded, torch.tensor([[4]] * 3), fake)
    for m in range(2):
        state = encoded.hidden[:, 4] + plr.triggers[m]
        for t in range(3):
            mark = plr.step_embedding[t] if step != "stream" else plr.step_embedding[t, m]
            state = (state + mark + encoded.hidden.mean((0, 1))) / 2
            torch.testing.assert_close(reasoned.steps[:, 0, m, t], state)


# --- gates ----------------------------------------------------------------------------------------


@pytest.fixture
def states() -> tuple[Tensor, Tensor]:
    torch.manual_seed(5)
    return torch.randn(2, 3, 4), torch.randn(2, 3, 2, 3, 4)


def filled(make: Callable[..., torch.nn.Module]) -> torch.nn.Module:
    gate = make(4, 2, 3)
    for parameter in gate.parameters():
        torch.nn.init.normal_(parameter)
    return gate


def test_the_uniform_gate_is_the_mean(states: tuple[Tensor, Tensor]) -> None:
    mixed, _ = UniformGate(4, 2, 3)(*states)
    torch.testing.assert_close(mixed, states[1].mean(dim=(2, 3)))
    fresh, _ = StartGate(4, 2, 3)(*states)
    torch.testing.assert_close(mixed, fresh)


def test_the_top_1_gate_takes_one_stream(states: tuple[Tensor, Tensor]) -> None:
    first, steps = states
    gate = filled(Top1Gate)
    mixed, weights = gate(first, steps)
    best = (first @ gate.weight.T + gate.bias).argmax(-1)
    assert 0 < best.float().mean() < 1  # both streams are chosen somewhere
    for b in range(2):
        for p in range(3):
            torch.testing.assert_close(mixed[b, p], steps[b, p, best[b, p]].mean(0))
            assert weights[b, p].tolist() == [1.0 - best[b, p], 1.0 * best[b, p]]


def test_the_top_1_gate_learns_like_the_softmax(states: tuple[Tensor, Tensor]) -> None:
    """Straight-through: the gradient of any linear loss reaches the gate as through StartGate."""
    gate, soft = filled(Top1Gate), StartGate(4, 2, 3)
    soft.load_state_dict(gate.state_dict())
    for each in (gate, soft):
        each(*states)[0].sum().backward()
    torch.testing.assert_close(gate.weight.grad, soft.weight.grad)


def test_the_per_step_gate_weighs_every_state(states: tuple[Tensor, Tensor]) -> None:
    first, steps = states
    gate = filled(PerStepGate)
    mixed, weights = gate(first, steps)
    for b in range(2):
        for p in range(3):
            logits = torch.stack([gate.weight[m] @ first[b, p] + gate.bias[m] for m in range(2)])
            shares = torch.softmax(logits.flatten(), 0).view(2, 3)
            torch.testing.assert_close(mixed[b, p], torch.einsum("mt,mtd->d", shares, steps[b, p]))
            torch.testing.assert_close(weights[b, p], shares.sum(1))


# --- ranking --------------------------------------------------------------------------------------


def test_ranking_without_h0_uses_what_is_trained(fake: SequenceEncoder, encoded: Encoded) -> None:
    reasoned = PlrReasoner(4, 2, 2, PlrParts(rank=slow))(encoded, torch.tensor([[1]] * 3), fake)
    assert torch.equal(reasoned.infer_state, reasoned.train_state)
