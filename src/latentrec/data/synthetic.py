"""Synthetic users: several interests at once, taken up in turn, each along a hidden route."""

from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from latentrec.config import SyntheticConfig
from latentrec.data.interactions import Interactions
from latentrec.data.item_table import ItemTable
from latentrec.data.report import ReadReport
from latentrec.errors import ConfigError

IN_TURN: Final = 0.8
"""Chance that a step takes up the interest that has waited longest; else any of the user's."""
SHORTEST: Final = 5
"""Fewest interactions of a user."""
START_MS: Final = 1_700_000_000_000
"""Time of the earliest possible interaction (14 November 2023)."""
SPAN_MS: Final = 365 * 24 * 3600 * 1000
"""Users start within this time."""
STEP_MS: Final = 6 * 3600 * 1000
"""Mean time between two interactions of a user."""

_GROUPS: Final = (
    "Jazz", "Rock", "Folk", "Opera", "Blues", "Techno", "Soul", "Metal", "Swing", "Choral", "Funk",
    "Punk",
)  # fmt: skip

Int64s = npt.NDArray[np.int64]


def synthetic(config: SyntheticConfig) -> Interactions:
    """Seeded interactions of users who follow several interests at once.

    The items of an interest form a circle in a hidden order, its route. A user has a few
    interests and a place on the route of each. A step mostly takes up the interest that has
    waited longest (else any of the user's) and gives the next item of its route; with probability
    1 - `predictability` it is a uniform draw from the whole catalogue instead. What comes next
    thus continues from an item several steps back: counting recent transitions is not enough.

    Args:
        config: Sizes, predictability and seed.

    Raises:
        ConfigError: If the sizes do not fit each other.

    Example:
        >>> log = synthetic(SyntheticConfig(users=2, items=40, mean_length=6))
        >>> log.frame.columns
        ['user_id', 'item_id', 'timestamp']
    """
    _check(config)
    rng = np.random.default_rng(config.seed)
    lengths = np.maximum(rng.poisson(config.mean_length, config.users), SHORTEST)
    users = np.repeat(np.arange(config.users), lengths)
    items = _walk(config, lengths, rng)
    starts = START_MS + rng.integers(0, SPAN_MS, config.users)
    waits = np.ceil(rng.exponential(STEP_MS, len(users))).astype(np.int64) + 1
    times = np.cumsum(waits)
    times += np.repeat(starts - (times - waits)[np.cumsum(lengths) - lengths], lengths)
    frame = pl.DataFrame(
        {
            "user_id": pl.Series(_names("u", config.users)).gather(users),
            "item_id": pl.Series(_names("i", config.items)).gather(items),
            "timestamp": times,
        }
    )
    report = ReadReport(f"synthetic, seed {config.seed}", (), len(frame), "ms")
    return Interactions(frame, report, _item_table(config))


def _check(config: SyntheticConfig) -> None:
    if config.interests_per_user > config.interests:
        raise ConfigError(
            f"data.interests_per_user={config.interests_per_user}: must be at most "
            f"interests={config.interests}"
        )
    if config.items < 2 * config.interests:
        raise ConfigError(
            f"data.items={config.items}: must be at least two for each of the "
            f"{config.interests} interests"
        )


def _walk(config: SyntheticConfig, lengths: Int64s, rng: np.random.Generator) -> Int64s:
    """Items of all users one after another, shape (sum of lengths,)."""
    routes, sizes = _routes(config, rng)
    everyone, count = np.arange(config.users), config.interests_per_user
    interests = rng.random((config.users, config.interests)).argsort(axis=1)[:, :count]
    places = rng.integers(0, config.items, (config.users, count))
    visited = rng.random((config.users, count)) - 1  # step of the last visit; the smallest is next
    steps = np.empty((config.users, lengths.max()), dtype=np.int64)
    for step in range(steps.shape[1]):
        in_turn = rng.random(config.users) < IN_TURN
        turn = np.where(in_turn, visited.argmin(axis=1), rng.integers(0, count, config.users))
        interest = interests[everyone, turn]
        planned = routes[interest, places[everyone, turn] % sizes[interest]]
        follows = rng.random(config.users) < config.predictability
        steps[:, step] = np.where(follows, planned, rng.integers(0, config.items, config.users))
        places[everyone, turn] += follows
        visited[everyone, turn] = step
    return steps[np.arange(steps.shape[1]) < lengths[:, None]]


def _routes(config: SyntheticConfig, rng: np.random.Generator) -> tuple[Int64s, Int64s]:
    """The order of each interest's items, shape (interests, longest), and their lengths."""
    groups = np.arange(config.items) % config.interests
    sizes = np.bincount(groups, minlength=config.interests)
    routes = np.zeros((config.interests, sizes.max()), dtype=np.int64)
    for interest, size in enumerate(sizes):
        routes[interest, :size] = rng.permutation(np.flatnonzero(groups == interest))
    return routes, sizes


def _names(letter: str, count: int) -> list[str]:
    """Ids of equal width, so that their order is that of the numbers."""
    return [f"{letter}{number:0{len(str(count - 1))}}" for number in range(count)]


def _group_name(interest: int) -> str:
    turn = interest // len(_GROUPS)
    return _GROUPS[interest % len(_GROUPS)] + (f" {turn + 1}" if turn else "")


def _item_table(config: SyntheticConfig) -> ItemTable:
    """Titles like `Jazz 017`; categories are the interest and a part of it; ten items a store."""
    groups = [_group_name(item % config.interests) for item in range(config.items)]
    places = [item // config.interests for item in range(config.items)]
    pairs = list(zip(groups, places, strict=True))
    frame = pl.DataFrame(
        {
            "item_id": _names("i", config.items),
            "title": [f"{group} {place + 1:03}" for group, place in pairs],
            "categories": [[group, f"{group}, part {place // 10 + 1}"] for group, place in pairs],
            "store": [
                [f"Store {item % -(-config.items // 10) + 1}"] for item in range(config.items)
            ],
        }
    )
    return ItemTable(frame, len(frame), 0)
