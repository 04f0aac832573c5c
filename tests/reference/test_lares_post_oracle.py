"""LARES' post-training against a float64 oracle: plain loops written from the equations."""

import math
from collections.abc import Callable, Iterator
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor

from latentrec.build import build_post_objective
from latentrec.config import PostTrainConfig
from latentrec.data.batch import Batch
from latentrec.model.encoder import TransformerEncoder
from latentrec.model.items import IdItemEncoder
from latentrec.model.reasoner.lares import AddAdapter, LaresReasoner
from latentrec.model.recommender import Recommender

Stack = Callable[[object, list[Tensor]], list[Tensor]]
BATCH = Batch(
    torch.tensor([[5, 9, 2], [3, 8, 0]]),
    torch.arange(3).expand(2, 3),
    torch.tensor([[9, 2, 17], [8, 0, 0]]),  # one position has an item behind it and no target
)
ROLLOUTS = 3


def model(seed: int) -> Recommender:
    torch.manual_seed(seed)
    encoder = TransformerEncoder(8, 1, 2, 12, 6, 0.0, 0.0, causal=True)
    lares = LaresReasoner(AddAdapter(), 8, 1, 2, 12, 6, 0.0, 0.0, 3, 1.0, 3.0)
    built = Recommender(IdItemEncoder(20, 8), encoder, lares).double()
    for parameter in built.parameters():
        torch.nn.init.normal_(parameter, std=0.4)
    return built


def log_p(built: Recommender, state: Tensor, target: int) -> float:
    scores = [float(state @ item) for item in built.items.table()[2:]]
    return scores[target - 2] - math.log(sum(math.exp(s) for s in scores))


def rank(built: Recommender, state: Tensor, target: int) -> int:
    scores = [float(state @ item) for item in built.items.table()[2:]]
    return sum(s >= scores[target - 2] for s in scores)


def reward(place: int, knobs: PostTrainConfig) -> float:
    if place > knobs.top_k:
        return 0.0
    return 1.0 if knobs.reward == "recall" else 1 / math.log2(place + 1)


def states_of(built: Recommender, items: list[int], start: Tensor, k: int, stack: Stack) -> list:
    """T_1 .. T_k at the last item of a history, from the rows of a start state."""
    table, place = built.items.table(), built.encoder.position.weight
    hidden = stack(built.encoder, [table[v] + place[i] for i, v in enumerate(items)])
    core = SimpleNamespace(norm=built.reasoner.norm, blocks=built.reasoner.core)
    now, states = list(start[: len(items)]), []
    for _ in range(k):
        now = stack(core, [(t + h) / 2 for t, h in zip(now, hidden, strict=True)])
        states.append(now[-1])
    return states


@pytest.fixture(autouse=True)
def _rewards_in_float64() -> Iterator[None]:
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(before)


@pytest.mark.parametrize(
    "knobs",
    [
        {"reward": "recall", "penalty_weight": 1.0},
        {"reward": "ndcg", "penalty_weight": 0.3, "push_down": False},
        {"reward": "ndcg", "penalty_weight": 2.0, "shared_start": True},
    ],
)
def test_loss_equals_the_loops(
    knobs: dict[str, object], stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = PostTrainConfig.model_validate(
        {"source": "none", "rollouts": ROLLOUTS, "top_k": 9, **knobs}
    )
    policy, reference = model(0), model(1)
    drawn: list[tuple[int, Tensor]] = []  # depth and start of each pass, as they were drawn
    reason = LaresReasoner.reason

    def spy(self: LaresReasoner, *args: object) -> object:
        drawn.append((args[3], args[4]))  # type: ignore[arg-type]
        return reason(self, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(LaresReasoner, "reason", spy)
    post = build_post_objective(config, reference).train()
    torch.manual_seed(4)
    found = post(policy.train(), BATCH, 0)
    with torch.no_grad():
        total, penalty, mean_reward = expected(config, policy, reference, drawn, stack)
    assert found.total.item() == pytest.approx(total, abs=1e-9)
    assert found.parts["penalty"].item() == pytest.approx(penalty, abs=1e-9)
    assert found.parts["reward"].item() == pytest.approx(mean_reward, abs=1e-9)
    assert 0 < mean_reward < 1


def expected(
    config: PostTrainConfig,
    policy: Recommender,
    reference: Recommender,
    drawn: list[tuple[int, Tensor]],
    stack: Stack,
) -> tuple[float, float, float]:
    """Loss, penalty and mean reward."""
    rows = BATCH.predicted.nonzero().tolist()
    total = penalties = rewards = 0.0
    for b, p in rows:
        items, target = BATCH.items[b, : p + 1].tolist(), int(BATCH.targets[b, p])
        earned, penalty = [], []
        for g in range(ROLLOUTS):
            (k, start), (k_ref, start_ref) = drawn[2 * g], drawn[2 * g + 1]
            assert k == k_ref
            own = states_of(policy, items, start[b], k, stack)
            known = states_of(reference, items, start_ref[b], k, stack)
            earned.append(reward(rank(policy, own[-1], target), config))
            differences = [
                log_p(reference, y, target) - log_p(policy, x, target)
                for x, y in zip(own, known, strict=True)
            ]
            penalty.append(sum(math.exp(d) - d - 1 for d in differences) / k)
        mean = sum(earned) / ROLLOUTS
        std = math.sqrt(sum((r - mean) ** 2 for r in earned) / (ROLLOUTS - 1))
        for r, extra in zip(earned, penalty, strict=True):
            advantage = (r - mean) / (std + 1e-4)
            advantage = advantage if config.push_down else max(advantage, 0.0)
            total += (-advantage + config.penalty_weight * extra) / (ROLLOUTS * len(rows))
            penalties += extra / (ROLLOUTS * len(rows))
            rewards += r / (ROLLOUTS * len(rows))
    return total, penalties, rewards
