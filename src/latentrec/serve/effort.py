"""Effort: how many streams and steps a request gets, from a table of measured costs."""

import statistics
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, assert_never, final

from latentrec.config import (
    ErlConfig,
    LaresConfig,
    NoReasonerConfig,
    PlrConfig,
    PrlConfig,
    ReasonerConfig,
)
from latentrec.errors import ConfigError
from latentrec.run import Run

REPEATS: Final = 7
"""How often each effort is timed at start."""


@final
@dataclass(frozen=True)
class Effort:
    """An amount of thinking: M streams of T steps, both 0 without reasoning."""

    streams: int
    steps: int


@final
@dataclass(frozen=True)
class Cost:
    """What an effort takes.

    Attributes:
        effort: Streams and steps.
        ms: Median time of one history alone, in milliseconds.
    """

    effort: Effort
    ms: float


def full_effort(config: ReasonerConfig) -> Effort:
    """The effort that a model was trained with."""
    match config:
        case NoReasonerConfig():
            return Effort(0, 0)
        case ErlConfig() | PrlConfig():
            return Effort(1, config.steps)
        case LaresConfig():
            return Effort(1, config.mean_steps)
        case PlrConfig():
            return Effort(config.streams, config.steps)
        case _:
            assert_never(config)


def choices(run: Run) -> list[Effort]:
    """The efforts that a run can answer with, the most thinking last.

    Today the trained one alone; what else a run can do is to be listed here, see `views`.
    """
    return [full_effort(run.config.reasoner)]


def views(run: Run) -> dict[Effort, Run]:
    """The run at each of its choices; made once, since requests of one effort share a batch."""
    return dict.fromkeys(choices(run), run)


def calibrate(views: Mapping[Effort, Run]) -> list[Cost]:
    """Time every view on this machine, with a history as long as the model reads."""
    return [Cost(effort, _median_ms(run)) for effort, run in views.items()]


def plan(
    costs: list[Cost], streams: int | None, steps: int | None, deadline_ms: float | None
) -> Effort:
    """The effort of a request: what it asks for, or the most that fits into its deadline.

    A deadline that nothing fits gets the cheapest effort; the answer says what was spent.

    Raises:
        ConfigError: If the run cannot answer with the streams and steps that are asked for.
    """
    if deadline_ms is not None:
        fitting = [cost for cost in costs if cost.ms <= deadline_ms]
        return (fitting[-1] if fitting else min(costs, key=lambda cost: cost.ms)).effort
    full = costs[-1].effort
    wanted = Effort(
        full.streams if streams is None else streams, full.steps if steps is None else steps
    )
    if wanted not in [cost.effort for cost in costs]:
        able = ", ".join(f"{c.effort.streams} x {c.effort.steps}" for c in costs)
        raise ConfigError(
            f"{wanted.streams} streams x {wanted.steps} steps: this run can answer with {able}"
        )
    return wanted


def _median_ms(run: Run) -> float:
    ids = run.index.all_ids
    history = [ids[place % len(ids)] for place in range(run.config.encoder.max_length)]
    run.recommend([history])  # the first call allocates
    times: list[float] = []
    for _ in range(REPEATS):
        begun = time.perf_counter()
        run.recommend([history])
        times.append(1000 * (time.perf_counter() - begun))
    return statistics.median(times)
