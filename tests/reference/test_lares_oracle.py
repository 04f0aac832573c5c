"""LARES against a float64 oracle: plain loops written from the equations, one history at a time."""

import math
from collections.abc import Callable
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor, cat

from latentrec.build import build_objective
from latentrec.config import LaresConfig
from latentrec.data.batch import Batch, Partners
from latentrec.model.encoder import TransformerEncoder
from latentrec.model.items import IdItemEncoder
from latentrec.model.reasoner.lares import AddAdapter, ConcatAdapter, LaresReasoner, LinearAdapter
from latentrec.model.recommender import Recommender

Stack = Callable[[object, list[Tensor]], list[Tensor]]
ITEMS = torch.tensor([[5, 9, 2, 17], [3, 8, 0, 0], [4, 6, 2, 0]])
TARGETS = torch.tensor([[9, 2, 17, 4], [8, 17, 0, 0], [6, 2, 11, 0]])
PARTNERS = Partners(
    torch.tensor([[2], [1], [0]]),
    torch.tensor([[7, 3, 8], [5, 9, 2], [4, 0, 0]]),
    torch.tensor([[2], [2], [0]]),
)
BATCH = Batch(ITEMS, torch.arange(4).expand(3, 4), TARGETS, PARTNERS)
SEED = 1


def model(adapter: torch.nn.Module, depth: int) -> Recommender:
    """In evaluation mode: no dropout, depth and start states are known."""
    torch.manual_seed(0)
    encoder = TransformerEncoder(8, 2, 2, 12, 6, 0.0, 0.0, causal=True)
    lares = LaresReasoner(adapter, 8, 2, 2, 12, 6, 0.0, 0.0, depth, 1.0, 3.0)
    built = Recommender(IdItemEncoder(20, 8), encoder, lares).double().eval()
    for parameter in built.parameters():  # away from the small initial values
        torch.nn.init.normal_(parameter, std=0.4)
    return built


def join(adapter: torch.nn.Module, state: Tensor, hidden: Tensor) -> Tensor:
    if isinstance(adapter, ConcatAdapter):
        return adapter.join.weight @ cat([state, hidden]) + adapter.join.bias
    if isinstance(adapter, LinearAdapter):
        s = 1 / (1 + math.exp(-float(adapter.balance)))
        return s * state + (1 - s) * hidden
    return (state + hidden) / 2


def states_of(lares: Recommender, history: list[int], depth: int, stack: Stack) -> list[Tensor]:
    """T_1 .. T_k at the last item: every item of the history is refined at every step."""
    table, place = lares.items.table(), lares.encoder.position.weight
    hidden = stack(lares.encoder, [table[v] + place[i] for i, v in enumerate(history)])
    core = SimpleNamespace(norm=lares.reasoner.norm, blocks=lares.reasoner.core)
    now, states = list(lares.reasoner.start_table[: len(history)]), []
    for _ in range(depth):
        now = stack(
            core, [join(lares.reasoner.adapter, t, h) for t, h in zip(now, hidden, strict=True)]
        )
        states.append(now[-1])
    return states


def cross_entropy(scores: list[float], right: int) -> float:
    return math.log(sum(math.exp(s) for s in scores)) - scores[right]


def contrast(first: list[Tensor], second: list[Tensor], knobs: LaresConfig) -> float:
    """[contrast(first, second) + contrast(second, first)] / 2."""
    targets, total = [17, 17, 6], 0.0
    for a, b in ((first, second), (second, first)):
        for i, x in enumerate(a):
            scores = []
            for j, y in enumerate(b):
                size = math.sqrt(float(x @ x)) * math.sqrt(float(y @ y))
                value = float(x @ y) / (size if knobs.similarity == "cosine" else 1)
                off = knobs.mask_same_target and i != j and targets[i] == targets[j]
                scores.append(-math.inf if off else value / knobs.temperature)
            total += cross_entropy(scores, i) / len(a) / 2
    return total


@pytest.mark.parametrize("adapter", [AddAdapter(), ConcatAdapter(8), LinearAdapter()])
@torch.no_grad()
def test_states_equal_the_loops(adapter: torch.nn.Module, stack: Stack) -> None:
    """T_1 .. T_k at every position, each prefix refined by itself."""
    lares = model(adapter, 3)
    steps = lares(ITEMS, BATCH.positions).steps
    for b, p in BATCH.predicted.nonzero().tolist():
        states = torch.stack(states_of(lares, ITEMS[b, : p + 1].tolist(), 3, stack))
        torch.testing.assert_close(steps[b, p, 0], states, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(
    ("depth", "tau", "similarity", "masked"),
    [(1, 1.0, "dot", False), (3, 0.7, "dot", True), (4, 0.3, "cosine", False)],
)
@torch.no_grad()
def test_losses_equal_the_loops(
    depth: int, tau: float, similarity: str, masked: bool, stack: Stack
) -> None:
    """The cross-entropy, both alignments and the total."""
    lares = model(AddAdapter(), depth)
    table = lares.items.table()[2:]
    rows = BATCH.predicted.nonzero().tolist()
    next_item = 0.0
    for b, p in rows:
        last = states_of(lares, ITEMS[b, : p + 1].tolist(), depth, stack)[-1]
        scores = [float(last @ item) for item in table]
        next_item += cross_entropy(scores, int(TARGETS[b, p]) - 2) / len(rows)
    own = [
        states_of(lares, ITEMS[b, : int(PARTNERS.columns[b, 0]) + 1].tolist(), depth, stack)
        for b in range(3)
    ]
    others = [
        states_of(lares, row[: int(end) + 1].tolist(), depth, stack)[-1]
        for row, end in zip(PARTNERS.items, PARTNERS.positions, strict=True)
    ]
    torch.manual_seed(SEED)
    chosen = int(torch.randint(depth, ()))
    knobs = LaresConfig(
        mean_steps=depth,
        trajectory_weight=0.3,
        step_weight=0.7,
        temperature=tau,
        similarity=similarity,
        mask_same_target=masked,
    )
    finals = [states[-1] for states in own]
    trajectory = contrast(finals, others, knobs)
    step = contrast(finals, [states[chosen] for states in own], knobs) if depth > 1 else 0.0
    torch.manual_seed(SEED)
    found = build_objective(knobs)(lares, BATCH, 0)
    assert found.parts["next_item"].item() == pytest.approx(next_item, abs=1e-9)
    assert found.parts["trajectory"].item() == pytest.approx(trajectory, abs=1e-9)
    assert found.parts["step"].item() == pytest.approx(step, abs=1e-9)
    expected = next_item + 0.3 * trajectory + 0.7 * step
    assert found.total.item() == pytest.approx(expected, abs=1e-9)
