"""One Transformer block with two paths: over the whole history, and over one reasoning step."""

from dataclasses import dataclass
from typing import final

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from latentrec.model.dropout import Dropout, dropout


@final
@dataclass(frozen=True)
class LayerKV:
    """Keys and values of one layer over the history; H heads of width C."""

    keys: Float[Tensor, "B H L C"]
    values: Float[Tensor, "B H L C"]


@final
@dataclass(frozen=True)
class StepKV:
    """Keys and values of one layer over a stream's own t reasoning steps so far."""

    keys: Float[Tensor, "B H P M t C"]
    values: Float[Tensor, "B H P M t C"]


@final
class Block(nn.Module):
    """Post-LN Transformer block: attention and a GELU feed-forward layer.

    Both paths share all weights. Post-LN bounds the norm of what leaves the block, which the
    diversity term needs (docs/adr/0002).

    Args:
        dim: Hidden size D.
        heads: Attention heads H; divides `dim`.
        inner: Width of the feed-forward layer.
        dropout: Dropout of hidden states, in [0, 1).
        attention_dropout: Dropout of attention weights, in [0, 1).
    """

    def __init__(
        self, dim: int, heads: int, inner: int, dropout: float, attention_dropout: float
    ) -> None:
        super().__init__()
        self.heads = heads
        self.attention_dropout = attention_dropout
        self.query_key_value = nn.Linear(dim, 3 * dim)
        self.output = nn.Linear(dim, dim)
        self.attention_norm = nn.LayerNorm(dim)
        self.feed_forward = nn.Sequential(
            nn.Linear(dim, inner), nn.GELU(), nn.Linear(inner, dim), Dropout(dropout)
        )
        self.feed_forward_norm = nn.LayerNorm(dim)
        self.dropout = Dropout(dropout)

    def history(
        self, x: Float[Tensor, "B L D"], allowed: Bool[Tensor, "B 1 L L"] | None
    ) -> tuple[Float[Tensor, "B L D"], LayerKV]:
        """All positions of the history at once.

        Args:
            x: Inputs of the layer.
            allowed: True where a position (row) may look (column); None means causal.

        Returns:
            The layer's output, and its keys and values for later reasoning steps.
        """
        q, k, v = (self._split(part) for part in self.query_key_value(x).chunk(3, dim=-1))
        mixed = attend(q, k, v, allowed, self.attention_dropout if self.training else 0.0)
        return self._finish(x, mixed.transpose(1, 2).flatten(2)), LayerKV(k, v)

    def history_at(
        self,
        x: Float[Tensor, "B L D"],
        positions: Int[Tensor, "B P"],
        allowed: Bool[Tensor, "B P L"],
    ) -> tuple[Float[Tensor, "B P D"], LayerKV]:
        """The layer's output at some positions only; its keys and values at all of them.

        Args:
            x: Inputs of the layer.
            positions: Where the output is read.
            allowed: True where one of those positions may look into the history.
        """
        dim = x.shape[-1]
        weight, bias = self.query_key_value.weight, self.query_key_value.bias
        read = x.gather(1, positions.unsqueeze(-1).expand(-1, -1, dim))
        q = self._split(F.linear(read, weight[:dim], bias[:dim]))
        k, v = (self._split(p) for p in F.linear(x, weight[dim:], bias[dim:]).chunk(2, dim=-1))
        drop = self.attention_dropout if self.training else 0.0
        mixed = attend(q, k, v, allowed.unsqueeze(1), drop)
        return self._finish(read, mixed.transpose(1, 2).flatten(2)), LayerKV(k, v)

    def step(
        self,
        x: Float[Tensor, "B P M D"],
        prefix: LayerKV,
        allowed: Bool[Tensor, "B P L"],
        past: StepKV | None,
    ) -> tuple[Float[Tensor, "B P M D"], StepKV]:
        """One reasoning step of every stream at every predicted position.

        A stream attends to the history that its position may see, to its own earlier steps and to
        itself; never to another stream (paper Eq. 4-5; docs/adr/0003). The keys of the history
        are shared by all streams, not copied.

        Args:
            x: Inputs of the step.
            prefix: Keys and values of the history.
            allowed: True where a predicted position may look into the history.
            past: The streams' own keys and values of earlier steps, None at the first.

        Returns:
            The layer's output, and the streams' own keys and values including this step.
        """
        q, k, v = (self._split_streams(part) for part in self.query_key_value(x).chunk(3, dim=-1))
        own = append_step(past, k, v)
        weights = self._weights(q * k.shape[-1] ** -0.5, prefix.keys, own.keys, allowed)
        length = prefix.keys.shape[2]
        shared = weights[..., :length].flatten(2, 3) @ prefix.values
        mixed = shared.view_as(q) + torch.einsum(
            "bhpmt,bhpmtc->bhpmc", weights[..., length:], own.values
        )
        return self._finish(x, mixed.permute(0, 2, 3, 1, 4).flatten(3)), own

    def step_attention(
        self,
        x: Float[Tensor, "B P M D"],
        prefix: LayerKV,
        allowed: Bool[Tensor, "B P L"],
        past: StepKV | None,
    ) -> Float[Tensor, "B P M S"]:
        """Where one reasoning step looks, averaged over heads; arguments as in `step`.

        Returns:
            Weights over the L places of the history, then over the stream's own t steps with this
            one last: S = L + t. Each row sums to 1.
        """
        q, k, v = (self._split_streams(part) for part in self.query_key_value(x).chunk(3, dim=-1))
        own = append_step(past, k, v)
        return self._weights(q * k.shape[-1] ** -0.5, prefix.keys, own.keys, allowed).mean(dim=1)

    def _weights(
        self,
        q: Float[Tensor, "B H P M C"],
        history_keys: Float[Tensor, "B H L C"],
        own_keys: Float[Tensor, "B H P M t C"],
        allowed: Bool[Tensor, "B P L"],
    ) -> Float[Tensor, "B H P M S"]:
        """Attention weights over the history and the stream's own steps, S = L + t."""
        history = (q.flatten(2, 3) @ history_keys.transpose(-1, -2)).unflatten(2, q.shape[2:4])
        history.add_(closed(allowed, history.dtype)[:, None, :, None, :])
        own = torch.einsum("bhpmc,bhpmtc->bhpmt", q, own_keys)
        weights = torch.cat([history, own], dim=-1).softmax(dim=-1)
        return dropout(weights, self.attention_dropout) if self.training else weights

    def _finish(
        self, x: Float[Tensor, "*R D"], mixed: Float[Tensor, "*R D"]
    ) -> Float[Tensor, "*R D"]:
        x = self.attention_norm(x + self.dropout(self.output(mixed)))
        return self.feed_forward_norm(x + self.feed_forward(x))

    def _split(self, x: Float[Tensor, "B L D"]) -> Float[Tensor, "B H L C"]:
        return x.unflatten(-1, (self.heads, -1)).transpose(1, 2)

    def _split_streams(self, x: Float[Tensor, "B P M D"]) -> Float[Tensor, "B H P M C"]:
        return x.unflatten(-1, (self.heads, -1)).permute(0, 3, 1, 2, 4)


