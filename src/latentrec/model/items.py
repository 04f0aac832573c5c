"""Item encoders: one vector per item, the same for inputs, candidates and the diversity term."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import cast, final

import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn


class ItemEncoder(nn.Module, ABC):
    """Turns item indices into vectors, and says how states are scored against them.

    The logits of a state are `queries(state) @ candidates().T`: always linear in both, so that
    every loss term works for dot products and for cosines.
    """

    @abstractmethod
    def table(self) -> Float[Tensor, "N D"]:
        """The vectors of all N item indices as inputs, PAD and MASK included."""

    @abstractmethod
    def candidates(self) -> Float[Tensor, "N D"]:
        """The vectors of all N item indices as they are scored."""

    @abstractmethod
    def queries(self, states: Float[Tensor, "*B D"]) -> Float[Tensor, "*B D"]:
        """States as they are scored."""

    @abstractmethod
    def forward(self, items: Int[Tensor, "B L"]) -> Float[Tensor, "B L D"]:
        """The vectors of some items: rows of `table`."""

    def held(self) -> "ItemEncoder":
        """Itself with vectors computed once, for several passes of one training step.

        Here itself: vectors with noise of their own in each pass must not be shared.
        """
        return self


@final
@dataclass(frozen=True)
class FieldCodes:
    """The values of one categorical field for every item index.

    Attributes:
        values: Number of distinct values.
        codes: Codes of all items one after another, shape (n,).
        offsets: Where the codes of each item start, shape (N + 1,).
    """

    values: int
    codes: Int[Tensor, " n"]
    offsets: Int[Tensor, " offsets"]


@final
class IdItemEncoder(ItemEncoder):
    """Item id embedding plus, for each field, the mean embedding of the item's values.

    Paper: PLR section 5.1 adds category levels and store to the item id; the composed table serves
    input, candidates and the diversity term.

    Args:
        size: Number of item indices N.
        dim: Hidden size D.
        fields: Categorical fields to add.
    """

    def __init__(self, size: int, dim: int, fields: Sequence[FieldCodes] = ()) -> None:
        super().__init__()
        self.ids = nn.Embedding(size, dim)
        self.fields = nn.ModuleList(nn.EmbeddingBag(f.values, dim, mode="mean") for f in fields)
        for i, field in enumerate(fields):
            self.register_buffer(f"codes_{i}", field.codes, persistent=False)
            self.register_buffer(f"offsets_{i}", field.offsets, persistent=False)
        for module in (self.ids, *self.fields):
            nn.init.normal_(cast("Tensor", module.weight), std=0.02)

    def table(self) -> Float[Tensor, "N D"]:
        """The vectors of all items; without fields the id table itself."""
        table = self.ids.weight
        for i, bag in enumerate(self.fields):
            codes, offsets = self.get_buffer(f"codes_{i}"), self.get_buffer(f"offsets_{i}")
            table = table + bag(codes, offsets[:-1])
        return table

    def candidates(self) -> Float[Tensor, "N D"]:
        """The table itself: logits are dot products."""
        return self.table()

    def queries(self, states: Float[Tensor, "*B D"]) -> Float[Tensor, "*B D"]:
        """The states themselves."""
        return states

    def forward(self, items: Int[Tensor, "B L"]) -> Float[Tensor, "B L D"]:
        """The vectors of some items."""
        return F.embedding(items, self.table())

    def held(self) -> ItemEncoder:
        """With the table composed once; without fields there is nothing to compose."""
        if not self.fields:
            return self
        table = self.table()
        return TableItems(table, table, self.queries)


@final
class TableItems(ItemEncoder):
    """Item vectors that were computed already: for one training step, or to rank with.

    Args:
        table: Vectors of all items as inputs.
        candidates: Vectors of all items as they are scored.
        queries: How states are scored.
    """

    def __init__(
        self,
        table: Float[Tensor, "N D"],
        candidates: Float[Tensor, "N D"],
        queries: Callable[[Tensor], Tensor],
    ) -> None:
        super().__init__()
        self._table, self._candidates, self._score_as = table, candidates, queries

    def table(self) -> Float[Tensor, "N D"]:
        """The vectors of all items as inputs."""
        return self._table

    def candidates(self) -> Float[Tensor, "N D"]:
        """The vectors of all items as they are scored."""
        return self._candidates

    def queries(self, states: Float[Tensor, "*B D"]) -> Float[Tensor, "*B D"]:
        """States as they are scored."""
        return self._score_as(states)

    def forward(self, items: Int[Tensor, "B L"]) -> Float[Tensor, "B L D"]:
        """The vectors of some items."""
        return F.embedding(items, self._table)
