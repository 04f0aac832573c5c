"""LARES: a core block applied again and again to all positions, from a random start."""

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Final, final

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from latentrec.errors import ConfigError
from latentrec.model.attention import Block
from latentrec.model.encoder import (
    Encoded,
    SequenceEncoder,
    history_mask,
    initialise,
    places,
    visible,
)
from latentrec.model.reasoner.contract import Reasoned, Reasoner
from latentrec.model.reasoner.effort import Effort

RATE_STD: Final = 0.5
"""Standard deviation of the logarithm of the rate from which depths are drawn."""
START_SEED: Final = 0
"""Seed of the start states that are used outside training."""


class Adapter(nn.Module, ABC):
    """Joins the state of the last step with the encoded history, position by position."""

    @abstractmethod
    def forward(
        self, state: Float[Tensor, "B L D"], hidden: Float[Tensor, "B L D"]
    ) -> Float[Tensor, "B L D"]:
        """The input of the next step, before its LayerNorm."""


@final
class AddAdapter(Adapter):
    """The mean of both; behind a LayerNorm the same as their sum."""

    def forward(
        self, state: Float[Tensor, "B L D"], hidden: Float[Tensor, "B L D"]
    ) -> Float[Tensor, "B L D"]:
        """`(T + H) / 2`."""
        return (state + hidden) / 2


