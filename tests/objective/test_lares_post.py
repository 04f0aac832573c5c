"""LARES' post-training: rewards, advantages, what pulls on which probability, and the reference."""

from copy import deepcopy

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from latentrec.build import build_post_objective
from latentrec.config import PostTrainConfig
from latentrec.data.batch import Batch
from latentrec.model.encoder import TransformerEncoder
from latentrec.model.items import IdItemEncoder
from latentrec.model.reasoner.lares import AddAdapter, LaresReasoner
from latentrec.model.recommender import Recommender
from latentrec.objective.contract import Objective
from latentrec.objective.lares_post import (
    LaresPostObjective,
    group_advantages,
    policy_loss,
    reference_penalty,
    rewards,
)

BATCH = Batch(
    torch.tensor([[4, 9, 3], [7, 2, 0], [5, 6, 8]]),
    torch.arange(3).expand(3, 3),
    torch.tensor([[9, 3, 11], [2, 11, 0], [6, 0, 4]]),
)


def model(dropout: float = 0.0, state_scale: float = 3.0) -> Recommender:
    torch.manual_seed(3)
    encoder = TransformerEncoder(16, 2, 2, 24, 10, dropout, dropout, causal=True)
    lares = LaresReasoner(AddAdapter(), 16, 1, 2, 24, 10, dropout, dropout, 3, 1.0, state_scale)
    built = Recommender(IdItemEncoder(30, 16), encoder, lares)
    for parameter in built.parameters():
        if parameter.dim() > 1:
            torch.nn.init.normal_(parameter, std=0.3)
    return built.train()


def objective(built: Recommender, **knobs: object) -> Objective:
    config = PostTrainConfig.model_validate({"source": "none", **knobs})
    return build_post_objective(config, deepcopy(built)).train()


# --- rewards and advantages -----------------------------------------------------------------------


def test_rewards_of_ranks() -> None:
    ranks = torch.tensor([1, 2, 10, 11])
    assert rewards(ranks, "recall", 10).tolist() == [1, 1, 1, 0]
    found = rewards(ranks, "ndcg", 10)
    torch.testing.assert_close(found, torch.tensor([1, 0.63092975, 0.28906483, 0]))


@given(st.lists(st.sampled_from([0.0, 0.5, 0.63, 1.0]), min_size=2, max_size=8))
def test_advantages_sum_to_zero_and_order_like_rewards(earned: list[float]) -> None:
    """P14: within each group; nothing is left where all rollouts earned the same."""
    column = torch.tensor(earned)[:, None]
    found = group_advantages(column)[:, 0]
    assert float(found.sum()) == pytest.approx(0, abs=1e-5)
    if len(set(earned)) == 1:
        assert found.abs().max() == 0
    else:
        best = torch.tensor(earned) == max(earned)
        assert found[best].min() > found[~best].max()


def test_advantages_of_one_hit_in_four() -> None:
    """Deviation with G - 1: one hit weighs 1.5, three misses a half each."""
    found = group_advantages(torch.tensor([[1.0], [0], [0], [0]]))[:, 0]
    torch.testing.assert_close(found, torch.tensor([1.5, -0.5, -0.5, -0.5]), rtol=1e-3, atol=0)


# --- terms ----------------------------------------------------------------------------------------


def test_the_policy_gradient_is_that_of_log_probability_times_advantage() -> None:
    """P14: with one update a batch the ratio is REINFORCE; its value is minus the advantage."""
    log_p = torch.randn(4, 3, dtype=torch.float64, requires_grad=True)
    advantages = torch.randn(4, dtype=torch.float64)
    loss = policy_loss(log_p, advantages)
    torch.testing.assert_close(loss.detach(), -advantages.mean())
    (found,) = torch.autograd.grad(loss, log_p)
    (expected,) = torch.autograd.grad(-(advantages[:, None] * log_p).mean(), log_p)
    torch.testing.assert_close(found, expected)


@given(st.floats(-20, 0), st.floats(-20, 0))
def test_the_penalty_is_never_negative(log_p: float, reference: float) -> None:
    a, b = (torch.full((1, 1), x, dtype=torch.float64) for x in (log_p, reference))
    assert reference_penalty(a, b) >= 0
    assert reference_penalty(a, a) == 0


# --- the whole ------------------------------------------------------------------------------------


