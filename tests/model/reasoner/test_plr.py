"""PLR's own properties: triggers, isolation, pooling, gate, and which state is scored when."""

from collections.abc import Callable

import torch

from latentrec.model.encoder import Encoded, SequenceEncoder
from latentrec.model.reasoner.erl import ErlReasoner
from latentrec.model.reasoner.plr import PlrReasoner
from latentrec.model.recommender import Recommender
from latentrec.objective.terms import pairwise_kl

MakeModel = Callable[..., Recommender]
ITEMS, LAST = torch.tensor([[4, 9, 3, 22]]), torch.tensor([[3]])


def test_pools_steps_mixes_streams_and_adds_h0_only_for_ranking(
    fake: SequenceEncoder, encoded: Encoded
) -> None:
    """Eq. 6, 9 and 10 by hand on a fake encoder."""
    plr = PlrReasoner(4, streams=2, steps=3)
    torch.nn.init.normal_(plr.gate.weight)
    reasoned = plr(encoded, torch.tensor([[1, 4]] * 3), fake)
    h0 = encoded.hidden[:, [1, 4]]
    gate = torch.softmax(h0 @ plr.gate.weight.T + plr.gate.bias, -1)
    z = reasoned.steps.mean(3)
    torch.testing.assert_close(reasoned.gate, gate)
    torch.testing.assert_close(
        reasoned.train_state, gate[..., :1] * z[:, :, 0] + gate[..., 1:] * z[:, :, 1]
    )
    torch.testing.assert_close(reasoned.infer_state, h0 + reasoned.train_state)


def test_the_gate_starts_uniform_and_sums_to_one(fake: SequenceEncoder, encoded: Encoded) -> None:
    """No stream is preferred before training (P10)."""
    gate = PlrReasoner(4, streams=4, steps=1)(encoded, torch.tensor([[0]] * 3), fake).gate
    assert gate is not None
    torch.testing.assert_close(gate, torch.full((3, 1, 4), 0.25))


def test_streams_are_isolated(make_model: MakeModel) -> None:
    """Another trigger for one stream leaves the others bit-identical (P3)."""
    model = make_model(3, 2)
    with torch.no_grad():
        before = model(ITEMS, LAST).steps
        model.reasoner.triggers[1].neg_()
        after = model(ITEMS, LAST).steps
    assert torch.equal(before[:, :, [0, 2]], after[:, :, [0, 2]])
    assert not torch.allclose(before[:, :, 1], after[:, :, 1])


def test_equal_triggers_are_a_stationary_point(
    make_model: MakeModel,
) -> None:
    """Why triggers must start different: equal streams get no gradient from the KL (P4)."""
    model = make_model(2, 1)
    with torch.no_grad():
        model.reasoner.triggers.copy_(model.reasoner.triggers[:1].expand(2, -1))
    steps = model(ITEMS, LAST).steps.flatten(2, 3)[:, 0]
    divergence = pairwise_kl(steps, model.items.table()[2:]).sum()
    divergence.backward()
    assert divergence.abs() < 1e-5
    assert model.reasoner.triggers.grad is not None
    assert model.reasoner.triggers.grad.abs().max() < 1e-5


def test_states_are_norm_bounded(make_model: MakeModel) -> None:
    """Post-LN bounds what the diversity term can push apart, even with huge triggers (ADR 0002)."""
    model = make_model(2, 3)
    norm = model.encoder.blocks[-1].feed_forward_norm
    with torch.no_grad():
        torch.nn.init.ones_(norm.weight)
        torch.nn.init.zeros_(norm.bias)
        model.reasoner.triggers.mul_(1e4)
        steps = model(ITEMS, LAST).steps
    assert steps.norm(dim=-1).max() <= 16**0.5 + 1e-3


def test_streams_together_are_streams_one_by_one(make_model: MakeModel) -> None:
    """M streams in one pass are M models of one stream each (P2)."""
    model = make_model(3, 2)
    together = model(ITEMS, LAST).steps
    for m in range(3):
        alone = PlrReasoner(model.encoder.dim, streams=1, steps=2)
        with torch.no_grad():
            alone.triggers.copy_(model.reasoner.triggers[m : m + 1])
            alone.step_embedding.copy_(model.reasoner.step_embedding)
        single = Recommender(model.items, model.encoder, alone).eval()
        torch.testing.assert_close(single(ITEMS, LAST).steps[:, :, 0], together[:, :, m])


def test_one_stream_without_its_trigger_takes_the_steps_of_erl(make_model: MakeModel) -> None:
    """PLR with M = 1 reasons as ERL does and pools without h_0 (P8)."""
    model = make_model(1, 3)
    erl = ErlReasoner(model.encoder.dim, 3)
    with torch.no_grad():
        model.reasoner.triggers.zero_()
        erl.step_embedding.copy_(model.reasoner.step_embedding)
    theirs = Recommender(model.items, model.encoder, erl).eval()(ITEMS, LAST).steps[:, :, 0]
    ours = model(ITEMS, LAST)
    torch.testing.assert_close(ours.steps[:, :, 0], theirs[:, :, 1:])
    torch.testing.assert_close(ours.train_state, theirs[:, :, 1:].mean(2))
