"""Sums of an epoch's loss parts, read from the device now and then instead of at every batch."""

import math
import time
from collections import defaultdict
from typing import Final, final

import torch
from torch import Tensor

from latentrec.errors import TrainingError

READ_EVERY_S: Final = 0.2
"""Seconds between two looks at the device: each waits until its queue of work is empty."""


@final
class LossSums:
    """Loss parts of one epoch, weighted by targets; refuses any that is not finite.

    Parts wait on the device until they are read, all at once. A batch whose loss is not finite is
    found by the next `read`, so read before anything is kept.

    Args:
        epoch: Epochs finished before this one, for the error.
    """

    def __init__(self, epoch: int) -> None:
        self._epoch = epoch
        self._waiting: list[tuple[dict[str, Tensor], int]] = []
        self._sums: defaultdict[str, float] = defaultdict(float)
        self._done = 0
        self._read_at = time.perf_counter()

    @property
    def due(self) -> bool:
        """Whether the last look is `READ_EVERY_S` ago."""
        return time.perf_counter() - self._read_at >= READ_EVERY_S

    @property
    def done(self) -> int:
        """Targets of all batches that were read."""
        return self._done

    @property
    def means(self) -> dict[str, float]:
        """Mean of every part over the targets that were read."""
        return {name: value / self._done for name, value in self._sums.items()}

    def add(self, parts: dict[str, Tensor], count: int) -> None:
        """Take the parts of a batch, detached, with its number of targets; waits for nothing."""
        self._waiting.append((parts, count))

    def read(self) -> None:
        """Fetch what waits.

        Raises:
            TrainingError: If a part is not finite.
        """
        if self._waiting:
            values = torch.stack([v for parts, _ in self._waiting for v in parts.values()])
            fetched = iter(values.tolist())
            for parts, count in self._waiting:
                self._done += count
                for name in parts:
                    self._sums[name] += self._finite(name, next(fetched)) * count
            self._waiting.clear()
        self._read_at = time.perf_counter()

    def _finite(self, name: str, value: float) -> float:
        if not math.isfinite(value):
            raise TrainingError(
                f"epoch {self._epoch + 1}: loss part '{name}' is {value}; the last checkpoint is "
                "kept. Lower train.learning_rate or the weights of the reasoner's terms, or "
                "lengthen reasoner.warmup_epochs"
            )
        return value
