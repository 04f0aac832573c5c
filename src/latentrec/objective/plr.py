"""PLR's objective: next item, minus diversity, plus contrast of two dropout views."""

from typing import final

from jaxtyping import Float, Int
from torch import Tensor

from latentrec.data.batch import Batch
from latentrec.index import FIRST_ITEM
from latentrec.model.recommender import Recommender
from latentrec.objective.contract import Losses, Objective, Ramp, next_item_loss, warmup_losses
from latentrec.objective.next_item import NextItemLoss
from latentrec.objective.positions import choose_positions, encode_prefixes, states_at
from latentrec.objective.terms import mean_cosine, pairwise_kl, reasoning_contrast


@final
class PlrObjective(Objective):
    """Next-item loss on z_rea, diversity of all T x M states, and reasoning contrast.

    Paper: PLR Eq. 1 (next item), 7 (diversity), 8 (contrast), 11 (sum).

    Differs:
        - The diversity term is subtracted; `literal_sign` adds it as printed (docs/adr/0001). It
          stops pushing a history whose divergence exceeds `kl_cap` (docs/adr/0002).
        - The warm-up trains the encoder alone, then both weights ramp up (docs/adr/0008).
        - Both terms are evaluated on a random subset of positions, and the second dropout view
          reasons from those only; the next-item loss uses the first view (docs/adr/0006).

    Args:
        kl_weight: Weight of the diversity term (the paper's lambda).
        kl_cap: Divergence in nats beyond which a history is no longer pushed.
        literal_sign: Add the diversity term as printed instead of subtracting it.
        contrastive_weight: Weight of the contrastive term; 0 saves the second view.
        temperature: Temperature of the contrastive term.
        ramp: When and how fast both terms set in.
        term_positions: Positions of a history on which both terms are evaluated; 0 means all.
        next_item: How states are scored against the catalogue; default: all of it, exactly.
    """

    def __init__(
        self,
        kl_weight: float,
        kl_cap: float,
        literal_sign: bool,
        contrastive_weight: float,
        temperature: float,
        ramp: Ramp,
        term_positions: int,
        next_item: NextItemLoss | None = None,
    ) -> None:
        super().__init__(next_item, ramp)
        self.kl_weight = kl_weight if literal_sign else -kl_weight
        self.kl_cap = kl_cap
        self.contrastive_weight = contrastive_weight
        self.temperature = temperature
        self.term_positions = term_positions

    def forward(self, model: Recommender, batch: Batch, epoch: int) -> Losses:
        """The losses of one batch."""
        encoded = model.encode(batch.items)
        if epoch < self.warmup_epochs:
            return warmup_losses(model, encoded, batch, self.next_item)
        table, queries = model.items.candidates(), model.items.queries
        reasoned = model.reason(encoded, batch.positions)
        next_item = next_item_loss(queries(reasoned.train_state), batch, table, self.next_item)
        columns, rows = choose_positions(batch, self.term_positions)
        states = states_at(reasoned.steps, columns)[rows].flatten(1, 2)
        return self._with_terms(model, batch, table, next_item, states, columns, rows, epoch)

    def _with_terms(
        self,
        model: Recommender,
        batch: Batch,
        table: Float[Tensor, "N D"],
        next_item: Float[Tensor, ""],
        states: Float[Tensor, "R n D"],
        columns: Int[Tensor, "B Q"],
        rows: Tensor,
        epoch: int,
    ) -> Losses:
        share = self.ramp.share(epoch)
        divergence = pairwise_kl(model.items.queries(states), table[FIRST_ITEM:])
        parts = {"next_item": next_item.detach(), "pairwise_kl": divergence.detach().mean()}
        parts["state_cosine"] = mean_cosine(states.detach())
        total = next_item + share * self.kl_weight * self._capped(divergence).mean()
        if self.contrastive_weight > 0:
            second = self._second_view(model, batch, columns)[rows].flatten(1, 2)
            contrast = reasoning_contrast(states, second, self.temperature)
            total = total + share * self.contrastive_weight * contrast
            parts["contrast"] = contrast.detach()
        return Losses(total, parts)

    def _second_view(
        self, model: Recommender, batch: Batch, columns: Int[Tensor, "B Q"]
    ) -> Float[Tensor, "B Q M T D"]:
        """The states at the chosen columns under other dropout masks; nothing else is computed."""
        positions = batch.positions.gather(1, columns)
        return encode_prefixes(batch.items, positions, lambda i, p: model(i, p).steps)

    def _capped(self, divergence: Float[Tensor, " R"]) -> Float[Tensor, " R"]:
        """The divergence that is pushed; only pushing apart knows a limit."""
        return divergence.clamp(max=self.kl_cap) if self.kl_weight < 0 else divergence
