"""Early exit: each history ranks as PLR limited to its own steps, whoever is beside it."""

import pytest
import torch
from torch import Tensor

from latentrec.model.encoder import Encoded, SequenceEncoder, TransformerEncoder
from latentrec.model.items import IdItemEncoder
from latentrec.model.reasoner.effort import Effort
from latentrec.model.reasoner.plr import EarlyExit, PlrReasoner
from latentrec.model.reasoner.plr_parts import PAPER, PerStepGate, PlrParts, stream_steps
from latentrec.model.recommender import Recommender

STEPS = 5
LENGTHS = torch.tensor([6, 3, 5, 1, 4, 2, 6, 5])
ITEMS = torch.randint(2, 30, (8, 6), generator=torch.Generator().manual_seed(0))
ITEMS = ITEMS.masked_fill(torch.arange(6) >= LENGTHS[:, None], 0)
LAST = LENGTHS[:, None] - 1


def model(parts: PlrParts = PAPER) -> Recommender:
    torch.manual_seed(4)
    encoder = TransformerEncoder(16, 2, 2, 24, 10, 0.0, 0.0, causal=True)
    built = Recommender(IdItemEncoder(30, 16), encoder, PlrReasoner(16, 2, STEPS, parts))
    for parameter in built.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return built.eval()


def at(model: Recommender, effort: Effort, rows: Tensor | slice = slice(None)):
    limited = Recommender(model.items, model.encoder, model.reasoner.limited(effort)).eval()
    with torch.no_grad():
        return limited(ITEMS[rows], LAST[rows])


def middle_threshold(model: Recommender) -> float:
    """A threshold at which histories take different numbers of steps."""
    for threshold in torch.logspace(-2, 0.3, 60).tolist():
        taken = at(model, Effort(exit_threshold=threshold)).steps_taken
        if len(set(taken.tolist())) > 1:
            return threshold
    raise AssertionError("no threshold parts the histories")


@pytest.mark.parametrize("parts", [PAPER, PlrParts(step_embedding=stream_steps, gate=PerStepGate)])
def test_a_history_ranks_as_if_limited_to_the_steps_it_took(parts: PlrParts) -> None:
    plr = model(parts)
    found = at(plr, Effort(exit_threshold=middle_threshold(plr)))
    for row, steps in enumerate(found.steps_taken.tolist()):
        alone = at(plr, Effort(steps=steps), torch.tensor([row]))
        for name in ("train_state", "infer_state", "gate"):
            here, there = getattr(found, name)[row], getattr(alone, name)[0]
            torch.testing.assert_close(here, there, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(found.steps[row, :, :, :steps], alone.steps[0])
        assert not found.steps[row, :, :, steps:].any()


def test_the_rule_by_hand() -> None:
    """The first step that moves the mixed state by no more than the threshold is the last."""
    plr = model()
    threshold = middle_threshold(plr)
    taken = at(plr, Effort(exit_threshold=threshold)).steps_taken.tolist()
    mixed = [at(plr, Effort(steps=t)).train_state[:, 0] for t in range(STEPS + 1)]
    for row in range(len(ITEMS)):
        moves = [
            float((mixed[t][row] - mixed[t - 1][row]).norm() / mixed[t][row].norm())
            for t in range(1, STEPS + 1)
        ]
        settled = [t for t, move in enumerate(moves, 1) if move <= threshold]
        assert taken[row] == (settled[0] if settled else STEPS)


def test_neighbours_do_not_matter() -> None:
    plr = model()
    effort = Effort(exit_threshold=middle_threshold(plr))
    together = at(plr, effort)
    for rows in (torch.tensor([2]), torch.tensor([7, 0, 3])):
        apart = at(plr, effort, rows)
        assert torch.equal(apart.steps_taken, together.steps_taken[rows])
        torch.testing.assert_close(apart.infer_state, together.infer_state[rows])


def test_the_ends_of_the_scale() -> None:
    """0 is PLR itself, a little never exits, and a huge threshold takes one step."""
    plr = model()
    assert plr.reasoner.limited(Effort(exit_threshold=0.0)) is plr.reasoner
    whole, never = at(plr, Effort()), at(plr, Effort(exit_threshold=1e-9))
    assert never.steps_taken.tolist() == [STEPS] * 8
    torch.testing.assert_close(never.infer_state, whole.infer_state)
    assert at(plr, Effort(exit_threshold=1e9)).steps_taken.tolist() == [1] * 8
    assert whole.steps_taken is None


class Counter(SequenceEncoder):
    """Counts the histories that are carried a step."""

    causal, dim = True, 4

    def __init__(self) -> None:
        super().__init__()
        self.counts: list[int] = []

    def forward(self, embedded: Tensor, padding: Tensor) -> Encoded:
        return Encoded(embedded, padding, ())

    def extend(self, states: Tensor, positions: Tensor, encoded: Encoded, past: object) -> tuple:
        self.counts.append(len(states))
        still = encoded.hidden[:, :1, None, :1] > 0  # these do not move
        return torch.where(still, states, -states), ()


def test_who_is_done_is_no_longer_computed() -> None:
    """An encoder without any cache works too."""
    encoder, parts = Counter(), PlrParts()
    hidden = torch.tensor([1.0, -1, 1, -1]).view(4, 1, 1).expand(4, 2, 4)
    plr = PlrReasoner(4, 1, 3, parts)
    with torch.no_grad():
        plr.triggers.zero_()
        plr.step_embedding.zero_()
    encoded = encoder(hidden, torch.zeros(4, 2, dtype=torch.bool))
    found = EarlyExit(plr, 0.1)(encoded, torch.zeros(4, 1, dtype=torch.long), encoder)
    assert encoder.counts == [4, 2, 2]
    assert found.steps_taken.tolist() == [1, 3, 1, 3]
    assert plr.limited(Effort()) is EarlyExit(plr, 0.1).limited(Effort())
