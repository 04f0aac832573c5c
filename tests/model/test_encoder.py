"""The encoder's two paths are one network: cached steps equal re-encoding the grown sequence."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from latentrec.model.encoder import TransformerEncoder
from latentrec.model.recommender import Recommender

MakeModel = Callable[..., Recommender]


def re_encode(encoder: TransformerEncoder, items: Tensor, steps: list[Tensor]) -> Tensor:
    """Outputs of the whole grown sequence: items by their own rule, steps see all before them."""
    length, grown = items.shape[1], torch.cat([items, *steps], 1)
    total = grown.shape[1]
    allowed = torch.ones(total, total, dtype=torch.bool).tril()
    if not encoder.causal:
        allowed[:length, :length] = True  # prefix mask: items see items, never a step
    x = grown.clone()
    x[:, :length] += encoder.position.weight[:length]
    x = encoder.norm(x)
    for block in encoder.blocks:
        x, _ = block.history(x, allowed.expand(len(x), 1, -1, -1))
    return x


@pytest.mark.parametrize("causal", [True, False])
def test_cached_steps_equal_re_encoding(make_model: MakeModel, causal: bool) -> None:
    """Keys and values of the history stay exact, so nothing is lost by keeping them (P1, P16)."""
    encoder = make_model(causal=causal).encoder
    items = torch.randn(2, 5, 16)
    inputs = [torch.randn(2, 1, 16) for _ in range(3)]
    padding = torch.zeros(2, 5, dtype=torch.bool)
    with torch.no_grad():
        encoded = encoder(items, padding)
        past, cached = None, []
        for state in inputs:
            out, past = encoder.extend(state[:, None], torch.full((2, 1), 4), encoded, past)
            cached.append(out[:, 0])
        whole = re_encode(encoder, items, inputs)
    torch.testing.assert_close(encoded.hidden, whole[:, :5], rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(torch.cat(cached, 1), whole[:, 5:], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("causal", [True, False])
def test_who_sees_whom(make_model: MakeModel, causal: bool) -> None:
    """A later item changes an earlier state in the bidirectional encoder only."""
    encoder = make_model(causal=causal).encoder
    items, padding = torch.randn(1, 4, 16), torch.zeros(1, 4, dtype=torch.bool)
    changed = items.clone()
    changed[0, 3] += torch.randn(16)
    with torch.no_grad():
        before, after = encoder(items, padding).hidden, encoder(changed, padding).hidden
    assert torch.allclose(before[0, 0], after[0, 0]) == causal
    assert not torch.allclose(before[0, 3], after[0, 3])


def test_a_gap_in_the_history_is_not_read(make_model: MakeModel) -> None:
    """Padding between items (never produced here, but allowed) hides nothing and adds nothing."""
    encoder = make_model().encoder
    items = torch.randn(1, 3, 16)
    gapped = torch.cat([items[:, :1], torch.randn(1, 1, 16), items[:, 1:]], 1)
    with torch.no_grad():
        plain = encoder(items, torch.zeros(1, 3, dtype=torch.bool)).hidden
        holed = encoder(gapped, torch.tensor([[False, True, False, False]])).hidden
    torch.testing.assert_close(holed[:, [0, 2, 3]], plain, rtol=1e-5, atol=1e-5)
