"""Sequence encoders: the history read once, with keys and values kept for reasoning."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TypeAlias, final

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from latentrec.model.attention import Block, LayerKV, StepKV
from latentrec.model.dropout import Dropout

StepCache: TypeAlias = tuple[StepKV, ...]
"""The streams' own keys and values of all earlier steps, one entry a layer."""


@final
@dataclass(frozen=True)
class Encoded:
    """An encoded batch of histories.

    Attributes:
        hidden: Output of the encoder at every position.
        padding: True where the history is padded.
        prefix: Keys and values of the history, one pair a layer.
    """

    hidden: Float[Tensor, "B L D"]
    padding: Bool[Tensor, "B L"]
    prefix: tuple[LayerKV, ...]

    def at(self, positions: Int[Tensor, "B P"]) -> Float[Tensor, "B P D"]:
        """The encoder's state h_0 at each predicted position."""
        index = positions.unsqueeze(-1).expand(-1, -1, self.hidden.shape[-1])
        return self.hidden.gather(1, index)


class SequenceEncoder(nn.Module, ABC):
    """Reads a history, and later carries reasoning states through the same layers.

    Attributes:
        causal: Whether a position sees only what came before it. Only a causal encoder may
            predict several positions of one history at once.
        dim: Hidden size D.
    """

    causal: bool
    dim: int

    @abstractmethod
    def forward(self, embedded: Float[Tensor, "B L D"], padding: Bool[Tensor, "B L"]) -> Encoded:
        """Encode histories of item vectors; padding may stand on either side."""

    def encode_at(
        self,
        embedded: Float[Tensor, "B L D"],
        padding: Bool[Tensor, "B L"],
        positions: Int[Tensor, "B P"],
    ) -> Encoded:
        """Encode histories whose states are read at some positions only.

        Here it encodes everything; an encoder that can leave work out does, and `Encoded.hidden`
        then holds zeros at other positions. The positions of a history differ from each other.
        """
        return self(embedded, padding)

    @abstractmethod
    def extend(
        self,
        states: Float[Tensor, "B P M D"],
        positions: Int[Tensor, "B P"],
        encoded: Encoded,
        past: StepCache | None,
    ) -> tuple[Float[Tensor, "B P M D"], StepCache]:
        """Carry one reasoning state per stream through all layers.

        Args:
            states: Inputs of the step, one per stream and predicted position.
            positions: Predicted positions; a stream sees the history up to its position.
            encoded: The history.
            past: What earlier steps of the same streams left, None at the first step.

        Returns:
            The states after the last layer, and `past` with this step added.
        """


