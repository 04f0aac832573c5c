"""Similar: cosines by hand, never the item itself, ties in the order of item indices."""

import pytest
import torch

from latentrec.errors import ConfigError, UnknownItemError
from latentrec.index import ItemIndex
from latentrec.model.encoder import TransformerEncoder
from latentrec.model.items import IdItemEncoder
from latentrec.model.reasoner.none import NoReasoner
from latentrec.model.recommender import Recommender
from latentrec.scorer import ModelScorer
from latentrec.similar import similar

INDEX = ItemIndex(["a", "b", "c", "d"])


@pytest.fixture
def scorer() -> ModelScorer:
    """Item vectors: a right, b right but longer, c up, d left."""
    items = IdItemEncoder(INDEX.size, 2)
    rows = [[9.0, 9.0], [9.0, 9.0], [1.0, 0.0], [3.0, 0.0], [0.0, 2.0], [-1.0, 0.0]]
    items.ids.weight.data = torch.tensor(rows)
    encoder = TransformerEncoder(2, 1, 1, 2, 4, 0.0, 0.0, causal=True)
    return ModelScorer(Recommender(items, encoder, NoReasoner()), "m", 4, torch.device("cpu"))


def test_neighbours_by_hand(scorer: ModelScorer) -> None:
    of_a, of_c = similar(scorer, INDEX, ["a", "c"], top_k=3)
    assert (of_a.item_ids, of_a.cosines) == (("b", "c", "d"), (1.0, 0.0, -1.0))
    assert (of_c.item_ids, of_c.cosines) == (("a", "b", "d"), (0.0, 0.0, 0.0))
    assert len(similar(scorer, INDEX, ["a"], top_k=99)[0].item_ids) == 3


def test_what_cannot_be_asked(scorer: ModelScorer) -> None:
    with pytest.raises(UnknownItemError, match="'new'"):
        similar(scorer, INDEX, ["new"])
    with pytest.raises(ConfigError, match="top_k=0"):
        similar(scorer, INDEX, ["a"], top_k=0)
