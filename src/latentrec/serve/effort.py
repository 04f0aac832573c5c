"""Effort: how many streams and steps a request gets, from a table of measured costs."""

import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
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
from latentrec.model.reasoner.effort import Effort
from latentrec.run import Run
from latentrec.scorer import States

REPEATS: Final = 5
"""How often each effort is timed at start."""
TIMED_TOGETHER: Final = 16
"""Histories of the batch that tells what one more history takes."""
NO_REASONING: Final = Effort(steps=0)
"""Rank with the encoder's own state."""


@final
@dataclass(frozen=True)
class Cost:
    """What an effort takes.

    Attributes:
        effort: Streams and steps.
        ms: Median time of one history alone, in milliseconds.
        more_ms: What each further history in a batch adds, in milliseconds.
    """

    effort: Effort
    ms: float
    more_ms: float

    def of(self, histories: int) -> float:
        """Time of a batch, in milliseconds."""
        return self.ms + self.more_ms * (histories - 1)


def choices(config: ReasonerConfig) -> list[Effort]:
    """The efforts that a trained model can answer with: the least thinking first, all of it last.

    Example:
        >>> [(e.streams, e.steps) for e in choices(PlrConfig(streams=2, steps=2))]
        [(None, 0), (1, 1), (2, 1), (1, 2), (2, 2)]
    """
    match config:
        case NoReasonerConfig():
            return [NO_REASONING]
        case ErlConfig() | PrlConfig():
            return [NO_REASONING, *_grid(1, config.steps)]
        case LaresConfig():
            return _grid(1, config.mean_steps)
        case PlrConfig():
            return [NO_REASONING, *_grid(config.streams, config.steps)]
        case _:
            assert_never(config)


def _grid(streams: int, steps: int) -> list[Effort]:
    """All amounts up to some streams and steps, ordered by how many states they make."""
    sizes = [(m, t) for m in range(1, streams + 1) for t in range(1, steps + 1)]
    return [Effort(m, t) for m, t in sorted(sizes, key=lambda size: (size[0] * size[1], size[1]))]


def views(run: Run, graph: States | None) -> dict[Effort, Run]:
    """The run at each of its choices; made once, since requests of one effort share a batch.

    Args:
        run: The run.
        graph: What thinks as much as was trained, in place of the run's own model.
    """
    able = choices(run.config.reasoner)
    whole = run if graph is None else replace(run, scorer=run.scorer.through(graph))
    return {effort: run.limited(effort) for effort in able[:-1]} | {able[-1]: whole}


def calibrate(views: Mapping[Effort, Run]) -> list[Cost]:
    """Time every view on this machine, with histories as long as the model reads."""
    return [_cost(effort, run) for effort, run in views.items()]


def chosen(costs: Sequence[Cost], streams: int | None, steps: int | None) -> Effort:
    """The effort that a request asks for; what it leaves out is as trained.

    Raises:
        ConfigError: If the run cannot answer with it.
    """
    able = [cost.effort for cost in costs]
    full = able[-1]
    most = full.streams or 1, full.steps or 0
    taken = Effort(streams, steps).of(*most)
    effort = Effort(*taken) if taken[1] else NO_REASONING
    if effort not in able:
        raise ConfigError(f"steps={taken[1]}: this run needs at least {able[0].steps}")
    return effort


def fitting(costs: Sequence[Cost], left_ms: float, histories: int) -> Effort:
    """The most thinking about a batch that fits into a time.

    If nothing fits it is the cheapest; the answer says what was spent.
    """
    able = [cost for cost in costs if cost.of(histories) <= left_ms]
    best = able[-1] if able else min(costs, key=lambda cost: cost.of(histories))
    return best.effort


def _cost(effort: Effort, run: Run) -> Cost:
    ids = run.index.all_ids
    history = [ids[place % len(ids)] for place in range(run.config.encoder.max_length)]
    one, many = (_median_ms(run, [history] * size) for size in (1, TIMED_TOGETHER))
    return Cost(effort, one, max(0.0, many - one) / (TIMED_TOGETHER - 1))


def _median_ms(run: Run, histories: list[list[str]]) -> float:
    run.recommend(histories)  # the first call allocates
    times: list[float] = []
    for _ in range(REPEATS):
        begun = time.perf_counter()
        run.recommend(histories)
        times.append(1000 * (time.perf_counter() - begun))
    return statistics.median(times)
