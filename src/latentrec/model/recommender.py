"""Recommender: item encoder, sequence encoder and reasoner as one model."""

from typing import final

from jaxtyping import Float, Int
from torch import Tensor, nn

from latentrec.index import PAD
from latentrec.model.encoder import Encoded, SequenceEncoder
from latentrec.model.items import ItemEncoder
from latentrec.model.reasoner.contract import Reasoned, Reasoner


@final
class Recommender(nn.Module):
    """Any item encoder with any sequence encoder and any reasoner.

    Args:
        items: Turns item indices into vectors.
        encoder: Reads histories.
        reasoner: Turns encoded histories into the states that are scored.
    """

    def __init__(self, items: ItemEncoder, encoder: SequenceEncoder, reasoner: Reasoner) -> None:
        super().__init__()
        self.items = items
        self.encoder = encoder
        self.reasoner = reasoner

    def held(self) -> "Recommender":
        """This model with item vectors computed once, for several passes of one training step."""
        items = self.items.held()
        return self if items is self.items else Recommender(items, self.encoder, self.reasoner)

    def encode(self, items: Int[Tensor, "B L"]) -> Encoded:
        """Read histories of item indices, PAD where there is none."""
        return self.encoder(self.items(items), items == PAD)

    def reason(self, encoded: Encoded, positions: Int[Tensor, "B P"]) -> Reasoned:
        """Reason from given positions of encoded histories."""
        return self.reasoner(encoded, positions, self.encoder)

    def forward(self, items: Int[Tensor, "B L"], positions: Int[Tensor, "B P"]) -> Reasoned:
        """Read histories, where all states are needed or some, and reason from given positions."""
        if self.reasoner.reads_all:
            return self.reason(self.encode(items), positions)
        encoded = self.encoder.encode_at(self.items(items), items == PAD, positions)
        return self.reason(encoded, positions)

    def logits(
        self, items: Int[Tensor, "B L"], positions: Int[Tensor, "B P"]
    ) -> Float[Tensor, "B P N"]:
        """Logits of all item indices at the predicted positions, with the ranking state."""
        states = self(items, positions).infer_state
        return self.items.queries(states) @ self.items.candidates().T
