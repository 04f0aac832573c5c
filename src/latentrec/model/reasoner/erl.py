"""ERL: ensemble reasoning, one stream whose states h_0 .. h_T are averaged."""

from typing import final

import torch
from jaxtyping import Int
from torch import Tensor, nn

from latentrec.model.encoder import Encoded, SequenceEncoder
from latentrec.model.reasoner.contract import Reasoned, Reasoner, smaller, unroll_from_h0
from latentrec.model.reasoner.effort import Effort
from latentrec.model.reasoner.none import NoReasoner


@final
class ErlReasoner(Reasoner):
    """One stream starts at h_0 and reasons T steps; the mean of all T + 1 states is scored.

    `Reasoned.steps` holds h_0 first, then h_1 .. h_T: one stream of T + 1 states.

    Paper: arXiv 2503.22675 v2, Eq. 4 (steps) and the mean before Eq. 5.

    Differs:
        - The mean divides by the number of its terms, T + 1, as the authors' code does; the paper
          divides the same sum by T (docs/adr/0016).

    Args:
        dim: Hidden size D.
        steps: Number of steps T, at least 1.
    """

    reads_all = False

    def __init__(self, dim: int, steps: int) -> None:
        super().__init__()
        self.step_embedding = nn.Parameter(torch.randn(steps, dim) * 0.02)

    def forward(
        self, encoded: Encoded, positions: Int[Tensor, "B P"], encoder: SequenceEncoder
    ) -> Reasoned:
        """Trains and ranks with the mean of h_0 .. h_T."""
        states = unroll_from_h0(encoder, encoded, positions, self.step_embedding)
        mean = states.mean(dim=3).squeeze(2)
        return Reasoned(states, mean, mean, None)

    def limited(self, effort: Effort) -> Reasoner:
        """The first steps; without any, h_0 ranks."""
        most, dim = self.step_embedding.shape
        steps = effort.of_one_stream(most)
        if steps == most:
            return self
        return smaller(self, lambda: ErlReasoner(dim, steps)) if steps else NoReasoner()
