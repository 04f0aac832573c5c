"""LARES' second phase: rollouts that find the target are made likelier than those that do not."""

from dataclasses import dataclass
from typing import Final, Literal, final

import torch
from jaxtyping import Float, Int
from torch import Tensor

from latentrec.data.batch import Batch
from latentrec.index import FIRST_ITEM
from latentrec.model.encoder import Encoded
from latentrec.model.reasoner.lares import LaresReasoner
from latentrec.model.recommender import Recommender
from latentrec.objective.contract import Losses, Objective
from latentrec.objective.target import target_log_probability, target_ranks

STD_FLOOR: Final = 1e-4
"""Added to the standard deviation of a group's rewards."""


def rewards(
    ranks: Int[Tensor, "*any"], kind: Literal["recall", "ndcg"], top_k: int
) -> Float[Tensor, "*any"]:
    """What rollouts earn for the rank of their target.

    Paper: LARES (arXiv 2505.16865), rewards of the post-training.

    Args:
        ranks: Rank of each target, from 1.
        kind: `recall`: 1 in the list; `ndcg`: `1 / log2(rank + 1)` in the list; 0 behind it.
        top_k: List length K.

    Example:
        >>> rewards(torch.tensor([1, 3, 4]), "ndcg", 3).tolist()
        [1.0, 0.5, 0.0]
    """
    hit = torch.where(ranks <= top_k, 1.0, 0.0)
    return hit if kind == "recall" else hit / torch.log2(ranks + 1)


def group_advantages(earned: Float[Tensor, "G R"]) -> Float[Tensor, "G R"]:
    """How much better each of G >= 2 rollouts is than the mean of its group, in its deviations.

    `(reward - mean) / (std + 1e-4)` over the rollouts of one target, the deviation with G - 1.
    Sums to 0 in each group, and is 0 where all rollouts earned the same.

    Args:
        earned: Rewards of the G rollouts of R targets.
    """
    earned = earned - earned[0]  # so that equal rewards give exactly 0
    return (earned - earned.mean(0)) / (earned.std(0) + STD_FLOOR)


def policy_loss(log_p: Float[Tensor, "R k"], advantages: Float[Tensor, " R"]) -> Float[Tensor, ""]:
    """Minus the advantage times the ratio of new to old probability, at every step of a rollout.

    One update follows each rollout, so old and new are equal: the ratio is 1 and its gradient that
    of the log-probability. The gradient of this loss is thus that of `-mean(A log p)`.

    Args:
        log_p: Log-probability of each target after every step of a rollout.
        advantages: Advantage of this rollout for each target.
    """
    ratio = torch.exp(log_p - log_p.detach())
    return -(ratio * advantages[:, None]).mean()


def reference_penalty(
    log_p: Float[Tensor, "R k"], reference: Float[Tensor, "R k"]
) -> Float[Tensor, ""]:
    """Mean of `exp(d) - d - 1`, d the reference's log-probability of the target minus the policy's.

    At least 0, and 0 where both agree. It is no estimate of a KL divergence, since the target is
    not drawn from the policy.

    Args:
        log_p: Log-probability of each target after every step of a rollout.
        reference: The same by the reference model.
    """
    difference = reference - log_p
    return (difference.exp() - difference - 1).mean()


@final
@dataclass(frozen=True)
class Rollout:
    """What one rollout thinks of the R targets of a batch.

    Attributes:
        log_p: Log-probability of the target after each of its k steps.
        reference: The same by the reference model, without gradients.
        ranks: Rank of the target after the last step.
    """

    log_p: Float[Tensor, "R k"]
    reference: Float[Tensor, "R k"]
    ranks: Int[Tensor, " R"]


