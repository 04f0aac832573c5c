"""Effort: how much of its reasoning a trained model spends on a ranking."""

import math
from dataclasses import dataclass
from typing import final

from latentrec.errors import ConfigError


@final
@dataclass(frozen=True)
class Effort:
    """A limit for ranking, chosen per call and never trained with; None means as trained.

    Attributes:
        streams: The first so many streams, at least 1.
        steps: The first so many steps; 0 ranks with the encoder's own state h_0.
        exit_threshold: PLR stops reasoning about a history once a step changes its mixed state by
            no more than this share of its length; 0 never stops early (docs/adr/0033).

    Raises:
        ConfigError: If a number is below its least value.

    Example:
        >>> Effort(streams=1, steps=1)
        Effort(streams=1, steps=1, exit_threshold=0.0)
        >>> Effort(streams=0)
        Traceback (most recent call last):
        latentrec.errors.ConfigError: streams=0: must be at least 1 (steps=0 skips all reasoning)
    """

    streams: int | None = None
    steps: int | None = None
    exit_threshold: float = 0.0

    def __post_init__(self) -> None:
        if self.streams is not None and self.streams < 1:
            raise ConfigError(
                f"streams={self.streams}: must be at least 1 (steps=0 skips all reasoning)"
            )
        if self.steps is not None and self.steps < 0:
            raise ConfigError(f"steps={self.steps}: must be at least 0")
        if not 0 <= self.exit_threshold < math.inf:
            raise ConfigError(
                f"exit_threshold={self.exit_threshold}: must be a number from 0 (never) upwards"
            )

    def of(self, streams: int, steps: int) -> tuple[int, int]:
        """Streams and steps to take of those that a model has.

        Raises:
            ConfigError: If the model has fewer.
        """
        return _at_most("streams", self.streams, streams), _at_most("steps", self.steps, steps)

    def of_one_stream(self, steps: int) -> int:
        """Steps to take of a method with one stream, which knows no early exit.

        Raises:
            ConfigError: If more is asked for than it has.
        """
        self.refuse_exit()
        return self.of(1, steps)[1]

    def refuse_exit(self) -> None:
        """Raise ConfigError if an early exit is asked of a method without one."""
        if self.exit_threshold > 0:
            raise ConfigError(
                f"exit_threshold={self.exit_threshold}: only PLR stops early; leave it at 0 and "
                "set steps"
            )


def _at_most(name: str, asked: int | None, most: int) -> int:
    if asked is not None and asked > most:
        raise ConfigError(f"{name}={asked}: this model has {most}; ask for fewer or train more")
    return most if asked is None else asked
