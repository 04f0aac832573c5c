"""How states are scored against the catalogue when training predicts the next item."""

from abc import ABC, abstractmethod
from typing import final

from jaxtyping import Float, Int
from torch import Tensor, nn

from latentrec.index import FIRST_ITEM
from latentrec.objective.terms import catalogue_cross_entropy


class NextItemLoss(nn.Module, ABC):
    """Mean loss of rows of states that should each find one item; owns no parameters."""

    @abstractmethod
    def forward(
        self,
        states: Float[Tensor, "R D"],
        candidates: Float[Tensor, "N D"],
        targets: Int[Tensor, " R"],
    ) -> Float[Tensor, ""]:
        """The mean loss of all rows.

        Args:
            states: States as they are scored, divided by a temperature if there is one.
            candidates: Vectors of all N item indices, PAD and MASK included.
            targets: Item index of each right answer, from FIRST_ITEM on.
        """


@final
class ExactLoss(NextItemLoss):
    """Cross-entropy of a softmax over all real items (docs/adr/0009)."""

    def forward(
        self,
        states: Float[Tensor, "R D"],
        candidates: Float[Tensor, "N D"],
        targets: Int[Tensor, " R"],
    ) -> Float[Tensor, ""]:
        """The mean loss of all rows."""
        return catalogue_cross_entropy(states, candidates[FIRST_ITEM:], targets - FIRST_ITEM)
