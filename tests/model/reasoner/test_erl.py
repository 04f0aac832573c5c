"""ERL's own properties: which states there are, how they are pooled, both modes, gradients."""

import pytest
import torch

from latentrec.model.encoder import Encoded, SequenceEncoder, TransformerEncoder
from latentrec.model.items import IdItemEncoder
from latentrec.model.reasoner.erl import ErlReasoner
from latentrec.model.recommender import Recommender

HISTORY = [4, 9, 3, 22, 9, 15]


def model(steps: int, dropout: float = 0.0) -> Recommender:
    torch.manual_seed(3)
    encoder = TransformerEncoder(16, 2, 2, 24, 10, dropout, dropout, causal=True)
    built = Recommender(IdItemEncoder(30, 16), encoder, ErlReasoner(16, steps))
    for parameter in built.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return built.eval()


def test_pools_h0_and_all_steps_by_hand(fake: SequenceEncoder, encoded: Encoded) -> None:
    """T + 1 terms over T + 1, for training and for ranking (ADR 0016)."""
    erl = ErlReasoner(4, steps=2)
    reasoned = erl(encoded, torch.tensor([[1, 4]] * 3), fake)
    h0, context = encoded.hidden[:, [1, 4]], encoded.hidden.mean((0, 1))
    h1 = (h0 + erl.step_embedding[0] + context) / 2
    h2 = (h1 + erl.step_embedding[1] + context) / 2
    torch.testing.assert_close(reasoned.steps[:, :, 0], torch.stack([h0, h1, h2], 2))
    torch.testing.assert_close(reasoned.train_state, (h0 + h1 + h2) / 3)
    torch.testing.assert_close(reasoned.infer_state, reasoned.train_state)
    assert reasoned.gate is None


def test_step_embeddings_start_different() -> None:
    """Equal states would get no gradient from the divergence."""
    embedding = ErlReasoner(4, steps=2).step_embedding
    assert not torch.equal(embedding[0], embedding[1])


@pytest.mark.parametrize("steps", [1, 3])
def test_all_positions_equal_one_prefix_at_a_time(steps: int) -> None:
    """One pass over all positions gives the states of encoding every prefix by itself."""
    erl = model(steps)
    with torch.no_grad():
        together = erl(torch.tensor([HISTORY]), torch.arange(len(HISTORY))[None])
        for end in range(1, len(HISTORY) + 1):
            alone = erl(torch.tensor([HISTORY[:end]]), torch.tensor([[end - 1]]))
            for name in ("steps", "infer_state"):
                a, b = getattr(together, name)[:, end - 1], getattr(alone, name)[:, 0]
                torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-5)


def test_every_parameter_learns() -> None:
    """No weight is left out of the path from the history to the score."""
    erl = model(2, dropout=0.1).train()
    reasoned = erl(torch.tensor([HISTORY]), torch.tensor([[3, 5]]))
    (reasoned.infer_state @ erl.items.table().T).logsumexp(-1).sum().backward()
    for name, parameter in erl.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.abs().sum() > 0, name
