"""Small models for the tests of the model package."""

from collections.abc import Callable

import pytest
import torch

from latentrec.model.encoder import TransformerEncoder
from latentrec.model.items import IdItemEncoder
from latentrec.model.reasoner.none import NoReasoner
from latentrec.model.reasoner.plr import PlrReasoner
from latentrec.model.recommender import Recommender

MakeModel = Callable[..., Recommender]


@pytest.fixture
def make_model() -> MakeModel:
    """Builds a small recommender; streams = 0 means no reasoning."""

    def make(
        streams: int = 2, steps: int = 2, causal: bool = True, dropout: float = 0.0
    ) -> Recommender:
        torch.manual_seed(3)
        encoder = TransformerEncoder(16, 2, 2, 24, 10, dropout, dropout, causal=causal)
        reasoner = PlrReasoner(16, streams, steps) if streams else NoReasoner()
        model = Recommender(IdItemEncoder(30, 16), encoder, reasoner)
        for parameter in model.parameters():
            torch.nn.init.normal_(parameter, std=0.3)
        return model.eval()

    return make
