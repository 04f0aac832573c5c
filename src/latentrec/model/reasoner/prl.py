"""PRL: progressive reasoning, one stream whose last state h_T is scored."""

from typing import final

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from latentrec.model.encoder import Encoded, SequenceEncoder, StepCache
from latentrec.model.reasoner.contract import Reasoned, Reasoner, smaller, unroll_from_h0
from latentrec.model.reasoner.effort import Effort
from latentrec.model.reasoner.none import NoReasoner


@final
class PrlReasoner(Reasoner):
    """One stream starts at h_0 and reasons T steps; the last state is scored.

    `Reasoned.steps` holds h_0 first, then h_1 .. h_T: one stream of T + 1 states, all of which
    the objective supervises.

    Paper: arXiv 2503.22675 v2, Eq. 4 (steps); progressive reasoning scores the last state.

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
        """Trains and ranks with h_T."""
        states = unroll_from_h0(encoder, encoded, positions, self.step_embedding)
        last = states[:, :, 0, -1]
        return Reasoned(states, last, last, None)

    def limited(self, effort: Effort) -> Reasoner:
        """The first steps; without any, h_0 ranks."""
        most, dim = self.step_embedding.shape
        steps = effort.of_one_stream(most)
        if steps == most:
            return self
        return smaller(self, lambda: PrlReasoner(dim, steps)) if steps else NoReasoner()

    def fork(
        self,
        previous: Float[Tensor, "B P 1 T D"],
        encoded: Encoded,
        positions: Int[Tensor, "B P"],
        encoder: SequenceEncoder,
    ) -> Float[Tensor, "B P 1 T D"]:
        """A second trajectory whose step t starts from a given state t-1, not from its own.

        It shares the history with the first trajectory and attends to its own inputs so far. Given
        h_0 .. h_{T-1} it returns h_1 .. h_T; given noisy ones, the noisy view of the contrast.

        Paper: noisy reasoning inputs; the clean trajectory drives them, as in the authors' code
            (docs/adr/0020).

        Args:
            previous: The state from which each step starts.
            encoded: The history.
            positions: Positions of the histories from which the trajectories start.
            encoder: Carries the steps.
        """
        past: StepCache | None = None
        states: list[Tensor] = []
        for step_input in (previous + self.step_embedding).unbind(dim=3):
            state, past = encoder.extend(step_input, positions, encoded, past)
            states.append(state)
        return torch.stack(states, dim=3)
