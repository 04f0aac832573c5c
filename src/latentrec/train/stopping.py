"""Early stopping on one validation metric."""

from dataclasses import dataclass, replace
from typing import final


@final
@dataclass(frozen=True)
class Stopping:
    """How far training is from stopping early.

    Attributes:
        patience: Validations without improvement after which training stops.
        best: Best value of the monitor so far.
        best_epoch: Epoch of the best value, counted from 1; 0 before any validation.
        waited: Validations since then.
        warmup_epochs: First epochs that do not count (docs/adr/0008): none of them stops training,
            and the first validated epoch behind them is better than all of them.

    Example:
        >>> state = Stopping(patience=1).after(1, 0.5).after(2, 0.4)
        >>> state.best_epoch, state.exhausted
        (1, True)
        >>> warming = Stopping(patience=1, warmup_epochs=2).after(1, 0.5).after(2, 0.4)
        >>> warming.exhausted, warming.after(3, 0.3).best_epoch
        (False, 3)
    """

    patience: int
    best: float = float("-inf")
    best_epoch: int = 0
    waited: int = 0
    warmup_epochs: int = 0

    def after(self, epoch: int, value: float) -> "Stopping":
        """The state after a validation."""
        counts = epoch > self.warmup_epochs
        if value > self.best or (counts and self.best_epoch <= self.warmup_epochs):
            return replace(self, best=value, best_epoch=epoch, waited=0)
        return replace(self, waited=self.waited + 1 if counts else 0)

    @property
    def exhausted(self) -> bool:
        """Whether training should stop."""
        return self.waited >= self.patience
