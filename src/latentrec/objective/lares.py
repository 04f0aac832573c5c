"""LARES' self-supervised objective: next item, and states aligned across histories and steps."""

from typing import Literal, final

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor

from latentrec.data.batch import Batch, Partners
from latentrec.model.reasoner.lares import LaresReasoner
from latentrec.model.recommender import Recommender
from latentrec.objective.contract import Losses, Objective, next_item_loss
from latentrec.objective.next_item import NextItemLoss
from latentrec.objective.positions import encode_prefixes
from latentrec.objective.terms import in_batch_contrast


@final
class LaresObjective(Objective):
    """Next-item loss of T_k, plus trajectory and step alignment (the SPT phase).

    Three passes: (a) the next item at a depth of its own; (b) the same histories with fresh dropout
    and T_0 at a depth k'; (c) their partners, other histories with the same target, at the same
    k'. Trajectory alignment contrasts the last states of (b) and (c), step alignment the last
    state of (b) with a random state of (b), one step for the whole batch; a k' of 1 leaves it out.

    Paper: arXiv 2505.16865, self-supervised pre-training; details as in the authors' code.

    Differs:
        - Where all positions are predicted, both alignments look at one random position of each
          history (docs/adr/0024).
        - Negatives are all other rows, also those with the same target, as in the authors' code;
          `mask_same_target` leaves the latter out (docs/adr/0023).
        - The next-item loss scores as the item encoder says; `cosine` concerns the alignments only.

    Args:
        trajectory_weight: Weight alpha of trajectory alignment; 0 saves pass (c).
        step_weight: Weight gamma of step alignment; both weights 0 save pass (b).
        temperature: Divides the similarities of both alignments, above 0.
        similarity: Of two states: their dot product, or their cosine.
        mask_same_target: Take rows with the same target for no negatives of each other.
        next_item: How states are scored against the catalogue; default: all of it, exactly.
    """

    def __init__(
        self,
        trajectory_weight: float,
        step_weight: float,
        temperature: float,
        similarity: Literal["dot", "cosine"],
        mask_same_target: bool,
        next_item: NextItemLoss | None = None,
    ) -> None:
        super().__init__(next_item)
        self.trajectory_weight = trajectory_weight
        self.step_weight = step_weight
        self.temperature = temperature
        self.similarity: Literal["dot", "cosine"] = similarity
        self.mask_same_target = mask_same_target

    def forward(self, model: Recommender, batch: Batch, epoch: int) -> Losses:
        """The losses of one batch, which holds partners; the epoch plays no part."""
        reasoned = model(batch.items, batch.positions)
        queries = model.items.queries(reasoned.train_state)
        next_item = next_item_loss(queries, batch, model.items.candidates(), self.next_item)
        parts = {"next_item": next_item.detach()}
        total = next_item
        if self.trajectory_weight > 0 or self.step_weight > 0:
            assert batch.partners is not None, "training_samples(.., partners=True) gives partners"
            terms = self._alignments(model, batch, batch.partners)
            parts |= {name: value.detach() for name, (_, value) in terms.items()}
            total = total + sum(weight * value for weight, value in terms.values())
        return Losses(total, parts)

    def _alignments(
        self, model: Recommender, batch: Batch, partners: Partners
    ) -> dict[str, tuple[float, Float[Tensor, ""]]]:
        """Weight and value of each alignment."""
        reasoner = model.reasoner
        assert isinstance(reasoner, LaresReasoner), "build gives this objective LARES' reasoner"
        depth = reasoner.choose_depth()
        positions = batch.positions.gather(1, partners.columns)
        blocked = self._blocked(batch.targets.gather(1, partners.columns)[:, 0])
        own = _states(model, reasoner, batch.items, positions, depth)
        terms: dict[str, tuple[float, Tensor]] = {}
        if self.trajectory_weight > 0:
            other = _states(model, reasoner, partners.items, partners.positions, depth)[:, -1]
            terms["trajectory"] = self.trajectory_weight, self._align(own[:, -1], other, blocked)
        if self.step_weight > 0:
            step = int(torch.randint(depth, ()))
            aligned = self._align(own[:, -1], own[:, step], blocked)
            terms["step"] = self.step_weight, aligned if depth > 1 else torch.zeros_like(aligned)
        return terms

    def _align(
        self,
        first: Float[Tensor, "B D"],
        second: Float[Tensor, "B D"],
        blocked: Bool[Tensor, "B B"] | None,
    ) -> Float[Tensor, ""]:
        """Contrast of both directions, half of each."""
        if self.similarity == "cosine":
            first, second = F.normalize(first, dim=-1), F.normalize(second, dim=-1)
        return in_batch_contrast(first, second, self.temperature, blocked)

    def _blocked(self, targets: Int[Tensor, " B"]) -> Bool[Tensor, "B B"] | None:
        """Pairs of different rows that are no negatives of each other."""
        if not self.mask_same_target:
            return None
        return (targets == targets[:, None]).fill_diagonal_(False)


def _states(
    model: Recommender,
    reasoner: LaresReasoner,
    items: Int[Tensor, "B L"],
    positions: Int[Tensor, "B 1"],
    depth: int,
) -> Float[Tensor, "B k D"]:
    """T_1 .. T_k at one position of each history, from a pass of their own."""

    def states(items: Int[Tensor, "b l"], positions: Int[Tensor, "b 1"]) -> Tensor:
        encoded = model.encode(items)
        start = reasoner.start(encoded)
        return reasoner.reason(encoded, positions, model.encoder, depth, start).steps[:, 0, 0]

    return encode_prefixes(items, positions, states)
