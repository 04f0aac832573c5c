"""PLR against a float64 oracle: plain loops written from the equations, one history at a time."""

import math

import pytest
import torch
from torch import Tensor

from latentrec.model.encoder import TransformerEncoder
from latentrec.model.items import IdItemEncoder
from latentrec.model.reasoner.plr import PlrReasoner
from latentrec.model.reasoner.plr_parts import (
    PAPER,
    PerStepGate,
    PlrParts,
    Top1Gate,
    Trigger,
    UniformGate,
    added,
    alone,
    learnt,
    orthogonal,
    slow,
    stream_steps,
)
from latentrec.model.recommender import Recommender

DIM, HEADS, INNER, LAYERS, LENGTH = 8, 2, 12, 2, 6


def model(streams: int, steps: int, parts: PlrParts = PAPER) -> Recommender:
    torch.manual_seed(0)
    items = IdItemEncoder(20, DIM)
    encoder = TransformerEncoder(DIM, LAYERS, HEADS, INNER, LENGTH, 0.0, 0.0, causal=True)
    plr = PlrReasoner(DIM, streams, steps, parts)
    built = Recommender(items, encoder, plr).double().eval()
    for parameter in built.parameters():  # away from the small initial values
        torch.nn.init.normal_(parameter, std=0.4)
    return built


def layer_norm(x: Tensor, norm: torch.nn.Module) -> Tensor:
    centred = x - x.mean()
    return centred / torch.sqrt((centred**2).mean() + 1e-5) * norm.weight + norm.bias


def gelu(x: Tensor) -> Tensor:
    return x * 0.5 * (1 + torch.erf(x / math.sqrt(2)))


class Oracle:
    """Re-encodes the whole grown sequence for every state; nothing is cached."""

    def __init__(self, model: Recommender) -> None:
        self.encoder, self.reasoner = model.encoder, model.reasoner
        self.table = model.items.table()

    def tokens(self, inputs: list[Tensor]) -> list[Tensor]:
        """Output of the causal stack for a list of input vectors, token by token."""
        xs = [layer_norm(x, self.encoder.norm) for x in inputs]
        for block in self.encoder.blocks:
            xs = [self.token(block, xs, i) for i in range(len(xs))]
        return xs

    def token(self, block: torch.nn.Module, xs: list[Tensor], i: int) -> Tensor:
        weight, bias = block.query_key_value.weight, block.query_key_value.bias
        project = [[weight @ x + bias][0].chunk(3) for x in xs[: i + 1]]
        width = DIM // HEADS
        mixed = []
        for h in range(HEADS):
            part = slice(h * width, (h + 1) * width)
            scores = [
                (project[i][0][part] @ project[j][1][part]) / math.sqrt(width) for j in range(i + 1)
            ]
            mass = sum(math.exp(s) for s in scores)
            mixed.append(
                sum(math.exp(s) / mass * project[j][2][part] for j, s in enumerate(scores))
            )
        attended = block.output.weight @ torch.cat(mixed) + block.output.bias
        x = layer_norm(xs[i] + attended, block.attention_norm)
        first, last = block.feed_forward[0], block.feed_forward[2]
        fed = last.weight @ gelu(first.weight @ x + first.bias) + last.bias
        return layer_norm(x + fed, block.feed_forward_norm)

    def reason(self, history: list[int]) -> tuple[list[list[Tensor]], Tensor, Tensor]:
        """States h[m][t], z_rea and z_final after one history (Eq. 2-6, 9, 10)."""
        plr = self.reasoner
        inputs = [self.table[v] + self.encoder.position.weight[i] for i, v in enumerate(history)]
        h0 = self.tokens(inputs)[-1]
        streams = []
        for m, trigger in enumerate(plr.triggers):
            grown, states = list(inputs), []
            state = trigger if plr.parts.trigger.start is alone else h0 + trigger
            for r in plr.step_embedding:
                grown.append(state + (r[m] if plr.parts.step_embedding is stream_steps else r))
                state = self.tokens(grown)[-1]
                states.append(state)
            streams.append(states)
        z = self.mix(plr.gate, h0, streams)
        return streams, z, z if plr.parts.rank is slow else h0 + z

    def mix(self, gate: torch.nn.Module, h0: Tensor, streams: list[list[Tensor]]) -> Tensor:
        """Every state by its weight; the softmax of Eq. 9 unless the gate is another."""
        count = len(streams) * len(streams[0])
        if isinstance(gate, UniformGate):
            return sum(sum(states) for states in streams) / count
        logits = gate.weight @ h0 + gate.bias
        if isinstance(gate, PerStepGate):
            shares = torch.softmax(logits.flatten(), 0).view(len(streams), -1)
            return sum(
                shares[m, t] * state
                for m, states in enumerate(streams)
                for t, state in enumerate(states)
            )
        shares = torch.softmax(logits, 0)
        if isinstance(gate, Top1Gate):
            shares = (shares == shares.max()).double()
        return sum(g * sum(states) / len(states) for g, states in zip(shares, streams, strict=True))


@pytest.mark.parametrize(
    ("streams", "steps", "parts"),
    [
        (1, 1, PAPER),
        (2, 2, PAPER),
        (3, 2, PAPER),
        (2, 2, PlrParts(Trigger(learnt, alone), stream_steps, PerStepGate, slow)),
        (2, 2, PlrParts(Trigger(orthogonal, added), gate=Top1Gate)),
        (2, 1, PlrParts(gate=UniformGate)),
    ],
)
def test_cached_reasoning_equals_re_encoding_with_loops(
    streams: int, steps: int, parts: PlrParts
) -> None:
    """Cached, batched, all-position reasoning is the recursion of the paper (P1, P2)."""
    plr = model(streams, steps, parts)
    history = [5, 9, 2, 17]
    with torch.no_grad():
        reasoned = plr(torch.tensor([history]), torch.tensor([[1, 3]]))
        for column, end in ((0, 2), (1, 4)):
            states, z, final = Oracle(plr).reason(history[:end])
            for m in range(streams):
                for t in range(steps):
                    torch.testing.assert_close(
                        reasoned.steps[0, column, m, t], states[m][t], rtol=1e-9, atol=1e-9
                    )
            torch.testing.assert_close(reasoned.train_state[0, column], z, rtol=1e-9, atol=1e-9)
            torch.testing.assert_close(reasoned.infer_state[0, column], final, rtol=1e-9, atol=1e-9)
