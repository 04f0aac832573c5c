"""Filters of the interaction table, in their stated order, each counted."""

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import polars as pl

from latentrec.config import FilesConfig
from latentrec.data.codes import id_codes
from latentrec.data.interactions import Interactions
from latentrec.data.raw import SHOWN
from latentrec.data.report import FilterReport
from latentrec.errors import DataError


def filter_interactions(
    interactions: Interactions, config: FilesConfig
) -> tuple[Interactions, FilterReport]:
    """Take out low ratings, then duplicates, then repeats, then rare users and items.

    Args:
        interactions: The sorted table.
        config: The rules.

    Raises:
        DataError: If ratings are asked for and missing, duplicates are refused and present, or
            nothing is left.
    """
    frame = interactions.frame
    rows = len(frame) + interactions.low_ratings
    rated = frame if config.rating_above is None else _above(frame, config.rating_above)
    single = _without_duplicates(rated, config)
    unique = _without_repeats(single, config)
    kept = _core(unique, config.min_user_interactions, config.min_item_interactions)
    left = unique.filter(kept)
    if len(left) == 0:
        raise DataError(
            f"filters: none of {rows:,} interactions is left (rating_above="
            f"{config.rating_above}, min_user_interactions={config.min_user_interactions}, "
            f"min_item_interactions={config.min_item_interactions}); loosen them"
        )
    result = replace(interactions, frame=left)
    report = FilterReport(
        low_ratings=rows - len(rated),
        duplicates=len(rated) - len(single),
        repeats_removed=len(single) - len(unique),
        core_users=unique["user_id"].n_unique() - left["user_id"].n_unique(),
        core_items=unique["item_id"].n_unique() - left["item_id"].n_unique(),
        core_interactions=len(unique) - len(left),
        rules=rules_of(config),
    )
    return result, count_repeats(result, report)


def rules_of(config: FilesConfig) -> str:
    """What is kept of a log, in words; empty for everything but duplicates.

    Example:
        >>> rules_of(FilesConfig(path="log.csv", rating_above=3, min_user_interactions=10))
        'only ratings above 3, users with at least 10 interactions'
    """
    users, items = config.min_user_interactions, config.min_item_interactions
    kept = {
        f"ratings above {config.rating_above:g}" if config.rating_above is not None else "": True,
        f"users with at least {users} interactions": users > 1,
        f"items with at least {items} interactions": items > 1,
        f"the {config.repeats} of a user's interactions with an item": config.repeats != "keep",
    }
    rules = [words for words, holds in kept.items() if words and holds]
    more = ["duplicates kept"] if config.duplicates == "keep" else []
    return ", ".join([*(["only " + ", ".join(rules)] if rules else []), *more])


def count_repeats(interactions: Interactions, report: FilterReport) -> FilterReport:
    """The report with the repeats and ties of the table."""
    frame, offsets = interactions.frame, interactions.offsets
    times = frame["timestamp"].to_numpy()
    tied = np.zeros(len(times), dtype=np.bool_)
    tied[1:] = times[1:] == times[:-1]
    tied[offsets[:-1]] = False
    return replace(
        report,
        repeats=len(frame) - _pairs(frame).n_unique(),
        ties=int(tied.sum()),
        tied_ends=int(tied[offsets[1:] - 1].sum()),
    )


def _above(frame: pl.DataFrame, limit: float) -> pl.DataFrame:
    if "rating" not in frame.columns:
        raise DataError(
            f"rating_above={limit}: the log has no rating column; name it with --rating-column or "
            "leave rating_above out"
        )
    return frame.filter(pl.col("rating") > limit)


def _without_duplicates(frame: pl.DataFrame, config: FilesConfig) -> pl.DataFrame:
    if config.duplicates == "keep":
        return frame
    same = _duplicates(frame)
    if not same.any():
        return frame
    single = frame.filter(~same)
    if config.duplicates == "error":
        user, item = frame.filter(same).row(0)[:2]
        raise DataError(
            f"duplicates: {len(frame) - len(single):,} rows equal another one in user, item and "
            f"time, first user '{user[:SHOWN]}' with item '{item[:SHOWN]}'; use --duplicates first "
            "or keep"
        )
    return single


def _duplicates(frame: pl.DataFrame) -> npt.NDArray[np.bool_]:
    """Rows equal in user, item and time to an earlier one, shape (n,).

    The table is sorted, so that only rows with the user and time of a neighbour can be.
    """
    users, times = id_codes(frame["user_id"])[1], frame["timestamp"].to_numpy()
    tied = np.zeros(len(frame), dtype=np.bool_)
    tied[1:] = (users[1:] == users[:-1]) & (times[1:] == times[:-1])
    rows = np.flatnonzero(tied | np.append(tied[1:], False))
    ties = pl.DataFrame({"user": users[rows], "time": times[rows], "item": frame["item_id"][rows]})
    same = np.zeros(len(frame), dtype=np.bool_)
    same[rows] = ~ties.select(pl.struct(pl.all()).is_first_distinct()).to_series().to_numpy()
    return same


def _without_repeats(frame: pl.DataFrame, config: FilesConfig) -> pl.DataFrame:
    if config.repeats == "keep":
        return frame
    first = config.repeats == "first"
    return frame.filter(
        _pairs(frame).is_first_distinct() if first else _pairs(frame).is_last_distinct()
    )


def _pairs(frame: pl.DataFrame) -> pl.Series:
    """One number for the user and item of each row."""
    (_, users), (items, codes) = id_codes(frame["user_id"]), id_codes(frame["item_id"])
    return pl.Series("pair", users * len(items) + codes)


def _core(frame: pl.DataFrame, least_user: int, least_item: int) -> npt.NDArray[np.bool_]:
    """Rows whose user and item both keep enough rows, when all others are gone; shape (n,)."""
    kept = np.ones(len(frame), dtype=np.bool_)
    if max(least_user, least_item) <= 1:
        return kept
    users, items = id_codes(frame["user_id"])[1], id_codes(frame["item_id"])[1]
    while True:
        user_counts = np.bincount(users[kept], minlength=1 + users.max(initial=0))
        item_counts = np.bincount(items[kept], minlength=1 + items.max(initial=0))
        still = kept & (user_counts[users] >= least_user) & (item_counts[items] >= least_item)
        if still.sum() == kept.sum():
            return kept
        kept = still
