"""UniSRec's pre-training: sequences against next items and against changed copies of themselves."""

from typing import final

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor

from latentrec.data.batch import Batch
from latentrec.index import PAD
from latentrec.model.encoder import Encoded
from latentrec.model.recommender import Recommender
from latentrec.model.text_items import TextItemEncoder
from latentrec.objective.contract import Losses, Objective
from latentrec.objective.positions import choose_positions


@final
class UnisrecObjective(Objective):
    """Sequence-item contrast plus a little sequence-sequence contrast, both within the batch.

    A row is a history up to one predicted position. Sequence-item: find the row's next item among
    the next items of all rows, whichever domain they come from. Sequence-sequence: find the
    row's changed copy among those of all rows; a batch drops items of all its histories or, where
    second text vectors exist, swaps some items for their texts with words left out. Scores are
    cosines over the item encoder's temperature.

    Paper: UniSRec (arXiv 2206.05941), multi-domain pre-training; chances as in its authors' code.

    Differs:
        - Other rows with the same next item are no negatives; the authors' mask leaves them in with
          logit 0, which `mask_compat` gives back (docs/adr/0030).
        - Rows are several random positions of each history; with one position a sample, they are
          the authors' prefixes.

    Args:
        sequence_weight: Weight lambda of the sequence-sequence contrast; 0 saves its pass.
        mask_compat: Mask by logit 0 instead of minus infinity.
        item_drop: Chance of an item to be dropped; the first one always stays.
        item_drop_chance: Chance of a batch to drop items rather than words; 1 without `dropped`.
        word_share: Chance of an item to be swapped where words are dropped.
        term_positions: Positions of each history in a batch; 0 means all.
        dropped: Text vectors of all N item indices after words were dropped; None: always items.
    """

    dropped: Tensor | None

    def __init__(
        self,
        sequence_weight: float,
        mask_compat: bool,
        item_drop: float,
        item_drop_chance: float,
        word_share: float,
        term_positions: int,
        dropped: Float[Tensor, "N X"] | None,
    ) -> None:
        super().__init__()
        self.sequence_weight = sequence_weight
        self.mask_compat = mask_compat
        self.item_drop = item_drop
        self.item_drop_chance = item_drop_chance
        self.word_share = word_share
        self.term_positions = term_positions
        self.register_buffer("dropped", dropped, persistent=False)

    def forward(self, model: Recommender, batch: Batch, epoch: int) -> Losses:
        """The losses of one batch; the epoch plays no part."""
        columns, real = choose_positions(batch, self.term_positions)
        positions = batch.positions.gather(1, columns)
        targets = batch.targets.gather(1, columns)[real]
        queries = model.items.queries(model.encode(batch.items).at(positions)[real])
        next_items = F.normalize(model.items(targets[None])[0], dim=-1)
        total = row_contrast(queries, next_items, targets, self.mask_compat)
        parts = {"sequence_item": total.detach()}
        if self.sequence_weight > 0:
            encoded, moved = self._changed(model, batch.items, positions)
            copies = F.normalize(encoded.at(moved)[real], dim=-1)
            alike = row_contrast(queries, copies, targets, self.mask_compat)
            parts["sequence_sequence"] = alike.detach()
            total = total + self.sequence_weight * alike
        return Losses(total, parts)

    def _changed(
        self, model: Recommender, items: Int[Tensor, "B L"], positions: Int[Tensor, "B P"]
    ) -> tuple[Encoded, Int[Tensor, "B P"]]:
        """The changed histories, and where each position went."""
        if self.dropped is None or float(torch.rand(())) < self.item_drop_chance:
            kept = torch.rand(items.shape, device=items.device) >= self.item_drop
            return changed_by_items(model, items, positions, kept)
        swapped = torch.rand(items.shape, device=items.device) < self.word_share
        return changed_by_words(model, items, swapped, self.dropped), positions


def row_contrast(
    queries: Float[Tensor, "R D"],
    candidates: Float[Tensor, "R D"],
    targets: Int[Tensor, " R"],
    mask_compat: bool,
) -> Float[Tensor, ""]:
    """Each query should find its own row among the candidates of all rows.

    Args:
        queries: At length 1, over the temperature.
        candidates: At length 1.
        targets: Next items; other rows with the same one are no negatives.
        mask_compat: Keep those rows in the denominator with logit 0 (docs/adr/0030).
    """
    logits = queries @ candidates.T
    same = (targets == targets[:, None]).fill_diagonal_(False)
    logits = logits.masked_fill(same, 0.0 if mask_compat else -torch.inf)
    return F.cross_entropy(logits, torch.arange(len(targets), device=targets.device))


def changed_by_items(
    model: Recommender,
    items: Int[Tensor, "B L"],
    positions: Int[Tensor, "B P"],
    kept: Bool[Tensor, "B L"],
) -> tuple[Encoded, Int[Tensor, "B P"]]:
    """Histories without the items that are not kept, closed up; the first item always stays.

    A position goes to the last kept item up to it.
    """
    first = torch.zeros_like(kept)
    first[:, 0] = True
    kept = (kept | first) & (items != PAD)
    order = (~kept).to(torch.uint8).argsort(dim=1, stable=True)
    closed = torch.where(kept, items, PAD).gather(1, order)
    return model.encode(closed), (kept.cumsum(dim=1) - 1).gather(1, positions)


def changed_by_words(
    model: Recommender,
    items: Int[Tensor, "B L"],
    swapped: Bool[Tensor, "B L"],
    dropped: Float[Tensor, "N X"],
) -> Encoded:
    """Histories in which some items are read by another text vector of theirs."""
    assert isinstance(model.items, TextItemEncoder), "pre-training reads items as text"
    distinct, places = items.unique(return_inverse=True)
    other = F.embedding(places, model.items.mixture(dropped[distinct]))
    embedded = torch.where(swapped[..., None], other, model.items(items))
    return model.encoder(embedded, items == PAD)