@final
class LaresPostObjective(Objective):
    """Reinforcement post-training (RPT) of a LARES model that the first phase has trained.

    Each batch is read G times, with a depth, start states and dropout drawn anew. What the last
    step earns, compared with the group's other rollouts, weighs the target's log-probability at
    every step of its rollout; a penalty keeps that probability near the reference model's, which
    is run without dropout at the same depth.

    Paper: arXiv 2505.16865, reinforcement post-training; details as in the authors' code.

    Differs:
        - Where all positions are predicted, the positions of a history share depth and start
          states, and each of their targets is a group of its own (docs/adr/0027).
        - `push_down` and `shared_start` are the authors' choices by default (docs/adr/0026).
        - Scores are those of the item encoder, not always dot products.

    Args:
        reference: The trained model, kept as it is; frozen here.
        rollouts: Number of rollouts G, at least 2.
        reward: Of the last step's rank, see `rewards`.
        top_k: List length K of the reward.
        penalty_weight: Weight beta of the penalty.
        push_down: Lower the target's probability in rollouts below their group's mean.
        shared_start: Give the reference the rollout's start states instead of its own.
    """

    def __init__(
        self,
        reference: Recommender,
        rollouts: int,
        reward: Literal["recall", "ndcg"],
        top_k: int,
        penalty_weight: float,
        push_down: bool,
        shared_start: bool,
    ) -> None:
        super().__init__()
        self.reference = reference.requires_grad_(False).eval()
        self.rollouts = rollouts
        self.reward: Literal["recall", "ndcg"] = reward
        self.top_k = top_k
        self.penalty_weight = penalty_weight
        self.push_down = push_down
        self.shared_start = shared_start

    def train(self, mode: bool = True) -> "LaresPostObjective":
        """Switch the mode of everything but the reference, which never has dropout."""
        super().train(mode)
        self.reference.eval()
        return self

    def forward(self, model: Recommender, batch: Batch, epoch: int) -> Losses:
        """The losses of one batch; the epoch plays no part."""
        group = self._play(model, batch)
        earned = rewards(torch.stack([r.ranks for r in group]), self.reward, self.top_k)
        advantages = group_advantages(earned)
        if not self.push_down:
            advantages = advantages.clamp_min(0)
        policy = [policy_loss(r.log_p, a) for r, a in zip(group, advantages, strict=True)]
        penalty = torch.stack([reference_penalty(r.log_p, r.reference) for r in group]).mean()
        total = torch.stack(policy).mean() + self.penalty_weight * penalty
        contested = (earned != earned[0]).any(0).float().mean()
        parts = {"reward": earned.mean(), "contested": contested, "penalty": penalty.detach()}
        return Losses(total, parts)

    def _play(self, model: Recommender, batch: Batch) -> list[Rollout]:
        """All rollouts of a batch."""
        candidates = model.items.candidates()[FIRST_ITEM:]
        with torch.no_grad():  # without dropout, so that once is enough
            known = self.reference.encode(batch.items)
            known_candidates = self.reference.items.candidates()[FIRST_ITEM:]
        return [
            self._rollout(model, batch, candidates, known, known_candidates)
            for _ in range(self.rollouts)
        ]

    def _rollout(
        self,
        model: Recommender,
        batch: Batch,
        candidates: Float[Tensor, "N D"],
        known: Encoded,
        known_candidates: Float[Tensor, "N D"],
    ) -> Rollout:
        """One rollout, and the reference's thoughts at the same depth."""
        policy, reference = _reasoner(model), _reasoner(self.reference)
        depth, encoded = policy.choose_depth(), model.encode(batch.items)
        start = policy.start(encoded)
        own = _queries(model, encoded, batch, depth, start)
        targets = batch.targets[batch.predicted] - FIRST_ITEM
        with torch.no_grad():
            start = start if self.shared_start else reference.fresh_start(known)
            other = _queries(self.reference, known, batch, depth, start)
            expected = _log_p(other, known_candidates, targets)
        ranks = target_ranks(own[:, -1], candidates, targets)
        return Rollout(_log_p(own, candidates, targets), expected, ranks)


def _reasoner(model: Recommender) -> LaresReasoner:
    assert isinstance(model.reasoner, LaresReasoner), "config.py allows post_train with LARES only"
    return model.reasoner


def _queries(
    model: Recommender, encoded: Encoded, batch: Batch, depth: int, start: Float[Tensor, "B L D"]
) -> Float[Tensor, "R k D"]:
    """What is scored after each step, for every position that has a target."""
    reasoned = _reasoner(model).reason(encoded, batch.positions, model.encoder, depth, start)
    return model.items.queries(reasoned.steps[:, :, 0][batch.predicted])


def _log_p(
    queries: Float[Tensor, "R k D"], candidates: Float[Tensor, "N D"], targets: Int[Tensor, " R"]
) -> Float[Tensor, "R k"]:
    """The target's log-probability after each step."""
    rows, depth, _ = queries.shape
    wanted = targets.repeat_interleave(depth)
    return target_log_probability(queries.flatten(0, 1), candidates, wanted).view(rows, depth)
