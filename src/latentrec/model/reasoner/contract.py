"""What every reasoner takes and returns, and the loop that unrolls reasoning steps."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar, final

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from latentrec.model.encoder import Encoded, SequenceEncoder, StepCache
from latentrec.model.reasoner.effort import Effort


@final
@dataclass(frozen=True)
class Reasoned:
    """The outcome of reasoning at P positions with M streams of T steps.

    Attributes:
        steps: Every reasoning state; M = T = 0 where there is no reasoning. ERL and PRL put h_0
            before their T steps (docs/adr/0016).
        train_state: The state that the objective scores.
        infer_state: The state that ranks the catalogue.
        gate: Weight of each stream, or None where streams are not mixed.
        steps_taken: Steps that each history took where they may differ; None means all.
    """

    steps: Float[Tensor, "B P M T D"]
    train_state: Float[Tensor, "B P D"]
    infer_state: Float[Tensor, "B P D"]
    gate: Float[Tensor, "B P M"] | None
    steps_taken: Int[Tensor, " B"] | None = None


class Reasoner(nn.Module, ABC):
    """Turns the encoded history into the state that is scored.

    The encoder is an argument, so its parameters are registered once, in the recommender.

    Attributes:
        reads_all: Whether it reads encoder states other than those of the predicted positions. The
            encoder leaves the others out for a reasoner that says no.
    """

    reads_all: bool = True

    @abstractmethod
    def forward(
        self, encoded: Encoded, positions: Int[Tensor, "B P"], encoder: SequenceEncoder
    ) -> Reasoned:
        """Reason from the state of every predicted position."""

    @abstractmethod
    def limited(self, effort: Effort) -> "Reasoner":
        """This reasoner at another effort, for ranking; its weights are shared, not copied.

        Raises:
            ConfigError: If it cannot spend that effort.
        """

    def every_state(self) -> "Reasoner":
        """This reasoner without leaving out what nobody reads, to count as the papers do."""
        return self


SomeReasoner = TypeVar("SomeReasoner", bound=Reasoner)


def smaller(reasoner: SomeReasoner, make: Callable[[], SomeReasoner]) -> SomeReasoner:
    """A reasoner with fewer streams or steps, which keeps the first of them.

    Args:
        reasoner: The larger one.
        make: Makes the smaller one. It runs on the meta device, so it draws no random numbers.

    Returns:
        The smaller one; each of its tensors is the leading corner of the larger one's, shared.
    """
    with torch.device("meta"):
        view = make()
    own = reasoner.state_dict()
    corners = {
        name: own[name][tuple(slice(size) for size in tensor.shape)]
        for name, tensor in view.state_dict().items()
    }
    view.load_state_dict(corners, assign=True)
    return view.train(reasoner.training)


def unroll(
    encoder: SequenceEncoder,
    encoded: Encoded,
    positions: Int[Tensor, "B P"],
    start: Float[Tensor, "B P M D"],
    step_embeddings: Float[Tensor, "T *M D"],
) -> Float[Tensor, "B P M T D"]:
    """Reasoning states h_1 .. h_T of every stream.

    The input of step t is h_{t-1} plus the step's embedding; it attends to the history up to its
    position and to its own stream's inputs so far, through cached keys and values.

    Step embeddings are shared by all streams (T x D) or not (T x M x D).

    Paper: Eq. 2 and 4-5. Differs: cached per-layer inputs, self included (docs/adr/0003).
    """
    state = start
    past: StepCache | None = None
    states: list[Tensor] = []
    for step_embedding in step_embeddings:
        state, past = encoder.extend(state + step_embedding, positions, encoded, past)
        states.append(state)
    return torch.stack(states, dim=3)


def unroll_from_h0(
    encoder: SequenceEncoder,
    encoded: Encoded,
    positions: Int[Tensor, "B P"],
    step_embeddings: Float[Tensor, "T D"],
) -> Float[Tensor, "B P 1 S D"]:
    """The S = T + 1 states h_0 .. h_T of one stream that starts at the encoder's own state."""
    first = encoded.at(positions).unsqueeze(2)
    steps = unroll(encoder, encoded, positions, first, step_embeddings)
    return torch.cat([first.unsqueeze(3), steps], dim=3)
