"""The epoch clock as a Lightning callback, for libraries that train with Lightning."""

from collections.abc import Callable
from typing import Any

from epoch_clock import MEASURED, EpochClock


def clock_callback(base: type, clock: EpochClock, count: Callable[[Any], int]) -> Any:
    """A callback that starts, counts and stops.

    Args:
        base: The library's own `Callback` class: two packages of Lightning have one each.
        clock: What it drives.
        count: Targets of a batch.
    """

    class ClockCallback(base):
        def on_train_epoch_start(self, trainer: Any, module: Any) -> None:
            if trainer.current_epoch + 1 == MEASURED:
                clock.start()

        def on_train_batch_end(self, trainer: Any, module: Any, out: Any, batch: Any, i: int):
            clock.targets += count(batch)

        def on_train_epoch_end(self, trainer: Any, module: Any) -> None:
            if trainer.current_epoch + 1 == MEASURED:
                clock.stop()

    return ClockCallback()
