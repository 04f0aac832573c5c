"""New items: an arm that knows items which training never saw, by their text."""

from collections.abc import Sequence
from dataclasses import replace

import polars as pl

from latentrec.errors import LatentrecError
from latentrec.serve.arms import Arm
from latentrec.serve.effort import views
from latentrec.serve.items import ItemSearch
from latentrec.serve.log import log
from latentrec.serve.requests import NewItem

TEXTS = pl.List(pl.String)


def with_new_items(arm: Arm, items: Sequence[NewItem]) -> Arm:
    """The arm with more items; the one that was given stays as it is, and so do its costs.

    Args:
        arm: An arm.
        items: What is written about each new item.

    Raises:
        ConfigError: If the run reads its items by ids.
        DataError: If an item is known already, or has no usable vector.
        CheckpointError: If the run keeps no text vectoriser.
        TrainingError: If its scores are not finite.
    """
    table = pl.DataFrame(
        [item.model_dump() for item in items],
        {"item_id": pl.String, "title": pl.String, "categories": TEXTS, "store": pl.String},
    )
    run = arm.run.with_new_items(table)
    run.recommend([[items[0].item_id]])  # once before anybody asks
    return replace(
        arm,
        run=run,
        views=views(run, arm.graph),
        items=ItemSearch(run.catalogue),
        added=(*arm.added, *items),
    )


def with_added_of(arm: Arm, old: Arm) -> Arm:
    """A freshly loaded arm with the items that were added to the one before it.

    Items that it knows by now are left out. A run that cannot read the others does without them.
    """
    missing = [item for item in old.added if item.item_id not in arm.run.index]
    if not missing:
        return arm
    try:
        return with_new_items(arm, missing)
    except LatentrecError as error:
        log("added items are lost", arm=arm.name, items=len(missing), reason=type(error).__name__)
        return arm
