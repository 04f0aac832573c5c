"""ERL's objective: next item on the mean state, minus diversity of the states."""

from typing import final

from latentrec.data.batch import Batch
from latentrec.index import FIRST_ITEM
from latentrec.model.recommender import Recommender
from latentrec.objective.contract import Losses, Objective, Ramp, next_item_loss, warmup_losses
from latentrec.objective.next_item import NextItemLoss
from latentrec.objective.positions import choose_positions, states_at
from latentrec.objective.terms import mean_cosine, one_sided_kl


@final
class ErlObjective(Objective):
    """Next-item loss on the mean of h_0 .. h_T, minus the divergence of these states.

    Paper: arXiv 2503.22675 v2, Eq. 5-6 (next item), 7 (diversity) and their weighted sum.

    Differs:
        - The divergence is the mean over ordered pairs, the other state of a pair is held fixed,
          and logits are divided by the temperature, all as in the authors' code; it stops pushing
          a history beyond `kl_cap` (docs/adr/0017).
        - The temperature is 1 by default, as printed; the authors' code has 0.07 (docs/adr/0018).
        - The warm-up trains the encoder alone, then the diversity weight ramps up (docs/adr/0008).
        - Diversity is evaluated on a random subset of positions (docs/adr/0006).

    Args:
        kl_weight: Weight of the diversity term (the paper's lambda), subtracted.
        kl_cap: Divergence in nats beyond which a history is no longer pushed.
        temperature: Divides all logits, above 0.
        ramp: When and how fast the diversity term sets in.
        term_positions: Positions of a history on which it is evaluated; 0 means all.
        next_item: How states are scored against the catalogue; default: all of it, exactly.
    """

    def __init__(
        self,
        kl_weight: float,
        kl_cap: float,
        temperature: float,
        ramp: Ramp,
        term_positions: int,
        next_item: NextItemLoss | None = None,
    ) -> None:
        super().__init__(next_item, ramp)
        self.kl_weight = kl_weight
        self.kl_cap = kl_cap
        self.temperature = temperature
        self.term_positions = term_positions

    def forward(self, model: Recommender, batch: Batch, epoch: int) -> Losses:
        """The losses of one batch."""
        encoded = model.encode(batch.items)
        if epoch < self.warmup_epochs:
            return warmup_losses(model, encoded, batch, self.next_item, self.temperature)
        table, queries = model.items.candidates(), model.items.queries
        reasoned = model.reason(encoded, batch.positions)
        scaled = queries(reasoned.train_state) / self.temperature
        next_item = next_item_loss(scaled, batch, table, self.next_item)
        columns, rows = choose_positions(batch, self.term_positions)
        states = queries(states_at(reasoned.steps, columns)[rows].flatten(1, 2))
        divergence = one_sided_kl(states, table[FIRST_ITEM:], self.temperature)
        pushed = divergence.clamp(max=self.kl_cap).mean()
        parts = {
            "next_item": next_item.detach(),
            "pairwise_kl": divergence.detach().mean(),
            "state_cosine": mean_cosine(states.detach()),
        }
        return Losses(next_item - self.ramp.share(epoch) * self.kl_weight * pushed, parts)
