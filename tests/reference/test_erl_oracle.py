"""ERL against a float64 oracle: plain loops written from the equations, one history at a time."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from latentrec.build import build_objective
from latentrec.config import ErlConfig
from latentrec.data.batch import Batch
from latentrec.model.encoder import TransformerEncoder
from latentrec.model.items import IdItemEncoder
from latentrec.model.reasoner.erl import ErlReasoner
from latentrec.model.recommender import Recommender

Stack = Callable[[TransformerEncoder, list[Tensor]], list[Tensor]]
ITEMS = torch.tensor([[5, 9, 2, 17], [3, 8, 0, 0]])
TARGETS = torch.tensor([[9, 2, 17, 4], [8, 12, 0, 0]])
BATCH = Batch(ITEMS, torch.arange(4).expand(2, 4), TARGETS)


def model(steps: int) -> Recommender:
    torch.manual_seed(0)
    encoder = TransformerEncoder(8, 2, 2, 12, 6, 0.0, 0.0, causal=True)
    built = Recommender(IdItemEncoder(20, 8), encoder, ErlReasoner(8, steps)).double()
    for parameter in built.parameters():  # away from the small initial values
        torch.nn.init.normal_(parameter, std=0.4)
    return built.train()


def states_of(erl: Recommender, history: list[int], stack: Stack) -> list[Tensor]:
    """h_0 .. h_T after one history, encoding the grown sequence anew for each (Eq. 4)."""
    table, place = erl.items.table(), erl.encoder.position.weight
    grown = [table[v] + place[i] for i, v in enumerate(history)]
    states = [stack(erl.encoder, grown)[-1]]
    for r in erl.reasoner.step_embedding:
        grown.append(states[-1] + r)
        states.append(stack(erl.encoder, grown)[-1])
    return states


def chances(state: Tensor, table: Tensor, temperature: float) -> list[float]:
    scores = [float(state @ item) / temperature for item in table]
    mass = sum(math.exp(s) for s in scores)
    return [math.exp(s) / mass for s in scores]


def kl(p: list[float], q: list[float]) -> float:
    return sum(a * (math.log(a) - math.log(b)) for a, b in zip(p, q, strict=True))


@pytest.mark.parametrize(("steps", "temperature"), [(1, 1.0), (3, 0.6)])
@torch.no_grad()
def test_states_and_losses_equal_the_loops(steps: int, temperature: float, stack: Stack) -> None:
    """Every state, their mean, the cross-entropy, the divergence and the total."""
    erl = model(steps)
    reasoned, table = erl(ITEMS, BATCH.positions), erl.items.table()[2:]
    entropies, divergences = [], []
    for b, p in BATCH.predicted.nonzero().tolist():
        states = states_of(erl, ITEMS[b, : p + 1].tolist(), stack)
        mean = sum(states) / (steps + 1)
        torch.testing.assert_close(
            reasoned.steps[b, p, 0], torch.stack(states), rtol=1e-9, atol=1e-9
        )
        torch.testing.assert_close(reasoned.infer_state[b, p], mean, rtol=1e-9, atol=1e-9)
        entropies.append(-math.log(chances(mean, table, temperature)[TARGETS[b, p] - 2]))
        each = [chances(state, table, temperature) for state in states]
        pairs = [kl(y, x) for i, x in enumerate(each) for j, y in enumerate(each) if i != j]
        divergences.append(sum(pairs) / len(pairs))
    next_item, divergence = (sum(x) / len(x) for x in (entropies, divergences))
    knobs = ErlConfig(
        kl_weight=0.2,
        kl_cap=1e9,
        temperature=temperature,
        warmup_epochs=0,
        ramp_epochs=0,
        term_positions=0,
    )
    found = build_objective(knobs)(erl, BATCH, 0)
    assert found.parts["next_item"].item() == pytest.approx(next_item, abs=1e-9)
    assert found.parts["pairwise_kl"].item() == pytest.approx(divergence, abs=1e-9)
    assert found.total.item() == pytest.approx(next_item - 0.2 * divergence, abs=1e-9)
