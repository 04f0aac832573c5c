"""HSTU is what its equations say, and its two paths are one network."""

import math

import pytest
import torch
from torch import Tensor

from latentrec.model.hstu import HstuEncoder, HstuLayer


def make_encoder(max_length: int = 9, layers: int = 2) -> HstuEncoder:
    torch.manual_seed(5)
    encoder = HstuEncoder(8, layers, 2, max_length, dropout=0.0, attention_dropout=0.0)
    for parameter in encoder.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    return encoder.double().eval()


def no_padding(items: Tensor) -> Tensor:
    return torch.zeros(items.shape[:2], dtype=torch.bool)


# --- the equations, as loops ----------------------------------------------------------------------


def silu(x: Tensor) -> Tensor:
    return x / (1 + torch.exp(-x))


def layer_norm(x: Tensor, norm: torch.nn.LayerNorm) -> Tensor:
    centred = x - x.mean()
    return centred / torch.sqrt((centred**2).mean() + 1e-5) * norm.weight + norm.bias


def token(layer: HstuLayer, xs: list[Tensor], i: int) -> Tensor:
    """Output of one layer for token i, which sees tokens 0 .. i: head by head, key by key."""
    expanded = [
        silu(layer.expand.weight @ layer_norm(x, layer.norm) + layer.expand.bias).chunk(4)
        for x in xs
    ]
    mixed: list[Tensor] = []
    for head in range(layer.heads):
        u, v, q, k = ([e[n].chunk(layer.heads)[head] for e in expanded] for n in range(4))
        total = torch.zeros_like(v[0])
        for j in range(i + 1):
            far = min(i - j, layer.distance_bias.num_embeddings - 1)
            score = float(q[i] @ k[j] + layer.distance_bias.weight[far, head])
            total += score / (1 + math.exp(-score)) * v[j]
        mixed.append(total)
        assert u[i].shape == total.shape
    gated = layer_norm(torch.cat(mixed), layer.mixed_norm) * expanded[i][0]
    return xs[i] + layer.output.weight @ gated + layer.output.bias


def by_hand(encoder: HstuEncoder, inputs: list[Tensor]) -> Tensor:
    xs = [layer_norm(x, encoder.norm) for x in inputs]
    for layer in encoder.layers:
        assert isinstance(layer, HstuLayer)
        xs = [token(layer, xs, i) for i in range(len(xs))]
    return torch.stack([layer_norm(x, encoder.last_norm) for x in xs])


@pytest.mark.parametrize("max_length", [9, 3])
def test_the_stack_equals_its_equations(max_length: int) -> None:
    """Pointwise SiLU weights, gate, bias of distance; far distances share the last weight."""
    encoder, items = make_encoder(max_length), torch.randn(1, 6, 8, dtype=torch.float64)
    with torch.no_grad():
        found = encoder(items, no_padding(items)).hidden[0]
        torch.testing.assert_close(found, by_hand(encoder, list(items[0])), rtol=0, atol=1e-9)


@pytest.mark.parametrize("max_length", [9, 3])
def test_cached_steps_equal_re_encoding(max_length: int) -> None:
    """A reasoning step is the next place of the grown sequence (P1), beyond `max_length` too."""
    encoder, items = make_encoder(max_length), torch.randn(1, 4, 8, dtype=torch.float64)
    inputs = [torch.randn(1, 1, 8, dtype=torch.float64) for _ in range(3)]
    with torch.no_grad():
        encoded = encoder(items, no_padding(items))
        past, cached = None, []
        for state in inputs:
            out, past = encoder.extend(state[:, None], torch.tensor([[3]]), encoded, past)
            cached.append(out[0, 0])
        grown = by_hand(encoder, [*items[0], *(state[0, 0] for state in inputs)])
    torch.testing.assert_close(torch.cat(cached), grown[4:], rtol=0, atol=1e-9)


# --- what every encoder owes ----------------------------------------------------------------------


def test_every_position_and_stream_reasons_as_if_alone() -> None:
    """All positions at once equal one prefix each; a stream never sees another (P2, P3)."""
    encoder, items = make_encoder(), torch.randn(2, 5, 8, dtype=torch.float64)
    positions = torch.arange(5).expand(2, -1)
    first, second = (torch.randn(2, 5, 3, 8, dtype=torch.float64) for _ in range(2))
    with torch.no_grad():
        encoded = encoder(items, no_padding(items))
        once, past = encoder.extend(first, positions, encoded, None)
        twice, _ = encoder.extend(second, positions, encoded, past)
        for p in range(5):
            prefix = encoder(items[:, : p + 1], no_padding(items[:, : p + 1]))
            place = torch.full((2, 1), p)
            for m in range(3):
                own = (slice(None), slice(p, p + 1), slice(m, m + 1))
                a, kept = encoder.extend(first[own], place, prefix, None)
                b, _ = encoder.extend(second[own], place, prefix, kept)
                torch.testing.assert_close(once[own], a, rtol=0, atol=1e-10)
                torch.testing.assert_close(twice[own], b, rtol=0, atol=1e-10)


@pytest.mark.parametrize("pads", [1, 4])
def test_padding_on_either_side_changes_nothing(pads: int) -> None:
    """Nobody attends to padding, and distances do not see it (P5)."""
    encoder, items = make_encoder(), torch.randn(1, 4, 8, dtype=torch.float64)
    empty = torch.randn(1, pads, 8, dtype=torch.float64)
    state = torch.randn(1, 1, 2, 8, dtype=torch.float64)
    found: list[tuple[Tensor, Tensor]] = []
    for left, right in ((0, 0), (pads, 0), (0, pads)):
        padded = torch.cat([empty[:, :left], items, empty[:, :right]], dim=1)
        padding = torch.ones(padded.shape[:2], dtype=torch.bool)
        padding[:, left : left + 4] = False
        with torch.no_grad():
            encoded = encoder(padded, padding)
            step, _ = encoder.extend(state, torch.tensor([[left + 3]]), encoded, None)
        found.append((encoded.hidden[:, left : left + 4], step))
    for other in found[1:]:
        torch.testing.assert_close(other, found[0], rtol=0, atol=1e-10)


def test_order_matters() -> None:
    """Without positions in the input, distances alone must tell one order from another."""
    encoder, items = make_encoder(), torch.randn(1, 4, 8, dtype=torch.float64)
    swapped = items[:, [1, 0, 2, 3]]
    with torch.no_grad():
        one, other = (encoder(x, no_padding(x)).hidden[:, 3] for x in (items, swapped))
    assert not torch.allclose(one, other)
