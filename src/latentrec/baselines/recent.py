"""Recent popularity: the items that most training interactions of late went to."""

from collections.abc import Iterator
from typing import Final, final

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from latentrec.baselines.bags import rows_of
from latentrec.data.dataset import Histories, SequenceDataset

HALF_LIVES: Final = (0.003, 0.01, 0.03, 0.1, 0.3)
"""Values that `grid` tries."""


@final
class RecentPopularity:
    """Training interactions count half with every further `half_life` of the log that came later.

    Age is measured in interactions, not in days: the share of all training interactions that are
    younger. So one value suits slow logs and fast ones, and a stray date does no harm. The same
    list goes to everybody. Where a log has places in the history instead of times, recent means
    late in the histories.
    """

    def __init__(self, counts: Float[Tensor, "N"], settings: str) -> None:
        self.name = "recent-popularity"
        self.settings = settings
        self._counts = counts

    @staticmethod
    def fit(dataset: SequenceDataset, half_life: float = 0.03) -> "RecentPopularity":
        """Count the training interactions of every item, young ones more.

        Args:
            dataset: The data; only the training part is read.
            half_life: Share of the training interactions, above 0.
        """
        lengths = dataset.train_ends - dataset.offsets[:-1]
        users = rows_of(Histories(dataset.items, dataset.offsets))
        training = np.arange(len(dataset.items)) - dataset.offsets[users] < lengths[users]
        times, items = dataset.timestamps[training], dataset.items[training]
        younger = len(times) - np.searchsorted(np.sort(times), times, side="right")
        weights = 2.0 ** (-younger / (half_life * max(1, len(times))))
        counts = np.bincount(items, weights, minlength=dataset.index.size)
        return RecentPopularity(
            torch.from_numpy(counts.astype(np.float32)), f"half_life={half_life:g}"
        )

    @staticmethod
    def grid(dataset: SequenceDataset) -> Iterator["RecentPopularity"]:
        """One of every half life of `HALF_LIVES`."""
        return (RecentPopularity.fit(dataset, half_life) for half_life in HALF_LIVES)

    @property
    def size(self) -> int:
        """Number of item indices N."""
        return len(self._counts)

    def scores(self, histories: Histories) -> Float[Tensor, "B N"]:
        """The counts, one row a history (views of one row: do not write into them)."""
        return self._counts.expand(len(histories), -1)
