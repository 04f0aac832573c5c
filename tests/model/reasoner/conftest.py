"""A ten-line encoder that is enough to test a reasoner by itself."""

import pytest
import torch
from torch import Tensor

from latentrec.model.encoder import Encoded, SequenceEncoder


class FakeEncoder(SequenceEncoder):
    """Adds the mean of the history to a state and divides by two; keeps no cache."""

    causal, dim = True, 4

    def forward(self, embedded: Tensor, padding: Tensor) -> Encoded:
        return Encoded(embedded, padding, ())

    def extend(self, states: Tensor, positions: Tensor, encoded: Encoded, past: object) -> tuple:
        return (states + encoded.hidden.mean((0, 1))) / 2, ()


@pytest.fixture
def fake() -> SequenceEncoder:
    return FakeEncoder()


@pytest.fixture
def encoded() -> Encoded:
    torch.manual_seed(1)
    return Encoded(torch.randn(3, 5, 4), torch.zeros(3, 5, dtype=torch.bool), ())
