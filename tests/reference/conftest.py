"""A causal Transformer as plain loops: token by token, head by head, nothing cached."""

import math
from collections.abc import Callable

import pytest
from torch import Tensor, cat, erf, nn, sqrt

from latentrec.model.encoder import TransformerEncoder

Stack = Callable[[TransformerEncoder, list[Tensor]], list[Tensor]]


def layer_norm(x: Tensor, norm: nn.Module) -> Tensor:
    centred = x - x.mean()
    return centred / sqrt((centred**2).mean() + 1e-5) * norm.weight + norm.bias


def linear(layer: nn.Module, x: Tensor) -> Tensor:
    return layer.weight @ x + layer.bias


def gelu(x: Tensor) -> Tensor:
    return x * 0.5 * (1 + erf(x / math.sqrt(2)))


def head(query: Tensor, keys: list[Tensor], values: list[Tensor]) -> Tensor:
    scores = [float(query @ key) / math.sqrt(len(query)) for key in keys]
    mass = sum(math.exp(s) for s in scores)
    return sum(math.exp(s) / mass * v for s, v in zip(scores, values, strict=True))


def token(block: nn.Module, xs: list[Tensor], i: int) -> Tensor:
    """Output of one block for token i, which sees tokens 0 .. i."""
    parts = [linear(block.query_key_value, x).chunk(3) for x in xs[: i + 1]]
    q, k, v = ([p[n].chunk(block.heads) for p in parts] for n in range(3))
    mixed = [
        head(q[i][h], [key[h] for key in k], [value[h] for value in v]) for h in range(block.heads)
    ]
    x = layer_norm(xs[i] + linear(block.output, cat(mixed)), block.attention_norm)
    fed = linear(block.feed_forward[2], gelu(linear(block.feed_forward[0], x)))
    return layer_norm(x + fed, block.feed_forward_norm)


@pytest.fixture(scope="session")
def stack() -> Stack:
    """Outputs of a whole encoder for input vectors, before its LayerNorm."""

    def run(encoder: TransformerEncoder, inputs: list[Tensor]) -> list[Tensor]:
        xs = [layer_norm(x, encoder.norm) for x in inputs]
        for block in encoder.blocks:
            xs = [token(block, xs, i) for i in range(len(xs))]
        return xs

    return run
