"""ItemIndex: the one mapping between external item ids (strings) and contiguous item indices."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Final, final

import numpy as np
import numpy.typing as npt

from latentrec.errors import DataError, UnknownItemError

PAD: Final = 0
"""Item index of an empty place in a padded history."""
MASK: Final = 1
"""Item index of the mask token (Cloze training); never recommended."""
FIRST_ITEM: Final = 2
"""Item index of the first real item; the item indices of a catalogue are FIRST_ITEM .. size - 1."""
UNKNOWN: Final = -1
"""Stands for an item id that is not in the index; counted wherever it occurs."""


@final
class ItemIndex:
    """Maps external item ids to item indices 2, 3, .. and back.

    Ids are sorted, so the same set of items always gives the same index, whatever the order of
    the input rows. Indices 0 and 1 are reserved (`PAD`, `MASK`).

    Args:
        item_ids: The item ids, distinct and non-empty; sorted here.

    Raises:
        DataError: If an id is empty or occurs twice.

    Example:
        >>> index = ItemIndex(["b", "a"])
        >>> index.indices(["a", "b", "z"]).tolist()
        [2, 3, -1]
        >>> index.item_ids([3, 2])
        ['b', 'a']
    """

    def __init__(self, item_ids: Iterable[str]) -> None:
        self._ids: list[str] = sorted(item_ids)
        self._positions = {item_id: FIRST_ITEM + i for i, item_id in enumerate(self._ids)}
        if len(self._positions) != len(self._ids):
            raise DataError("item index: an item id occurs twice; item ids must be distinct")
        if "" in self._positions:
            raise DataError("item index: an item id is empty; every item needs an id")

    def __len__(self) -> int:
        """Number of real items."""
        return len(self._ids)

    def __contains__(self, item_id: object) -> bool:
        return item_id in self._positions

    @property
    def size(self) -> int:
        """Number of item indices N, the reserved ones included: rows of the item table."""
        return FIRST_ITEM + len(self._ids)

    @property
    def all_ids(self) -> Sequence[str]:
        """The item ids in the order of their indices."""
        return self._ids

    def index(self, item_id: str) -> int:
        """The item index of one id.

        Raises:
            UnknownItemError: If the id is not in the index.
        """
        try:
            return self._positions[item_id]
        except KeyError:
            raise UnknownItemError(
                f"item '{item_id[:80]}' is not among the {len(self)} items of this catalogue"
            ) from None

    def indices(self, item_ids: Iterable[str]) -> npt.NDArray[np.int32]:
        """The item indices of many ids, `UNKNOWN` (-1) where an id is not in the index."""
        return np.array([self._positions.get(i, UNKNOWN) for i in item_ids], dtype=np.int32)

    def item_ids(self, indices: Iterable[int]) -> list[str]:
        """The item ids of item indices.

        Raises:
            UnknownItemError: If an index is reserved or outside the catalogue.
        """
        found: list[str] = []
        for index in indices:
            if not FIRST_ITEM <= index < self.size:
                raise UnknownItemError(f"item index {index}: must be {FIRST_ITEM}..{self.size - 1}")
            found.append(self._ids[index - FIRST_ITEM])
        return found

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of the mapping: equal fingerprints mean equal item indices."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()

    def to_json(self) -> str:
        """The ids as a JSON list, in the order of their indices."""
        return json.dumps(self._ids, ensure_ascii=False)

    @staticmethod
    def from_json(text: str) -> "ItemIndex":
        """The index that `to_json` wrote."""
        return ItemIndex(json.loads(text))
