"""Blend: a model and a counting baseline rank together, by the sum of their standard scores."""

from typing import Final, final

import torch
from jaxtyping import Float
from torch import Tensor

from latentrec.baselines.item_to_item import ItemToItem
from latentrec.data.dataset import Histories
from latentrec.index import FIRST_ITEM
from latentrec.scorer import Scorer

WEIGHTS: Final = (0.0, 0.01, 0.02, 0.03, 0.05, 0.08, 0.12, 0.2, 0.3, 0.4, 0.6, 0.8, 1.2, 2.0, 4.0)
"""Weights of the partner that tuning tries; 0 is the model alone."""


@final
class Blend:
    """A scorer and `weight` times another, each with mean 0 and deviation 1 over the real items.

    Scores of different scorers have no common unit; their standard scores do. A scorer that gives
    all items the same score adds nothing, such as a baseline after items without any weight: what
    settles its ties is left out.

    Source: score standardisation before CombSUM (Fox and Shaw 1994; Renda and Straccia 2003).

    Differs: one weight for all histories, found on validation (docs/adr/0051).

    Args:
        model: What ranks.
        partner: The baseline that ranks beside it; knows the same items.
        weight: Weight of the partner, at least 0.
        name: Row label in tables.
        settings: What was found on validation, in words.
    """

    def __init__(
        self, model: Scorer, partner: ItemToItem, weight: float, name: str, settings: str = ""
    ) -> None:
        self.model = model
        self.partner = partner
        self.weight = weight
        self.name = name
        self.settings = settings

    @property
    def size(self) -> int:
        """Number of item indices N."""
        return self.model.size

    def scores(self, histories: Histories) -> Float[Tensor, "B N"]:
        """The blended scores of all item indices; those of PAD and MASK are 0."""
        own = standardised(self.model.scores(histories))
        other = self.partner.linked(histories).to(own.device)
        return own.add_(standardised(other), alpha=self.weight)


def standardised(scores: Float[Tensor, "B N"]) -> Float[Tensor, "B N"]:
    """Scores with mean 0 and standard deviation 1 over the real items of each row.

    A row of equal scores becomes 0. A score that is not finite makes its whole row so.
    """
    real = scores[:, FIRST_ITEM:]
    apart = real - real.mean(dim=1, keepdim=True)
    spread = apart.square().mean(dim=1, keepdim=True).sqrt()
    found = torch.zeros_like(scores)
    found[:, FIRST_ITEM:] = apart / spread.masked_fill(spread == 0, 1.0)
    return found
