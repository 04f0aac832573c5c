"""HSTU: attention without a softmax, gated, with a learned weight for every distance."""

from typing import final

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from latentrec.model.attention import LayerKV, StepKV, append_step
from latentrec.model.encoder import Encoded, SequenceEncoder, StepCache, initialise, visible


@final
class HstuLayer(nn.Module):
    """Gated pointwise attention with a residual connection, and no feed-forward layer.

    `u, v, q, k = SiLU(W_1 LN(x))`, then `x + W_2 (LN(A v) * u)` with
    `A = SiLU(q k' + bias[distance])` wherever a position may look and 0 elsewhere.

    Paper: HSTU (arXiv 2402.17152) Eq. 1-3. Differs: no time bias, and no factor 1/N on A, which
    the LayerNorm behind it takes out again (docs/adr/0029).

    Args:
        dim: Hidden size D.
        heads: Attention heads H; divides `dim`.
        max_length: Number of distances that are told apart.
        dropout: Dropout of what the layer adds, in [0, 1).
        attention_dropout: Dropout of attention weights, in [0, 1).
    """

    def __init__(
        self, dim: int, heads: int, max_length: int, dropout: float, attention_dropout: float
    ) -> None:
        super().__init__()
        self.heads = heads
        self.attention_dropout = attention_dropout
        self.norm = nn.LayerNorm(dim)
        self.expand = nn.Linear(dim, 4 * dim)
        self.distance_bias = nn.Embedding(max_length, heads)
        self.mixed_norm = nn.LayerNorm(dim)
        self.output = nn.Linear(dim, dim)
        self.dropout = nn.Dropout(dropout)

    def history(
        self, x: Float[Tensor, "B L D"], allowed: Bool[Tensor, "B 1 L L"]
    ) -> tuple[Float[Tensor, "B L D"], LayerKV]:
        """All positions of the history at once.

        Args:
            x: Inputs of the layer.
            allowed: True where a position (row) may look (column).

        Returns:
            The layer's output, and its keys and values for later reasoning steps.
        """
        gate, *parts = self._expand(x)
        v, q, k = (part.unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in parts)
        places = torch.arange(x.shape[1], device=x.device)
        bias = self._bias(places[:, None] - places).permute(2, 0, 1)
        weights = self._weights(q @ k.transpose(-1, -2) + bias, allowed)
        return self._finish(x, (weights @ v).transpose(1, 2).flatten(2), gate), LayerKV(k, v)

    def step(
        self,
        x: Float[Tensor, "B P M D"],
        prefix: LayerKV,
        positions: Int[Tensor, "B P"],
        allowed: Bool[Tensor, "B P L"],
        past: StepKV | None,
    ) -> tuple[Float[Tensor, "B P M D"], StepKV]:
        """One reasoning step of every stream: the next place behind its position and its own steps.

        Args:
            x: Inputs of the step.
            prefix: Keys and values of the history.
            positions: Predicted positions.
            allowed: True where a predicted position may look into the history.
            past: The streams' own keys and values of earlier steps, None at the first.

        Returns:
            The layer's output, and the streams' own keys and values including this step.
        """
        gate, *parts = self._expand(x)
        v, q, k = (part.unflatten(-1, (self.heads, -1)).permute(0, 3, 1, 2, 4) for part in parts)
        own = append_step(past, k, v)
        shared = self._over_history(q, prefix, positions + own.keys.shape[4], allowed)
        mixed = shared + self._over_steps(q, own)
        return self._finish(x, mixed.permute(0, 2, 3, 1, 4).flatten(3), gate), own

    def _over_history(
        self,
        q: Float[Tensor, "B H P M C"],
        prefix: LayerKV,
        places: Int[Tensor, "B P"],
        allowed: Bool[Tensor, "B P L"],
    ) -> Float[Tensor, "B H P M C"]:
        columns = torch.arange(prefix.keys.shape[2], device=q.device)
        bias = self._bias(places.unsqueeze(-1) - columns).permute(0, 3, 1, 2).unsqueeze(3)
        scores = (q.flatten(2, 3) @ prefix.keys.transpose(-1, -2)).unflatten(2, q.shape[2:4])
        weights = self._weights(scores + bias, allowed[:, None, :, None, :])
        return (weights.flatten(2, 3) @ prefix.values).view_as(q)

    def _over_steps(self, q: Float[Tensor, "B H P M C"], own: StepKV) -> Float[Tensor, "B H P M C"]:
        steps = torch.arange(own.keys.shape[4], device=q.device)
        bias = self._bias(steps.flip(0)).T[None, :, None, None, :]
        scores = torch.einsum("bhpmc,bhpmtc->bhpmt", q, own.keys) + bias
        weights = F.dropout(F.silu(scores), self.attention_dropout, self.training)
        return torch.einsum("bhpmt,bhpmtc->bhpmc", weights, own.values)

    def _expand(self, x: Float[Tensor, "*R D"]) -> tuple[Float[Tensor, "*R D"], ...]:
        return F.silu(self.expand(self.norm(x))).chunk(4, dim=-1)

    def _bias(self, distance: Int[Tensor, "*R"]) -> Float[Tensor, "*R H"]:
        """The weight of a distance; all beyond the longest known one share its weight."""
        return self.distance_bias(distance.clamp(0, self.distance_bias.num_embeddings - 1))

    def _weights(
        self, scores: Float[Tensor, "*R L"], allowed: Bool[Tensor, "*S L"]
    ) -> Float[Tensor, "*R L"]:
        weights = F.silu(scores).masked_fill(~allowed, 0.0)
        return F.dropout(weights, self.attention_dropout, self.training)

    def _finish(
        self, x: Float[Tensor, "*R D"], mixed: Float[Tensor, "*R D"], gate: Float[Tensor, "*R D"]
    ) -> Float[Tensor, "*R D"]:
        return x + self.dropout(self.output(self.mixed_norm(mixed) * gate))