@final
class TransformerEncoder(SequenceEncoder):
    """Learned positions, LayerNorm and dropout, then post-LN blocks.

    Positions count the real items of a history from 0, so padding on either side changes
    nothing. Reasoning inputs pass the same LayerNorm and dropout as item vectors, as in
    ReaRec; they carry step embeddings instead of positions.

    Args:
        dim: Hidden size D.
        layers: Number of blocks.
        heads: Attention heads.
        inner: Width of the feed-forward layers.
        max_length: Longest history L.
        dropout: Dropout of hidden states.
        attention_dropout: Dropout of attention weights.
        causal: Whether positions see only what came before them.
    """

    def __init__(
        self,
        dim: int,
        layers: int,
        heads: int,
        inner: int,
        max_length: int,
        dropout: float,
        attention_dropout: float,
        causal: bool,
    ) -> None:
        super().__init__()
        self.dim = dim
        self.causal = causal
        self.position = nn.Embedding(max_length, dim)
        self.norm = nn.LayerNorm(dim)
        self.dropout = Dropout(dropout)
        self.blocks = nn.ModuleList(
            Block(dim, heads, inner, dropout, attention_dropout) for _ in range(layers)
        )
        self.apply(initialise)

    def forward(self, embedded: Float[Tensor, "B L D"], padding: Bool[Tensor, "B L"]) -> Encoded:
        """Encode histories; see `SequenceEncoder.forward`."""
        x, prefix = self._read(embedded, padding, len(self.blocks))
        return Encoded(x, padding, prefix)

    def encode_at(
        self,
        embedded: Float[Tensor, "B L D"],
        padding: Bool[Tensor, "B L"],
        positions: Int[Tensor, "B P"],
    ) -> Encoded:
        """The last layer at the given positions only; see `SequenceEncoder.encode_at`."""
        x, prefix = self._read(embedded, padding, len(self.blocks) - 1)
        block = self.blocks[-1]
        assert isinstance(block, Block)
        state, last = block.history_at(x, positions, visible(positions, padding, self.causal))
        index = positions.unsqueeze(-1).expand_as(state)
        hidden = torch.zeros_like(x, dtype=state.dtype).scatter(1, index, state)
        return Encoded(hidden, padding, (*prefix, last))

    def _read(
        self, embedded: Float[Tensor, "B L D"], padding: Bool[Tensor, "B L"], layers: int
    ) -> tuple[Float[Tensor, "B L D"], tuple[LayerKV, ...]]:
        """The history through the first layers."""
        x = self.dropout(self.norm(embedded + self.position(places(padding))))
        allowed = history_mask(padding, self.causal)
        prefix: list[LayerKV] = []
        for block in self.blocks[:layers]:
            assert isinstance(block, Block)
            x, layer = block.history(x, allowed)
            prefix.append(layer)
        return x, tuple(prefix)

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
        for i, block in enumerate(self.blocks):
            assert isinstance(block, Block)
            x, own = block.step(x, encoded.prefix[i], allowed, past[i] if past else None)
            cache.append(own)
        return x, tuple(cache)

    def step_attention(
        self,
        states: Float[Tensor, "B P M D"],
        positions: Int[Tensor, "B P"],
        encoded: Encoded,
        past: StepCache | None,
    ) -> Float[Tensor, "B P M S"]:
        """Where the last layer looks in one reasoning step; arguments as in `extend`.

        Returns:
            Weights over the history, then over the stream's own steps, averaged over heads.
        """
        x = self.norm(states)
        allowed = visible(positions, encoded.padding, self.causal)
        *lower, last = self.blocks
        for i, block in enumerate(lower):
            assert isinstance(block, Block)
            x, _ = block.step(x, encoded.prefix[i], allowed, past[i] if past else None)
        assert isinstance(last, Block)
        return last.step_attention(x, encoded.prefix[-1], allowed, past[-1] if past else None)


def visible(
    positions: Int[Tensor, "B P"], padding: Bool[Tensor, "B L"], causal: bool
) -> Bool[Tensor, "B P L"]:
    """Which history positions each predicted position may see."""
    real = ~padding.unsqueeze(1)
    if not causal:
        return real.expand(-1, positions.shape[1], -1)
    columns = torch.arange(padding.shape[1], device=padding.device)
    return real & (columns <= positions.unsqueeze(-1))


def places(padding: Bool[Tensor, "B L"]) -> Int[Tensor, "B L"]:
    """The place of every item in its history, counted from 0 whatever side the padding is on."""
    return ((~padding).cumsum(dim=1) - 1).clamp(min=0)


def history_mask(padding: Bool[Tensor, "B L"], causal: bool) -> Bool[Tensor, "B 1 L L"] | None:
    """Where positions may look; None (plain causal) if padding stands on the right only.

    Behind right padding no real position sees a padded one, so the fast kernel needs no mask.
    Every position may look at itself, so that no row is empty. What is being compiled or exported
    cannot look at its data, and always gets the mask.
    """
    if causal and not torch.compiler.is_compiling() and _right(padding):
        return None
    length = padding.shape[1]
    itself = torch.eye(length, dtype=torch.bool, device=padding.device)
    allowed = (~padding)[:, None, None, :] | itself
    return allowed & torch.ones_like(itself).tril() if causal else allowed


def _right(padding: Bool[Tensor, "B L"]) -> bool:
    """Whether padding stands on the right only."""
    return not bool((padding[:, :-1] & ~padding[:, 1:]).any())


def initialise(module: nn.Module) -> None:
    """Small normal weights and zero biases, for every part of a Transformer."""
    if isinstance(module, nn.Linear | nn.Embedding):
        nn.init.normal_(module.weight, std=0.02)
    if isinstance(module, nn.Linear):
        nn.init.zeros_(module.bias)
