"""PRL against a float64 oracle: plain loops written from the equations, one history at a time."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from latentrec.build import build_objective
from latentrec.config import PrlConfig
from latentrec.data.batch import Batch
from latentrec.model.encoder import TransformerEncoder
from latentrec.model.items import IdItemEncoder
from latentrec.model.reasoner.prl import PrlReasoner
from latentrec.model.recommender import Recommender

Stack = Callable[[TransformerEncoder, list[Tensor]], list[Tensor]]
ITEMS = torch.tensor([[5, 9, 2, 17], [3, 8, 0, 0]])
TARGETS = torch.tensor([[9, 2, 17, 4], [8, 12, 0, 0]])
BATCH = Batch(ITEMS, torch.arange(4).expand(2, 4), TARGETS)
NOISE_STD, SEED = 0.3, 11


def model(steps: int) -> Recommender:
    torch.manual_seed(0)
    encoder = TransformerEncoder(8, 2, 2, 12, 6, 0.0, 0.0, causal=True)
    built = Recommender(IdItemEncoder(20, 8), encoder, PrlReasoner(8, steps)).double()
    for parameter in built.parameters():  # away from the small initial values
        torch.nn.init.normal_(parameter, std=0.4)
    return built.train()


def trajectories(
    prl: Recommender, history: list[int], noise: Tensor, stack: Stack
) -> tuple[list[Tensor], list[Tensor]]:
    """Clean h_0 .. h_T and noisy h_1 .. h_T; each grows a sequence of its own inputs."""
    table, place = prl.items.table(), prl.encoder.position.weight
    read = [table[v] + place[i] for i, v in enumerate(history)]
    grown, forked = list(read), list(read)
    clean, noisy = [stack(prl.encoder, read)[-1]], []
    for t, r in enumerate(prl.reasoner.step_embedding):
        forked.append(clean[t] + noise[t] + r)
        noisy.append(stack(prl.encoder, forked)[-1])
        grown.append(clean[t] + r)
        clean.append(stack(prl.encoder, grown)[-1])
    return clean, noisy


def cross_entropy(scores: list[float], right: int) -> float:
    return math.log(sum(math.exp(s) for s in scores)) - scores[right]


def next_item(state: Tensor, table: Tensor, target: int, temperature: float) -> float:
    return cross_entropy([float(state @ item) / temperature for item in table], target - 2)


@pytest.mark.parametrize(("steps", "tau", "alpha"), [(1, 1.0, 2.0), (3, 0.6, 1.5)])
@torch.no_grad()
def test_states_and_losses_equal_the_loops(
    steps: int, tau: float, alpha: float, stack: Stack
) -> None:
    """Every state, the losses of all states, the noisy contrast and the total."""
    prl = model(steps)
    reasoned, table = prl(ITEMS, BATCH.positions), prl.items.table()[2:]
    torch.manual_seed(SEED)
    noise = NOISE_STD * torch.randn(2, 4, 1, steps, 8, dtype=torch.float64)
    rows = BATCH.predicted.nonzero().tolist()
    views = [trajectories(prl, ITEMS[b, : p + 1].tolist(), noise[b, p, 0], stack) for b, p in rows]
    last, earlier = 0.0, 0.0
    for (b, p), (clean, _) in zip(rows, views, strict=True):
        torch.testing.assert_close(
            reasoned.steps[b, p, 0], torch.stack(clean), rtol=1e-9, atol=1e-9
        )
        torch.testing.assert_close(reasoned.infer_state[b, p], clean[-1], rtol=1e-9, atol=1e-9)
        each = [
            next_item(state, table, int(TARGETS[b, p]), tau * alpha ** (steps - t))
            for t, state in enumerate(clean)
        ]
        last += each[-1] / len(rows)
        earlier += sum(each[:-1]) / steps / len(rows)
    contrast = 0.0
    for k in range(steps):
        for i, (_, noisy) in enumerate(views):
            scores = [float(noisy[k] @ clean[k + 1]) / tau for clean, _ in views]
            contrast += cross_entropy(scores, i) / len(rows) / steps
    knobs = PrlConfig(
        temperature=tau,
        temperature_scale=alpha,
        earlier_weight=0.7,
        contrastive_weight=0.4,
        noise_std=NOISE_STD,
        warmup_epochs=0,
        ramp_epochs=0,
        term_positions=0,
    )
    torch.manual_seed(SEED)
    found = build_objective(knobs)(prl, BATCH, 0)
    assert found.parts["next_item"].item() == pytest.approx(last, abs=1e-9)
    assert found.parts["earlier"].item() == pytest.approx(earlier, abs=1e-9)
    assert found.parts["contrast"].item() == pytest.approx(contrast, abs=1e-9)
    assert found.total.item() == pytest.approx(last + 0.7 * earlier + 0.4 * contrast, abs=1e-9)