@final
class HstuEncoder(SequenceEncoder):
    """A causal stack of HSTU layers between two LayerNorms; order enters by distances alone.

    The last LayerNorm bounds the norm of all states, which the diversity term needs
    (docs/adr/0002). A reasoning step stands one place behind its position or its last step, so
    that reasoning is what re-encoding the grown sequence would give.

    Args:
        dim: Hidden size D.
        layers: Number of layers.
        heads: Attention heads.
        max_length: Longest history L.
        dropout: Dropout of hidden states.
        attention_dropout: Dropout of attention weights.
    """

    def __init__(
        self,
        dim: int,
        layers: int,
        heads: int,
        max_length: int,
        dropout: float,
        attention_dropout: float,
    ) -> None:
        super().__init__()
        self.dim = dim
        self.causal = True
        self.norm = nn.LayerNorm(dim)
        self.dropout = nn.Dropout(dropout)
        self.layers = nn.ModuleList(
            HstuLayer(dim, heads, max_length, dropout, attention_dropout) for _ in range(layers)
        )
        self.last_norm = nn.LayerNorm(dim)
        self.apply(initialise)

    def forward(self, embedded: Float[Tensor, "B L D"], padding: Bool[Tensor, "B L"]) -> Encoded:
        """Encode histories; see `SequenceEncoder.forward`."""
        x = self.dropout(self.norm(embedded))
        length = padding.shape[1]
        earlier = torch.ones(length, length, dtype=torch.bool, device=padding.device).tril()
        allowed = (~padding)[:, None, None, :] & earlier
        prefix: list[LayerKV] = []
        for layer in self.layers:
            assert isinstance(layer, HstuLayer)
            x, kept = layer.history(x, allowed)
            prefix.append(kept)
        return Encoded(self.last_norm(x), padding, tuple(prefix))

    def extend(
        self,
        states: Float[Tensor, "B P M D"],
        positions: Int[Tensor, "B P"],
        encoded: Encoded,
        past: StepCache | None,
    ) -> tuple[Float[Tensor, "B P M D"], StepCache]:
        """Carry one reasoning step; see `SequenceEncoder.extend`."""
        x = self.dropout(self.norm(states))
        allowed = visible(positions, encoded.padding, self.causal)
        cache: list[StepKV] = []
        for i, layer in enumerate(self.layers):
            assert isinstance(layer, HstuLayer)
            before = past[i] if past else None
            x, own = layer.step(x, encoded.prefix[i], positions, allowed, before)
            cache.append(own)
        return self.last_norm(x), tuple(cache)
