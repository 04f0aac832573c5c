"""What PLR is put together from: where streams start, what marks steps, how states are mixed."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeAlias, final

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from latentrec.errors import ConfigError

INITIAL_STD: Final = 0.02
"""Standard deviation of fresh triggers and step embeddings (docs/adr/0005)."""


# --- triggers -------------------------------------------------------------------------------------


@final
@dataclass(frozen=True)
class Trigger:
    """How the streams of a history come to differ (docs/adr/0032).

    Attributes:
        vectors: From M streams and hidden size D to the vectors, M x D: a parameter if they are
            learnt, else a buffer.
        start: From h_0 and the vectors to the state from which each stream starts.
    """

    vectors: Callable[[int, int], Tensor]
    start: Callable[[Tensor, Tensor], Tensor]


def learnt(streams: int, dim: int, std: float = INITIAL_STD) -> Tensor:
    """Normal vectors that are trained."""
    return nn.Parameter(torch.randn(streams, dim) * std)


def orthogonal(streams: int, dim: int, std: float = INITIAL_STD) -> Tensor:
    """Random vectors at right angles, as long as fresh learnt ones are on average; never trained.

    Raises:
        ConfigError: If there are more streams than dimensions.
    """
    if streams > dim:
        raise ConfigError(
            f"reasoner.trigger='orthogonal': {streams} streams have no right angles in "
            f"encoder.dim={dim}; use at most {dim} streams, or trigger='added'"
        )
    rows = nn.init.orthogonal_(torch.empty(streams, dim))
    return nn.Buffer(rows * (std * dim**0.5))


def zero(streams: int, dim: int) -> Tensor:
    """No trigger at all."""
    return nn.Buffer(torch.zeros(streams, dim))


def added(
    first: Float[Tensor, "B P D"], triggers: Float[Tensor, "M D"]
) -> Float[Tensor, "B P M D"]:
    """h_0 plus a trigger each (paper Eq. 3)."""
    return first.unsqueeze(2) + triggers


def alone(
    first: Float[Tensor, "B P D"], triggers: Float[Tensor, "M D"]
) -> Float[Tensor, "B P M D"]:
    """The triggers as tokens of their own: h_0 enters through attention to the history only."""
    return triggers.expand(*first.shape[:2], -1, -1)


ADDED: Final = Trigger(learnt, added)
NO_TRIGGER: Final = Trigger(zero, added)


# --- step embeddings ------------------------------------------------------------------------------

MakeSteps: TypeAlias = Callable[[int, int, int], Tensor]
"""From M streams, T steps and hidden size D to step embeddings, T x D or T x M x D."""


def shared_steps(streams: int, steps: int, dim: int) -> Tensor:
    """One learnt vector a step, the same in every stream."""
    return nn.Parameter(torch.randn(steps, dim) * INITIAL_STD)


def stream_steps(streams: int, steps: int, dim: int) -> Tensor:
    """One learnt vector for each step of each stream."""
    return nn.Parameter(torch.randn(steps, streams, dim) * INITIAL_STD)


def no_steps(streams: int, steps: int, dim: int) -> Tensor:
    """Nothing marks a step: only what is cached tells one from the next."""
    return nn.Buffer(torch.zeros(steps, dim))


# --- gates ----------------------------------------------------------------------------------------


class Gate(nn.Module, ABC):
    """Mixes the states of all streams and steps at hand into one.

    Leaves take hidden size D, streams M and steps T, whether they need them or not. A gate may be
    given the first steps only, and mixes those.
    """

    @abstractmethod
    def forward(
        self, first: Float[Tensor, "B P D"], steps: Float[Tensor, "B P M T D"]
    ) -> tuple[Float[Tensor, "B P D"], Float[Tensor, "B P M"]]:
        """The mixed state z_rea and the weight of each stream; weights sum to 1.

        Args:
            first: The encoder's state h_0.
            steps: Reasoning states.
        """


@final
class StartGate(Gate):
    """Softmax of a linear map of h_0, over streams averaged over their steps.

    Paper: Eq. 6 and 9. Differs: starts uniform (docs/adr/0005).
    """

    def __init__(self, dim: int, streams: int, steps: int) -> None:
        super().__init__()
        self.weight, self.bias = _zero_linear(dim, streams)

    def forward(
        self, first: Float[Tensor, "B P D"], steps: Float[Tensor, "B P M T D"]
    ) -> tuple[Float[Tensor, "B P D"], Float[Tensor, "B P M"]]:
        """Every stream, by its weight."""
        gate = F.linear(first, self.weight, self.bias).softmax(dim=-1)
        return _mix(gate, steps), gate


@final
class UniformGate(Gate):
    """The plain mean of all states: PLR without its gate."""

    def __init__(self, dim: int, streams: int, steps: int) -> None:
        super().__init__()

    def forward(
        self, first: Float[Tensor, "B P D"], steps: Float[Tensor, "B P M T D"]
    ) -> tuple[Float[Tensor, "B P D"], Float[Tensor, "B P M"]]:
        """Every stream, by 1 / M."""
        gate = steps.new_full(steps.shape[:3], 1 / steps.shape[2])
        return steps.mean(dim=(2, 3)), gate


@final
class Top1Gate(Gate):
    """The stream with the largest weight of a `StartGate`, alone.

    The choice has no gradient; the gate is trained as if the softmax had mixed the streams
    (straight-through, docs/adr/0032).
    """

    def __init__(self, dim: int, streams: int, steps: int) -> None:
        super().__init__()
        self.weight, self.bias = _zero_linear(dim, streams)

    def forward(
        self, first: Float[Tensor, "B P D"], steps: Float[Tensor, "B P M T D"]
    ) -> tuple[Float[Tensor, "B P D"], Float[Tensor, "B P M"]]:
        """One stream, by 1; the first of equals."""
        chances = F.linear(first, self.weight, self.bias).softmax(dim=-1)
        chosen = F.one_hot(chances.argmax(dim=-1), chances.shape[-1])
        gate = chosen + (chances - chances.detach())
        return _mix(gate, steps), gate


@final
class PerStepGate(Gate):
    """Softmax of a linear map of h_0 over every step of every stream; starts uniform."""

    def __init__(self, dim: int, streams: int, steps: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(streams, steps, dim))
        self.bias = nn.Parameter(torch.zeros(streams, steps))

    def forward(
        self, first: Float[Tensor, "B P D"], steps: Float[Tensor, "B P M T D"]
    ) -> tuple[Float[Tensor, "B P D"], Float[Tensor, "B P M"]]:
        """Every state, by its weight."""
        count = steps.shape[3]
        logits = torch.einsum("bpd,mtd->bpmt", first, self.weight[:, :count])
        gate = (logits + self.bias[:, :count]).flatten(2).softmax(dim=-1).view_as(logits)
        return (gate.unsqueeze(-1) * steps).sum(dim=(2, 3)), gate.sum(dim=-1)


def _mix(gate: Float[Tensor, "B P M"], steps: Float[Tensor, "B P M T D"]) -> Float[Tensor, "B P D"]:
    return (gate.unsqueeze(-1) * steps.mean(dim=3)).sum(dim=2)


def _zero_linear(dim: int, outputs: int) -> tuple[nn.Parameter, nn.Parameter]:
    """Weight and bias of a linear map that gives zero.

    Its initial draws are overwritten, yet made: a seed keeps giving the run that it gave.
    """
    linear = nn.Linear(dim, outputs)
    return nn.Parameter(linear.weight.detach().zero_()), nn.Parameter(linear.bias.detach().zero_())


# --- all together ---------------------------------------------------------------------------------


def fast_and_slow(
    first: Float[Tensor, "B P D"], mixed: Float[Tensor, "B P D"]
) -> Float[Tensor, "B P D"]:
    """Rank with h_0 + z_rea (paper Eq. 10)."""
    return first + mixed


def slow(first: Float[Tensor, "B P D"], mixed: Float[Tensor, "B P D"]) -> Float[Tensor, "B P D"]:
    """Rank with z_rea, as trained."""
    return mixed


@final
@dataclass(frozen=True)
class PlrParts:
    """The parts of a PLR reasoner; by default the paper's.

    Attributes:
        trigger: How streams come to differ.
        step_embedding: What marks the steps.
        gate: Makes the gate from hidden size D, streams M and steps T.
        rank: From h_0 and z_rea to the state that ranks.
    """

    trigger: Trigger = ADDED
    step_embedding: MakeSteps = shared_steps
    gate: Callable[[int, int, int], Gate] = StartGate
    rank: Callable[[Tensor, Tensor], Tensor] = fast_and_slow


PAPER: Final = PlrParts()
