"""Partners: for each training target another place in the log where the same item comes next."""

from dataclasses import dataclass
from typing import final

import numpy as np

from latentrec.data.dataset import Histories, Int64s


@final
@dataclass(frozen=True)
class PartnerIndex:
    """Finds, for targets given by flat position, other targets that are the same item.

    Targets are kept sorted by item, so that those of one item are neighbours: a draw is two array
    look-ups, whatever the number of targets.

    Attributes:
        order: Flat positions of all targets, those of one item together, shape (S,).
        groups: Where the targets of each item start in `order`, shape (highest item + 2,).
        places: Where each flat position stands in `order`, -1 if it is no target, shape (n,).
        items: All training interactions, shape (n,).
        first: Flat position where each user starts, shape (users,).
        max_length: Longest history that is read before a target.
    """

    order: Int64s
    groups: Int64s
    places: Int64s
    items: np.ndarray
    first: Int64s
    max_length: int

    def draw(self, targets: Int64s, rng: np.random.Generator) -> Int64s:
        """Flat positions of other targets with the same item, uniform among them.

        A target that is alone with its item gets itself.

        Args:
            targets: Flat positions of targets.
            rng: What the draw depends on.
        """
        item = self.items[targets]
        start, count = self.groups[item], np.diff(self.groups)[item]
        picked = start + rng.integers(0, np.maximum(count - 1, 1))
        picked += (picked >= self.places[targets]) & (count > 1)  # step over the target itself
        return self.order[picked]

    def begins(self, targets: Int64s) -> Int64s:
        """Flat positions where the histories before these targets begin."""
        user = np.searchsorted(self.first, targets, side="right") - 1
        return np.maximum(targets - self.max_length, self.first[user])


def index_partners(train: Histories, max_length: int, targets: Int64s) -> PartnerIndex:
    """An index over training targets.

    Args:
        train: Training part of every user.
        max_length: Longest history that is read before a target.
        targets: Flat positions of all targets, each once, none the first of its user.

    Example:
        >>> train = Histories.from_lists([[2, 3, 4], [5, 4]])
        >>> index = index_partners(train, 10, np.array([1, 2, 4]))
        >>> index.draw(np.array([1, 2, 4]), np.random.default_rng(0)).tolist()
        [1, 4, 2]
        >>> index.begins(np.array([2, 4])).tolist()
        [0, 3]
    """
    order = targets[np.argsort(train.items[targets], kind="stable")]
    counts = np.bincount(train.items[targets])
    places = np.full(len(train.items), -1, np.int64)
    places[order] = np.arange(len(order))
    groups = np.concatenate([np.zeros(1, np.int64), np.cumsum(counts)])
    first = train.offsets[:-1]
    return PartnerIndex(order, groups, places, train.items, first, max_length)
