"""New items: what a server does with items that training never saw."""

from collections.abc import Sequence

from latentrec.errors import ConfigError
from latentrec.run import Run
from latentrec.serve.schema import NewItem


def with_new_items(run: Run, items: Sequence[NewItem]) -> Run:
    """The run with more items, read by their texts; the one that was given stays as it is.

    Args:
        run: A run.
        items: What is written about each new item.

    Raises:
        ConfigError: If the run cannot read items that it was not trained on.
    """
    if run.config.items.kind != "text":
        raise ConfigError(
            "this run reads items by their ids, so a new item has no vector; train one with "
            'items.kind = "text"'
        )
    raise ConfigError("this version cannot add items to a trained run; train it again with them")
