"""Similar items: the items whose vectors point the same way."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import torch

from latentrec.errors import ConfigError
from latentrec.index import FIRST_ITEM, ItemIndex
from latentrec.recommend import best
from latentrec.scorer import ModelScorer


@final
@dataclass(frozen=True)
class Similar:
    """The items nearest to one item.

    Attributes:
        item_ids: Nearest first, without the item itself.
        cosines: Cosine of the angle between the two vectors, in [-1, 1].
    """

    item_ids: tuple[str, ...]
    cosines: tuple[float, ...]


@torch.inference_mode()
def similar(
    scorer: ModelScorer, index: ItemIndex, item_ids: Sequence[str], *, top_k: int = 10
) -> list[Similar]:
    """The items nearest to each of some items, by the cosine of the vectors that are scored.

    Args:
        scorer: A trained model.
        index: The item index of the scorer.
        item_ids: Items of the catalogue.
        top_k: Length of each list.

    Raises:
        UnknownItemError: If an item is not in the catalogue.
        ConfigError: If `top_k` is below 1.
    """
    if top_k < 1:
        raise ConfigError(f"top_k={top_k}: must be at least 1")
    rows = torch.tensor([index.index(item_id) for item_id in item_ids], dtype=torch.long)
    table = torch.nn.functional.normalize(scorer.items.candidates().float().cpu(), dim=-1)
    cosines = table[rows] @ table.T
    cosines[:, :FIRST_ITEM] = -torch.inf
    cosines[torch.arange(len(rows)), rows] = -torch.inf
    return [
        Similar(tuple(index.item_ids(items)), tuple(max(-1.0, min(1.0, c)) for c in found))
        for items, found in best(cosines, top_k)
    ]
