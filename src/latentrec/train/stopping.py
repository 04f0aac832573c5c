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

    Example:
        >>> state = Stopping(patience=1).after(1, 0.5).after(2, 0.4)
        >>> state.best_epoch, state.exhausted
        (1, True)
    """

    patience: int
    best: float = float("-inf")
    best_epoch: int = 0
    waited: int = 0

    def after(self, epoch: int, value: float) -> "Stopping":
        """The state after a validation."""
        if value > self.best:
            return replace(self, best=value, best_epoch=epoch, waited=0)
        return replace(self, waited=self.waited + 1)

    @property
    def exhausted(self) -> bool:
        """Whether training should stop."""
        return self.waited >= self.patience