@final
class ConcatAdapter(Adapter):
    """A linear map of both side by side.

    Args:
        dim: Hidden size D.
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.join = nn.Linear(2 * dim, dim)
        initialise(self.join)

    def forward(
        self, state: Float[Tensor, "B L D"], hidden: Float[Tensor, "B L D"]
    ) -> Float[Tensor, "B L D"]:
        """`W [T; H] + b`."""
        return self.join(torch.cat([state, hidden], dim=-1))


@final
class LinearAdapter(Adapter):
    """A weighted mean of both; the weight is one learned number, at first a half."""

    def __init__(self) -> None:
        super().__init__()
        self.balance = nn.Parameter(torch.zeros(()))

    def forward(
        self, state: Float[Tensor, "B L D"], hidden: Float[Tensor, "B L D"]
    ) -> Float[Tensor, "B L D"]:
        """`s T + (1 - s) H`, s the logistic function of the learned number."""
        share = self.balance.sigmoid()
        return share * state + (1 - share) * hidden


@final
class LaresReasoner(Reasoner):
    """Refines the states of all positions k times with the same blocks, then reads the predicted.

    With H the encoder's output (the pre-block) and a random T_0, step i is
    `T_i = core(LayerNorm(adapter(T_{i-1}, H)))`: the history enters at every step, weights do not
    depend on i, and gradients flow through all steps. Every T_i leaves a post-LN block, so its norm
    is bounded at any depth. `Reasoned.steps` holds T_1 .. T_k: one stream of k states.

    Paper: arXiv 2505.16865, depth-recurrent reasoning; details as in the authors' code.

    Differs:
        - T_0 is random in training only; elsewhere it is a fixed table by the item's place in its
          history, so that scores are repeatable (docs/adr/0022). The authors' evaluation draws it
          anew at every call.

    In training each call draws a depth, see `choose_depth`; elsewhere it is `mean_steps`. `reason`
    takes depth and start state as arguments, for any depth at any time.

    Args:
        adapter: Joins state and history.
        dim: Hidden size D.
        layers: Blocks of the core.
        heads: Attention heads; divides `dim`.
        inner: Width of the feed-forward layers.
        max_length: Longest history L.
        dropout: Dropout of hidden states.
        attention_dropout: Dropout of attention weights.
        mean_steps: Depth k outside training, and what the sampled depth is set by.
        state_std: Standard deviation of T_0 before it is cut off and scaled, above 0.
        state_scale: Factor of T_0; 0 starts from zero.
    """

    start_table: Tensor

    def __init__(
        self,
        adapter: Adapter,
        dim: int,
        layers: int,
        heads: int,
        inner: int,
        max_length: int,
        dropout: float,
        attention_dropout: float,
        mean_steps: int,
        state_std: float,
        state_scale: float,
    ) -> None:
        super().__init__()
        self.mean_steps = mean_steps
        self.state_std = state_std
        self.state_scale = state_scale
        self.adapter = adapter
        self.norm = nn.LayerNorm(dim)
        self.core = nn.ModuleList(
            Block(dim, heads, inner, dropout, attention_dropout) for _ in range(layers)
        )
        self.core.apply(initialise)
        generator = torch.Generator().manual_seed(START_SEED)
        self.register_buffer("start_table", self._noise(torch.empty(max_length, dim), generator))

    def forward(
        self, encoded: Encoded, positions: Int[Tensor, "B P"], encoder: SequenceEncoder
    ) -> Reasoned:
        """Trains and ranks with T_k."""
        steps, start = self.choose_depth(), self.start(encoded)
        return self.reason(encoded, positions, encoder, steps, start)

    def limited(self, effort: Effort) -> Reasoner:
        """Any number of steps from 1, also more than `mean_steps`."""
        effort.refuse_exit()
        effort.of(1, effort.steps or 0)
        if effort.steps == 0:
            raise ConfigError(
                "steps=0: LARES starts from noise and never trains the encoder's own state; ask "
                "for at least 1 step"
            )
        return self if effort.steps is None else LaresAtDepth(self, effort.steps)

    def every_state(self) -> Reasoner:
        """The same depth with all of the last step computed."""
        return LaresAtDepth(self, self.mean_steps, every=True)

    def reason(
        self,
        encoded: Encoded,
        positions: Int[Tensor, "B P"],
        encoder: SequenceEncoder,
        steps: int,
        start: Float[Tensor, "B L D"],
        every: bool = False,
    ) -> Reasoned:
        """Refine a start state for a given number of steps.

        Args:
            encoded: The history, H.
            positions: Predicted positions, at which states are read.
            encoder: Says whether positions see what comes after them.
            steps: Depth k, at least 1; need not be one that training has seen.
            start: T_0.
            every: Compute the last step at all positions also where few of them are read.
        """
        allowed = history_mask(encoded.padding, encoder.causal)
        index = positions.unsqueeze(-1).expand(-1, -1, start.shape[-1])
        state, states = start, list[Tensor]()
        for _ in range(steps - 1):
            state = self._step(state, encoded.hidden, allowed)
            states.append(state.gather(1, index))
        if self.training or every:  # in training all positions are read as a rule
            last = self._step(state, encoded.hidden, allowed).gather(1, index)
        else:
            seen = visible(positions, encoded.padding, encoder.causal)
            last = self._last_step(state, encoded.hidden, allowed, positions, seen)
        states.append(last)
        return Reasoned(torch.stack(states, dim=2).unsqueeze(2), last, last, None)

    def choose_depth(self) -> int:
        """Number of steps k: drawn in training (from the CPU's generator), else `mean_steps`."""
        return sample_depth(self.mean_steps) if self.training else self.mean_steps

    def start(self, encoded: Encoded) -> Float[Tensor, "B L D"]:
        """T_0: fresh noise in training, else fixed noise that depends on the place only."""
        return self.fresh_start(encoded) if self.training else self._fixed_start(encoded)

    def fresh_start(self, encoded: Encoded) -> Float[Tensor, "B L D"]:
        """T_0 drawn anew for every position, from torch's global generator."""
        return self._noise(torch.empty_like(encoded.hidden))

    def _fixed_start(self, encoded: Encoded) -> Float[Tensor, "B L D"]:
        return self.start_table[places(encoded.padding)]

    def _step(
        self,
        state: Float[Tensor, "B L D"],
        hidden: Float[Tensor, "B L D"],
        allowed: Bool[Tensor, "B 1 L L"] | None,
    ) -> Float[Tensor, "B L D"]:
        return self._through(self.core, self.norm(self.adapter(state, hidden)), allowed)

    def _last_step(
        self,
        state: Float[Tensor, "B L D"],
        hidden: Float[Tensor, "B L D"],
        allowed: Bool[Tensor, "B 1 L L"] | None,
        positions: Int[Tensor, "B P"],
        seen: Bool[Tensor, "B P L"],
    ) -> Float[Tensor, "B P D"]:
        """A step whose last block is computed only where it is read."""
        x = self._through(self.core[:-1], self.norm(self.adapter(state, hidden)), allowed)
        block = self.core[-1]
        assert isinstance(block, Block)
        return block.history_at(x, positions, seen)[0]

    def _through(
        self,
        blocks: Iterable[nn.Module],
        x: Float[Tensor, "B L D"],
        allowed: Bool[Tensor, "B 1 L L"] | None,
    ) -> Float[Tensor, "B L D"]:
        for block in blocks:
            assert isinstance(block, Block)
            x, _ = block.history(x, allowed)
        return x

    def _noise(self, out: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Scaled normal noise, cut off at three standard deviations."""
        std, bound = self.state_std, 3 * self.state_std
        nn.init.trunc_normal_(out, 0.0, std, -bound, bound, generator=generator)
        return self.state_scale * out


@final
class LaresAtDepth(Reasoner):
    """A LARES reasoner that always takes a given number of steps.

    Args:
        lares: The reasoner.
        steps: Depth k, at least 1.
        every: Compute the last step at all positions also where few of them are read.
    """

    def __init__(self, lares: LaresReasoner, steps: int, every: bool = False) -> None:
        super().__init__()
        self.lares = lares
        self.steps = steps
        self.every = every

    def forward(
        self, encoded: Encoded, positions: Int[Tensor, "B P"], encoder: SequenceEncoder
    ) -> Reasoned:
        """Ranks with T_k."""
        start = self.lares.start(encoded)
        return self.lares.reason(encoded, positions, encoder, self.steps, start, self.every)

    def limited(self, effort: Effort) -> Reasoner:
        """Another depth of the same reasoner."""
        return self.lares.limited(effort)

    def every_state(self) -> Reasoner:
        """The same depth with all of the last step computed."""
        return LaresAtDepth(self.lares, self.steps, every=True)


def sample_depth(mean_steps: int) -> int:
    """A depth from 1 to `3 * mean_steps`, from torch's global generator on the CPU.

    `min(Poisson(rate) + 1, 3 * mean_steps)` with a log-normal rate of mean `mean_steps`. The one
    makes training deeper than `mean_steps` by 0.93 on average at 4, and excludes a depth of 0.

    Paper: arXiv 2505.16865; the Poisson-lognormal sampler of the authors' code.

    Args:
        mean_steps: Mean of the rate, at least 1.
    """
    mu = math.log(mean_steps) - RATE_STD**2 / 2
    rate = torch.exp(mu + RATE_STD * torch.randn(()))
    return min(int(torch.poisson(rate)) + 1, 3 * mean_steps)
