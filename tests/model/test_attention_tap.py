"""AttentionTap: it changes nothing, and what it saw is what made the output."""

from collections.abc import Callable

import torch

from latentrec.model.attention import Block
from latentrec.model.attention_tap import AttentionTap
from latentrec.model.encoder import TransformerEncoder
from latentrec.model.recommender import Recommender

ITEMS = torch.tensor([[3, 4, 5, 6], [7, 8, 0, 0]])
POSITIONS = torch.tensor([[3, 1], [1, 0]])


@torch.no_grad()
def test_states_are_those_without_it_and_weights_sum_to_one(
    make_model: Callable[..., Recommender],
) -> None:
    model = make_model(streams=3, steps=2)
    encoded = model.encode(ITEMS)
    assert isinstance(model.encoder, TransformerEncoder)
    tap = AttentionTap(model.encoder)
    tapped = model.reasoner(encoded, POSITIONS, tap)
    torch.testing.assert_close(tapped.steps, model.reason(encoded, POSITIONS).steps, rtol=0, atol=0)
    assert [tuple(weights.shape) for weights in tap.steps] == [(2, 2, 3, 5), (2, 2, 3, 6)]
    for weights in tap.steps:
        torch.testing.assert_close(weights.sum(dim=-1), torch.ones(2, 2, 3))
        assert not weights[1, :, :, 2:4].any()  # padding
        assert not weights[0, 1, :, 2:4].any()  # later than the predicted position


@torch.no_grad()
def test_weights_and_values_give_the_output() -> None:
    """With one head and one layer the weights alone must rebuild what the layer returned."""
    torch.manual_seed(0)
    encoder = TransformerEncoder(8, 1, 1, 12, 6, 0.0, 0.0, causal=True).eval()
    encoded = encoder(torch.randn(2, 4, 8), torch.zeros(2, 4, dtype=torch.bool))
    tap, (block,) = AttentionTap(encoder), encoder.blocks
    assert isinstance(block, Block)
    past = None
    for step in range(3):
        states = torch.randn(2, 1, 2, 8)
        out, past = tap.extend(states, torch.tensor([[3], [2]]), encoded, past)
        weights = tap.steps[step][:, 0]
        history, own = weights[..., :4], weights[..., 4:]
        mixed = history @ encoded.prefix[0].values[:, 0]
        mixed = mixed + (own.unsqueeze(-1) * past[0].values[:, 0, 0]).sum(dim=2)
        torch.testing.assert_close(block._finish(encoder.norm(states), mixed[:, None]), out)