def gradients(built: Recommender, post: Objective) -> dict[str, Tensor]:
    built.zero_grad()
    torch.manual_seed(5)
    post(built, BATCH, 0).total.backward()
    return {name: p.grad for name, p in built.named_parameters() if p.grad is not None}


def test_equal_rewards_leave_the_penalty_alone() -> None:
    """P14: whether all rollouts hit (a list of everything) or none would, nobody is pulled up."""
    built = model(dropout=0.1)
    tied = gradients(built, objective(built, top_k=30, penalty_weight=0.0))
    assert all(g.abs().max() == 0 for g in tied.values())
    kept = gradients(built, objective(built, top_k=30, penalty_weight=1.0))
    assert any(g.abs().max() > 0 for g in kept.values())


def test_a_shared_start_without_dropout_begins_without_penalty() -> None:
    """The authors' reference starts elsewhere: its penalty is above 0 before the first update."""
    built = model()
    torch.manual_seed(0)
    assert objective(built, shared_start=True)(built, BATCH, 0).parts["penalty"] == 0
    assert objective(built)(built, BATCH, 0).parts["penalty"] > 0


def test_the_reference_thinks_as_deep_as_the_rollout_without_dropout(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    built = model(dropout=0.5)
    post = objective(built, rollouts=3)
    assert isinstance(post, LaresPostObjective)
    seen: list[tuple[bool, int, Tensor]] = []
    reason = LaresReasoner.reason

    def spy(self: LaresReasoner, *args: object) -> object:
        seen.append((self.training, args[3], args[4]))  # type: ignore[arg-type]
        return reason(self, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(LaresReasoner, "reason", spy)
    torch.manual_seed(1)
    post(built, BATCH, 0)
    assert [training for training, _, _ in seen] == [True, False] * 3
    depths = [depth for _, depth, _ in seen]
    assert depths[::2] == depths[1::2]
    starts = [start for _, _, start in seen]
    assert all(not torch.equal(a, b) for i, a in enumerate(starts) for b in starts[:i])


def test_the_reference_is_frozen() -> None:
    built = model(dropout=0.1)
    post = objective(built)
    assert isinstance(post, LaresPostObjective)
    before = [p.clone() for p in post.reference.parameters()]
    optimiser = torch.optim.SGD(built.parameters(), lr=1.0)
    gradients(built, post)
    optimiser.step()
    assert all(p.grad is None for p in post.reference.parameters())
    assert all(torch.equal(p, b) for p, b in zip(post.reference.parameters(), before, strict=True))


def contested(built: Recommender) -> Batch:
    """A batch of one target, among those whose rollouts disagree at this seed."""
    for item in range(2, 30):
        batch = Batch(BATCH.items[:1], torch.tensor([[2]]), torch.tensor([[item]]))
        torch.manual_seed(5)
        if objective(built, rollouts=4, top_k=5)(built, batch, 0).parts["contested"] == 1:
            return batch
    raise AssertionError("no target's rollouts disagree")


def test_missed_rollouts_can_be_left_where_they_are() -> None:
    """Without pushing down, the loss lacks exactly the terms with a negative advantage."""
    built = model(state_scale=30.0).double()
    batch = contested(built)
    values = []
    for push_down in (True, False):
        torch.manual_seed(5)
        post = objective(built, top_k=5, penalty_weight=0.0, push_down=push_down)
        values.append(float(post(built, batch, 0).total.detach()))
    assert values[0] == pytest.approx(0, abs=1e-6)  # the advantages of a group sum to zero
    assert values[1] < -0.1  # those above zero, alone


def test_every_parameter_learns() -> None:
    built = model(dropout=0.1)
    for name, gradient in gradients(built, objective(built, top_k=5)).items():
        assert gradient.isfinite().all(), name
        assert gradient.abs().sum() > 0, name


def test_post_training_finds_the_target_more_often() -> None:
    """On its own batch the mean reward rises; without a reward it would not move."""
    built = model(dropout=0.1)
    post = objective(built, rollouts=4, top_k=8, penalty_weight=0.01)
    optimiser = torch.optim.Adam(built.parameters(), lr=3e-2)
    torch.manual_seed(0)
    seen: list[Tensor] = []
    for _ in range(60):
        found = post(built, BATCH, 0)
        optimiser.zero_grad()
        found.total.backward()
        optimiser.step()
        seen.append(found.parts["reward"])
    assert torch.stack(seen[-20:]).mean() > torch.stack(seen[:5]).mean() + 0.15