def attend(
    q: Float[Tensor, "B H P C"],
    k: Float[Tensor, "B H L C"],
    v: Float[Tensor, "B H L C"],
    allowed: Bool[Tensor, "B 1 P L"] | None,
    drop: float,
) -> Float[Tensor, "B H P C"]:
    """Attention over the history, by the fastest way that can drop weights.

    Args:
        q: Queries of some positions, or of all (P = L).
        k: Keys.
        v: Values.
        allowed: True where a position (row) may look (column), somewhere in each row; None means
            causal, for the queries of all positions.
        drop: Share of weights that is dropped.
    """
    if drop == 0 or q.device.type != "cpu":
        return F.scaled_dot_product_attention(
            q, k, v, attn_mask=allowed, dropout_p=drop, is_causal=allowed is None
        )
    length = q.shape[2]
    seen = torch.ones(length, length, dtype=torch.bool).tril() if allowed is None else allowed
    scores = (q * q.shape[-1] ** -0.5) @ k.transpose(-1, -2)
    return dropout(scores.add_(closed(seen, scores.dtype)).softmax(dim=-1), drop) @ v


def closed(allowed: Bool[Tensor, "*S"], dtype: torch.dtype) -> Float[Tensor, "*S"]:
    """What is added to scores: minus infinity where attention may not look, else 0."""
    return torch.zeros_like(allowed, dtype=dtype).masked_fill_(~allowed, float("-inf"))


def append_step(
    past: StepKV | None, k: Float[Tensor, "B H P M C"], v: Float[Tensor, "B H P M C"]
) -> StepKV:
    """The keys and values of earlier steps with those of one more."""
    k, v = k.unsqueeze(4), v.unsqueeze(4)
    if past is None:
        return StepKV(k, v)
    return StepKV(torch.cat([past.keys, k], dim=4), torch.cat([past.values, v], dim=4))
