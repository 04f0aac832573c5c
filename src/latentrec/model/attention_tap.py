"""AttentionTap: an encoder that remembers where each reasoning step looked."""

from typing import final

from jaxtyping import Bool, Float, Int
from torch import Tensor

from latentrec.model.encoder import Encoded, SequenceEncoder, StepCache, TransformerEncoder


@final
class AttentionTap(SequenceEncoder):
    """Stands in for a Transformer encoder while a reasoner runs; states are the encoder's own.

    A reasoner gets its encoder as an argument, so nothing in reasoner or encoder knows of it. Each
    step's lower layers run twice, which is fine for explaining and too slow for serving.

    Args:
        encoder: The encoder that does the work.
    """

    def __init__(self, encoder: TransformerEncoder) -> None:
        super().__init__()
        self.causal = encoder.causal
        self.dim = encoder.dim
        self.encoder = encoder
        self.steps: list[Float[Tensor, "B P M S"]] = []
        """Weights of every step so far, see `TransformerEncoder.step_attention`."""

    def forward(self, embedded: Float[Tensor, "B L D"], padding: Bool[Tensor, "B L"]) -> Encoded:
        """Encode histories; see `SequenceEncoder.forward`."""
        return self.encoder(embedded, padding)

    def extend(
        self,
        states: Float[Tensor, "B P M D"],
        positions: Int[Tensor, "B P"],
        encoded: Encoded,
        past: StepCache | None,
    ) -> tuple[Float[Tensor, "B P M D"], StepCache]:
        """Carry one reasoning step, and remember where it looked."""
        self.steps.append(self.encoder.step_attention(states, positions, encoded, past))
        return self.encoder.extend(states, positions, encoded, past)
