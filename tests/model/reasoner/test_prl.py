"""PRL's own properties: which state is scored, the forked trajectory, both modes, gradients."""

import pytest
import torch

from latentrec.model.encoder import Encoded, SequenceEncoder, TransformerEncoder
from latentrec.model.items import IdItemEncoder
from latentrec.model.reasoner.prl import PrlReasoner
from latentrec.model.recommender import Recommender

HISTORY = [4, 9, 3, 22, 9, 15]
ITEMS, POSITIONS = torch.tensor([HISTORY]), torch.tensor([[1, 3, 5]])


def model(steps: int, dropout: float = 0.0) -> Recommender:
    torch.manual_seed(3)
    encoder = TransformerEncoder(16, 2, 2, 24, 10, dropout, dropout, causal=True)
    built = Recommender(IdItemEncoder(30, 16), encoder, PrlReasoner(16, steps))
    for parameter in built.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return built.eval()


def fork(prl: Recommender, previous: torch.Tensor) -> torch.Tensor:
    return prl.reasoner.fork(previous, prl.encode(ITEMS), POSITIONS, prl.encoder)


def test_scores_the_last_state_by_hand(fake: SequenceEncoder, encoded: Encoded) -> None:
    """h_T trains and ranks; all states are kept, h_0 first."""
    prl = PrlReasoner(4, steps=2)
    reasoned = prl(encoded, torch.tensor([[1, 4]] * 3), fake)
    h0, context = encoded.hidden[:, [1, 4]], encoded.hidden.mean((0, 1))
    h1 = (h0 + prl.step_embedding[0] + context) / 2
    h2 = (h1 + prl.step_embedding[1] + context) / 2
    torch.testing.assert_close(reasoned.steps[:, :, 0], torch.stack([h0, h1, h2], 2))
    torch.testing.assert_close(reasoned.train_state, h2)
    torch.testing.assert_close(reasoned.infer_state, h2)
    assert reasoned.gate is None


@pytest.mark.parametrize("steps", [1, 3])
def test_a_fork_without_noise_is_the_clean_trajectory(steps: int) -> None:
    """Given the clean states, each step gives the next one, without dropout (P12)."""
    prl = model(steps)
    with torch.no_grad():
        states = prl(ITEMS, POSITIONS).steps
        torch.testing.assert_close(fork(prl, states[:, :, :, :-1]), states[:, :, :, 1:])


def test_a_fork_starts_every_step_from_the_given_state_and_remembers_its_own() -> None:
    """Noise before step 2 leaves step 1 alone; noise before step 1 reaches step 2 by the cache."""
    prl = model(2)
    with torch.no_grad():
        states = prl(ITEMS, POSITIONS).steps
        noise = torch.randn_like(states[:, :, :, 0])
        late, early = states[:, :, :, :-1].clone(), states[:, :, :, :-1].clone()
        late[:, :, :, 1] += noise
        early[:, :, :, 0] += noise
        late, early = fork(prl, late), fork(prl, early)
    torch.testing.assert_close(late[:, :, :, 0], states[:, :, :, 1])
    assert not torch.allclose(late[:, :, :, 1], states[:, :, :, 2])
    assert not torch.allclose(early[:, :, :, 1], states[:, :, :, 2])


@pytest.mark.parametrize("steps", [1, 3])
def test_all_positions_equal_one_prefix_at_a_time(steps: int) -> None:
    """One pass over all positions gives the states of encoding every prefix by itself."""
    prl = model(steps)
    with torch.no_grad():
        together = prl(ITEMS, torch.arange(len(HISTORY))[None])
        for end in range(1, len(HISTORY) + 1):
            alone = prl(torch.tensor([HISTORY[:end]]), torch.tensor([[end - 1]]))
            for name in ("steps", "infer_state"):
                a, b = getattr(together, name)[:, end - 1], getattr(alone, name)[:, 0]
                torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-5)


def test_every_parameter_learns() -> None:
    """No weight is left out of the path from the history to the score."""
    prl = model(2, dropout=0.1).train()
    reasoned = prl(ITEMS, POSITIONS)
    (reasoned.infer_state @ prl.items.table().T).logsumexp(-1).sum().backward()
    for name, parameter in prl.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.abs().sum() > 0, name
