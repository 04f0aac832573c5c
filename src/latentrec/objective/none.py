"""Next-item prediction alone."""

from typing import final

from latentrec.data.batch import Batch
from latentrec.model.recommender import Recommender
from latentrec.objective.contract import Losses, Objective, next_item_loss


@final
class NextItemObjective(Objective):
    """Next-item loss of the reasoner's training state alone (PLR Eq. 1)."""

    def forward(self, model: Recommender, batch: Batch, epoch: int) -> Losses:
        """The losses of one batch; the epoch plays no part."""
        reasoned = model(batch.items, batch.positions)
        queries = model.items.queries(reasoned.train_state)
        loss = next_item_loss(queries, batch, model.items.candidates(), self.next_item)
        return Losses(loss, {"next_item": loss.detach()})
