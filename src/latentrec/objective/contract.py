"""What an objective takes and returns, and when its terms set in."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import final

from jaxtyping import Float
from torch import Tensor, nn

from latentrec.data.batch import Batch
from latentrec.model.encoder import Encoded
from latentrec.model.recommender import Recommender
from latentrec.objective.next_item import ExactLoss, NextItemLoss


@final
@dataclass(frozen=True)
class Losses:
    """The loss of one batch and what it is made of.

    Attributes:
        total: What is minimised.
        parts: Every term and diagnostic by name, detached, for the log.
    """

    total: Float[Tensor, ""]
    parts: dict[str, Tensor]


@final
@dataclass(frozen=True)
class Ramp:
    """A weight's share of its full value: 0 in the warm-up, then a straight line up to 1.

    Example:
        >>> ramp = Ramp(warmup_epochs=1, ramp_epochs=2)
        >>> [ramp.share(epoch) for epoch in range(4)]
        [0.0, 0.5, 1.0, 1.0]
    """

    warmup_epochs: int
    ramp_epochs: int

    def share(self, epoch: int) -> float:
        """Share of the full weight in an epoch counted from 0."""
        if epoch < self.warmup_epochs:
            return 0.0
        return min(1.0, (epoch - self.warmup_epochs + 1) / max(1, self.ramp_epochs))


class Objective(nn.Module, ABC):
    """Computes the loss of a model on a batch; owns no parameters of the model.

    Args:
        next_item: How states are scored against the catalogue; default: all of it, exactly.
        ramp: When reasoning sets in; default: at once.

    Attributes:
        warmup_epochs: First epochs, in which the encoder is trained alone. Validations of those
            rank with an untrained reasoner, and neither stop training nor choose its best epoch.
    """

    def __init__(self, next_item: NextItemLoss | None = None, ramp: Ramp | None = None) -> None:
        super().__init__()
        self.next_item = next_item or ExactLoss()
        self.ramp = ramp or Ramp(warmup_epochs=0, ramp_epochs=0)
        self.warmup_epochs = self.ramp.warmup_epochs

    @abstractmethod
    def forward(self, model: Recommender, batch: Batch, epoch: int) -> Losses:
        """The losses of one batch.

        Args:
            model: The model in training mode.
            batch: Histories with targets.
            epoch: Epochs finished before this one, counted from 0.
        """


def warmup_losses(
    model: Recommender,
    encoded: Encoded,
    batch: Batch,
    next_item: NextItemLoss,
    temperature: float = 1.0,
) -> Losses:
    """Next-item loss of the encoder's own state: what a warm-up minimises (docs/adr/0008)."""
    queries = model.items.queries(encoded.at(batch.positions)) / temperature
    loss = next_item_loss(queries, batch, model.items.candidates(), next_item)
    return Losses(loss, {"next_item": loss.detach()})


def next_item_loss(
    queries: Float[Tensor, "B P D"],
    batch: Batch,
    candidates: Float[Tensor, "N D"],
    next_item: NextItemLoss,
) -> Float[Tensor, ""]:
    """Mean loss of the targets among all real items; positions without a target are skipped.

    Args:
        queries: States as the item encoder scores them, see `ItemEncoder.queries`.
        batch: Holds the targets.
        candidates: Vectors of all item indices, see `ItemEncoder.candidates`.
        next_item: The loss of each target.
    """
    rows = batch.predicted
    return next_item(queries[rows], candidates, batch.targets[rows])
