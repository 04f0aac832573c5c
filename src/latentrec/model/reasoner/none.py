"""No reasoning: the encoder's own state is scored."""

from typing import final

from jaxtyping import Int
from torch import Tensor

from latentrec.model.encoder import Encoded, SequenceEncoder
from latentrec.model.reasoner.contract import Reasoned, Reasoner
from latentrec.model.reasoner.effort import Effort


@final
class NoReasoner(Reasoner):
    """Trains and ranks with h_0: the plain backbone."""

    reads_all = False

    def forward(
        self, encoded: Encoded, positions: Int[Tensor, "B P"], encoder: SequenceEncoder
    ) -> Reasoned:
        """The encoder's state at each position, with no reasoning states."""
        state = encoded.at(positions)
        no_steps = state.new_zeros((*state.shape[:2], 0, 0, state.shape[2]))
        return Reasoned(no_steps, state, state, None)

    def limited(self, effort: Effort) -> Reasoner:
        """Itself: there is nothing to leave out."""
        effort.of_one_stream(0)
        return self
