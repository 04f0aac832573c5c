"""SequenceDataset: all interactions as one flat item array with offsets, and what to predict."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias, final

import numpy as np
import numpy.typing as npt

from latentrec.data.catalogue import Catalogue
from latentrec.index import ItemIndex

Int32s: TypeAlias = npt.NDArray[np.int32]
Int64s: TypeAlias = npt.NDArray[np.int64]


@final
@dataclass(frozen=True)
class Histories:
    """Several histories of item indices, oldest interaction first, as one flat array.

    Attributes:
        items: Item indices of all histories one after another, shape (n,); never PAD or UNKNOWN.
        offsets: Where each history starts, and the end of the last, shape (B + 1,).
    """

    items: Int32s
    offsets: Int64s

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, row: int) -> Int32s:
        return self.items[self.offsets[row] : self.offsets[row + 1]]

    @property
    def lengths(self) -> Int64s:
        """Number of interactions of each history, shape (B,)."""
        return np.diff(self.offsets)

    def block(self, start: int, stop: int) -> "Histories":
        """Histories start .. stop - 1 as views of this one's arrays."""
        offsets = self.offsets[start : stop + 1]
        return Histories(self.items[offsets[0] : offsets[-1]], offsets - offsets[0])

    @staticmethod
    def from_lists(rows: Sequence[Sequence[int]]) -> "Histories":
        """Histories from lists of item indices."""
        offsets = np.cumsum([0, *map(len, rows)], dtype=np.int64)
        flat = [item for row in rows for item in row]
        return Histories(np.array(flat, dtype=np.int32), offsets)


@final
@dataclass(frozen=True)
class Cases:
    """What is to be predicted: one target after one history each, C cases.

    Attributes:
        users: Row of the user in the dataset, shape (C,).
        ends: Flat position just behind the history `items[offsets[user]:end]`, shape (C,).
        targets: Item index of the target, `UNKNOWN` if training never saw it, shape (C,).
        timestamps: Time of the target in milliseconds since 1970, shape (C,).
    """

    users: Int64s
    ends: Int64s
    targets: Int32s
    timestamps: Int64s

    def __len__(self) -> int:
        return len(self.targets)


@final
@dataclass(frozen=True)
class SequenceDataset:
    """Interactions of U users in time order, split for training and evaluation without copies.

    The item index holds the items of the training part only. An interaction with another item is
    left out of `items` (no model can read it); as a target it stays in `Cases` as `UNKNOWN` and
    counts as a miss.

    Attributes:
        index: Item ids and item indices.
        catalogue: Titles and categorical fields of the indexed items.
        user_ids: External id of each user, shape (U,).
        items: Item indices, user after user, oldest first, shape (n,).
        timestamps: Milliseconds since 1970 of each of `items`, shape (n,).
        offsets: Where each user starts in `items`, and the end of the last, shape (U + 1,).
        train_ends: Flat position just behind the user's training part, shape (U,).
        valid: Validation cases.
        test: Test cases.
        protocol: The split in words, printed with every table.
    """

    index: ItemIndex
    catalogue: Catalogue
    user_ids: npt.NDArray[np.str_]
    items: Int32s
    timestamps: Int64s
    offsets: Int64s
    train_ends: Int64s
    valid: Cases
    test: Cases
    protocol: str

    @property
    def users(self) -> int:
        """Number of users U."""
        return len(self.offsets) - 1

    def train(self) -> Histories:
        """The training part of every user (a copy of the training interactions only)."""
        starts, ends = self.offsets[:-1], self.train_ends
        return self._gather(starts, ends)

    def histories(self, cases: Cases, start: int = 0, stop: int | None = None) -> Histories:
        """The histories of cases start .. stop - 1: everything of that user before the target."""
        users, ends = cases.users[start:stop], cases.ends[start:stop]
        return self._gather(self.offsets[users], ends)

    def _gather(self, starts: Int64s, ends: Int64s) -> Histories:
        lengths = ends - starts
        offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)])
        flat = np.repeat(starts - offsets[:-1], lengths) + np.arange(offsets[-1])
        return Histories(self.items[flat], offsets)
