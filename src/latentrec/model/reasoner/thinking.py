"""The histories of a batch that still reason: they step together and leave one by one."""

from dataclasses import dataclass, replace
from typing import final

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from latentrec.model.attention import LayerKV, StepKV
from latentrec.model.encoder import Encoded, SequenceEncoder, StepCache
from latentrec.model.reasoner.plr_parts import Gate


@final
@dataclass(frozen=True)
class Thinking:
    """R of B histories after t steps.

    Attributes:
        rows: Their places in the batch.
        positions: Their predicted positions.
        encoded: The histories.
        first: Their states h_0.
        steps: Their reasoning states so far.
        state: What the next step starts from.
        past: What the encoder keeps of the steps so far.
        mixed: Their mixed states so far; h_0 before the first step.
    """

    rows: Int[Tensor, " R"]
    positions: Int[Tensor, "R P"]
    encoded: Encoded
    first: Float[Tensor, "R P D"]
    steps: Float[Tensor, "R P M t D"]
    state: Float[Tensor, "R P M D"]
    past: StepCache | None
    mixed: Float[Tensor, "R P D"]

    def step(
        self, encoder: SequenceEncoder, step_embedding: Float[Tensor, "*M D"], gate: Gate
    ) -> "Thinking":
        """All of them one step further."""
        moved = self.state + step_embedding
        state, past = encoder.extend(moved, self.positions, self.encoded, self.past)
        steps = torch.cat([self.steps, state.unsqueeze(3)], dim=3)
        return replace(self, steps=steps, state=state, past=past, mixed=gate(self.first, steps)[0])

    def pick(self, chosen: Bool[Tensor, " R"]) -> "Thinking":
        """Some of them."""
        if bool(chosen.all()):
            return self
        prefix = tuple(LayerKV(kv.keys[chosen], kv.values[chosen]) for kv in self.encoded.prefix)
        past = self.past and tuple(StepKV(kv.keys[chosen], kv.values[chosen]) for kv in self.past)
        return Thinking(
            self.rows[chosen],
            self.positions[chosen],
            Encoded(self.encoded.hidden[chosen], self.encoded.padding[chosen], prefix),
            self.first[chosen],
            self.steps[chosen],
            self.state[chosen],
            past,
            self.mixed[chosen],
        )


def everybody(
    encoded: Encoded,
    positions: Int[Tensor, "B P"],
    first: Float[Tensor, "B P D"],
    start: Float[Tensor, "B P M D"],
) -> Thinking:
    """The whole batch before its first step."""
    rows = torch.arange(len(first), device=first.device)
    steps = start.unsqueeze(3)[:, :, :, :0]
    return Thinking(rows, positions, encoded, first, steps, start, None, first)
