"""PLR: parallel latent reasoning, M isolated streams of T steps mixed by a gate."""

from typing import final

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor

from latentrec.model.encoder import Encoded, SequenceEncoder
from latentrec.model.reasoner.contract import Reasoned, Reasoner, smaller, unroll
from latentrec.model.reasoner.effort import Effort
from latentrec.model.reasoner.none import NoReasoner
from latentrec.model.reasoner.plr_parts import PAPER, PlrParts
from latentrec.model.reasoner.thinking import Thinking, everybody


@final
class PlrReasoner(Reasoner):
    """M streams start at h_0 plus a trigger each, reason T steps, and are mixed by a gate.

    Paper: arXiv 2601.03153, Eq. 3 (triggers), 4-5 (isolated steps), 6 (mean over steps), 9 (gate),
        10 (h_0 + z_rea when ranking).

    Differs:
        - Steps run through the encoder's whole blocks with cached per-layer keys and values, and
          a step attends to itself (docs/adr/0003).
        - Triggers start different and the gate starts uniform (docs/adr/0005).

    Args:
        dim: Hidden size D.
        streams: Number of streams M, at least 1.
        steps: Number of steps T, at least 1.
        parts: Trigger, step embedding, gate and ranking state; by default the paper's.
    """

    reads_all = False

    def __init__(self, dim: int, streams: int, steps: int, parts: PlrParts = PAPER) -> None:
        super().__init__()
        self.parts = parts
        self.triggers = parts.trigger.vectors(streams, dim)
        self.step_embedding = parts.step_embedding(streams, steps, dim)
        self.gate = parts.gate(dim, streams, steps)

    def forward(
        self, encoded: Encoded, positions: Int[Tensor, "B P"], encoder: SequenceEncoder
    ) -> Reasoned:
        """Trains on z_rea, ranks with h_0 + z_rea (paper section 3.3)."""
        first = encoded.at(positions)
        steps = unroll(encoder, encoded, positions, self.start(first), self.step_embedding)
        mixed, gate = self.gate(first, steps)
        return Reasoned(steps, mixed, self.parts.rank(first, mixed), gate)

    def start(self, first: Float[Tensor, "B P D"]) -> Float[Tensor, "B P M D"]:
        """The state from which each stream starts."""
        return self.parts.trigger.start(first, self.triggers)

    def limited(self, effort: Effort) -> Reasoner:
        """The first streams and steps, the gate's weights renormalised over them."""
        (most, dim), longest = self.triggers.shape, len(self.step_embedding)
        streams, steps = effort.of(most, longest)
        if steps == 0:
            return NoReasoner()
        kept = self
        if (streams, steps) != (most, longest):
            kept = smaller(self, lambda: PlrReasoner(dim, streams, steps, self.parts))
        return EarlyExit(kept, effort.exit_threshold) if effort.exit_threshold > 0 else kept


@final
class EarlyExit(Reasoner):
    """PLR that stops reasoning about a history once its mixed state has settled; for ranking.

    With z_t the mixed state of the first t steps and z_0 = h_0, a history is done at the first t
    with `|z_t - z_{t-1}| <= threshold |z_t|`, or at t = T. It then leaves the batch, and ranks as
    PLR limited to t steps would. Histories do not depend on each other (docs/adr/0033).

    Args:
        plr: The reasoner.
        threshold: Share of its length that the state may still move, above 0.
    """

    def __init__(self, plr: PlrReasoner, threshold: float) -> None:
        super().__init__()
        self.plr = plr
        self.threshold = threshold

    def forward(
        self, encoded: Encoded, positions: Int[Tensor, "B P"], encoder: SequenceEncoder
    ) -> Reasoned:
        """As PLR; `steps` holds zeros from where a history left."""
        plr, first = self.plr, encoded.at(positions)
        thinking = everybody(encoded, positions, first, plr.start(first))
        left: list[Thinking] = []
        for step_embedding in plr.step_embedding:
            before = thinking.mixed
            thinking = thinking.step(encoder, step_embedding, plr.gate)
            settled = self._settled(before, thinking.mixed)
            left.append(thinking.pick(settled))
            if bool(settled.all()):
                break
            thinking = thinking.pick(~settled)
        else:
            left.append(thinking)
        return self._together(left)

    def limited(self, effort: Effort) -> Reasoner:
        """Another effort of the same reasoner."""
        return self.plr.limited(effort)

    def _settled(
        self, before: Float[Tensor, "R P D"], now: Float[Tensor, "R P D"]
    ) -> Bool[Tensor, " R"]:
        """Which histories are done: all of their positions have settled."""
        moved = (now - before).norm(dim=-1)
        return (moved <= self.threshold * now.norm(dim=-1)).all(dim=1)

    def _together(self, left: list[Thinking]) -> Reasoned:
        """The outcome of all histories, in the order of the batch."""
        longest, plr = len(self.plr.step_embedding), self.plr
        order = torch.cat([part.rows for part in left]).argsort()
        mixed = [plr.gate(part.first, part.steps) for part in left]
        state = torch.cat([z for z, _ in mixed])[order]
        steps = [F.pad(part.steps, (0, 0, 0, longest - part.steps.shape[3])) for part in left]
        taken = [torch.full_like(part.rows, part.steps.shape[3]) for part in left]
        first = torch.cat([part.first for part in left])[order]
        return Reasoned(
            torch.cat(steps)[order],
            state,
            plr.parts.rank(first, state),
            torch.cat([gate for _, gate in mixed])[order],
            torch.cat(taken)[order],
        )
