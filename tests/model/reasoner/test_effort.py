"""Less effort than trained: the first streams and steps, with weights that are shared."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from latentrec.errors import ConfigError
from latentrec.model.encoder import Encoded, SequenceEncoder, TransformerEncoder
from latentrec.model.reasoner.contract import Reasoner
from latentrec.model.reasoner.effort import Effort
from latentrec.model.reasoner.erl import ErlReasoner
from latentrec.model.reasoner.lares import AddAdapter, LaresReasoner
from latentrec.model.reasoner.none import NoReasoner
from latentrec.model.reasoner.plr import PlrReasoner
from latentrec.model.reasoner.plr_parts import PerStepGate, PlrParts, Top1Gate, stream_steps
from latentrec.model.reasoner.prl import PrlReasoner

LAST = torch.tensor([[4], [2], [3]])
FULL_OPTIONS = PlrParts(step_embedding=stream_steps, gate=PerStepGate)
MAKE: dict[str, Callable[[], Reasoner]] = {
    "erl": lambda: ErlReasoner(4, 3),
    "prl": lambda: PrlReasoner(4, 3),
    "plr": lambda: PlrReasoner(4, 2, 3),
    "plr, all by step": lambda: PlrReasoner(4, 2, 3, FULL_OPTIONS),
    "plr, top-1": lambda: PlrReasoner(4, 2, 3, PlrParts(gate=Top1Gate)),
}
STEPWISE = pytest.mark.parametrize("name", MAKE)


def filled(name: str) -> Reasoner:
    torch.manual_seed(2)
    reasoner = MAKE[name]()
    for parameter in reasoner.parameters():
        torch.nn.init.normal_(parameter)
    return reasoner.eval()


def lares() -> LaresReasoner:
    torch.manual_seed(2)
    return LaresReasoner(AddAdapter(), 4, 1, 1, 8, 5, 0.0, 0.0, 3, 1.0, 3.0).eval()


def rank(reasoner: Reasoner, encoded: Encoded, encoder: SequenceEncoder) -> Tensor:
    return reasoner(encoded, LAST, encoder).infer_state


@STEPWISE
def test_full_effort_changes_nothing(name: str, fake: SequenceEncoder, encoded: Encoded) -> None:
    reasoner = filled(name)
    streams = 2 if name.startswith("plr") else 1
    for effort in (Effort(), Effort(streams, 3), Effort(steps=3)):
        limited = reasoner.limited(effort)
        assert torch.equal(rank(limited, encoded, fake), rank(reasoner, encoded, fake))


@STEPWISE
def test_no_step_ranks_with_h0(name: str, fake: SequenceEncoder, encoded: Encoded) -> None:
    limited = filled(name).limited(Effort(steps=0))
    assert torch.equal(rank(limited, encoded, fake), encoded.at(LAST))


@STEPWISE
def test_fewer_steps_are_the_first_ones(name: str, fake: SequenceEncoder, encoded: Encoded) -> None:
    reasoner = filled(name)
    whole = reasoner(encoded, LAST, fake)
    for steps in (1, 2):
        part = reasoner.limited(Effort(steps=steps))(encoded, LAST, fake)
        torch.testing.assert_close(part.steps, whole.steps[:, :, :, : part.steps.shape[3]])
        assert part.steps.shape[3] == whole.steps.shape[3] - 3 + steps


def test_fewer_streams_are_the_first_ones_with_weights_that_sum_to_one(
    fake: SequenceEncoder, encoded: Encoded
) -> None:
    torch.manual_seed(2)
    reasoner = PlrReasoner(4, 3, 2)
    torch.nn.init.normal_(reasoner.gate.weight)
    whole = reasoner(encoded, LAST, fake)
    part = reasoner.limited(Effort(streams=2))(encoded, LAST, fake)
    torch.testing.assert_close(part.steps, whole.steps[:, :, :2])
    kept = whole.gate[..., :2]
    torch.testing.assert_close(part.gate, kept / kept.sum(-1, keepdim=True))
    z = part.steps.mean(3)
    mixed = part.gate[..., :1] * z[:, :, 0] + part.gate[..., 1:] * z[:, :, 1]
    torch.testing.assert_close(part.infer_state, encoded.at(LAST) + mixed)


@STEPWISE
def test_weights_are_shared_and_nothing_is_drawn(name: str) -> None:
    """A view costs no memory, follows its model, and leaves seeds and training mode alone."""
    reasoner = filled(name).train()
    before = torch.get_rng_state()
    limited = reasoner.limited(Effort(streams=1, steps=2))
    assert torch.equal(torch.get_rng_state(), before)
    assert limited.training
    with torch.no_grad():
        reasoner.step_embedding.fill_(7.0)
    assert (limited.step_embedding == 7).all()
    for key, tensor in limited.state_dict().items():
        own = reasoner.state_dict()[key]
        assert tensor.untyped_storage().data_ptr() == own.untyped_storage().data_ptr(), key


def test_lares_goes_to_any_depth() -> None:
    """Also beyond what it was trained at; every depth is the same path, longer or shorter."""
    torch.manual_seed(0)
    reasoner, encoder = lares(), TransformerEncoder(4, 1, 1, 8, 5, 0.0, 0.0, causal=True).eval()
    encoded = encoder(torch.randn(3, 5, 4), torch.zeros(3, 5, dtype=torch.bool))
    deep = reasoner.limited(Effort(steps=6))(encoded, LAST, encoder)
    assert deep.steps.shape[3] == 6
    for steps in (1, 3):
        part = reasoner.limited(Effort(steps=steps))(encoded, LAST, encoder)
        torch.testing.assert_close(part.infer_state, deep.steps[:, :, 0, steps - 1])
    again = reasoner.limited(Effort(steps=6)).limited(Effort(steps=2))(encoded, LAST, encoder)
    torch.testing.assert_close(again.infer_state, deep.steps[:, :, 0, 1])


@pytest.mark.parametrize(
    ("make", "effort", "message"),
    [
        (MAKE["plr"], Effort(streams=3), "streams=3: this model has 2"),
        (MAKE["plr"], Effort(steps=4), "steps=4: this model has 3"),
        (MAKE["erl"], Effort(streams=2), "streams=2: this model has 1"),
        (MAKE["prl"], Effort(exit_threshold=0.1), "only PLR stops early"),
        (lares, Effort(steps=0), "at least 1 step"),
        (lares, Effort(streams=2), "streams=2: this model has 1"),
        (lares, Effort(exit_threshold=0.1), "only PLR stops early"),
        (NoReasoner, Effort(steps=1), "steps=1: this model has 0"),
    ],
)
def test_what_a_model_cannot_spend_is_refused(
    make: Callable[[], Reasoner], effort: Effort, message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        make().limited(effort)


@pytest.mark.parametrize(
    ("knobs", "message"),
    [
        ({"streams": 0}, "streams=0: must be at least 1"),
        ({"steps": -1}, "steps=-1: must be at least 0"),
        ({"exit_threshold": -0.1}, "exit_threshold=-0.1: must be"),
        ({"exit_threshold": float("nan")}, "exit_threshold=nan: must be"),
    ],
)
def test_nonsense_is_refused(knobs: dict[str, float], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Effort(**knobs)
