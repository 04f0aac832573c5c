"""PLR: parallel latent reasoning, M isolated streams of T steps mixed by a gate."""

from typing import final

import torch
from jaxtyping import Int
from torch import Tensor, nn

from latentrec.model.encoder import Encoded, SequenceEncoder
from latentrec.model.reasoner.contract import Reasoned, Reasoner, unroll


@final
class PlrReasoner(Reasoner):
    """M streams start at h_0 plus a trigger each, reason T steps, and are mixed by a gate.

    Paper: arXiv 2601.03153, Eq. 3 (triggers), 4-5 (isolated steps), 6 (mean over steps), 9 (gate),
        10 (h_0 + z_rea when ranking).

    Differs:
        - Steps run through the encoder's whole blocks with cached per-layer keys and values, and
          a step attends to itself (docs/adr/0003).
        - Triggers start different and the gate starts uniform (docs/adr/0005).

    Args:
        dim: Hidden size D.
        streams: Number of streams M, at least 1.
        steps: Number of steps T, at least 1.
    """

    reads_all = False

    def __init__(self, dim: int, streams: int, steps: int) -> None:
        super().__init__()
        self.triggers = nn.Parameter(torch.randn(streams, dim) * 0.02)
        self.step_embedding = nn.Parameter(torch.randn(steps, dim) * 0.02)
        self.gate = nn.Linear(dim, streams)
        nn.init.zeros_(self.gate.weight)
        nn.init.zeros_(self.gate.bias)

    def forward(
        self, encoded: Encoded, positions: Int[Tensor, "B P"], encoder: SequenceEncoder
    ) -> Reasoned:
        """Trains on z_rea, ranks with h_0 + z_rea (paper section 3.3)."""
        first = encoded.at(positions)
        start = first.unsqueeze(2) + self.triggers
        steps = unroll(encoder, encoded, positions, start, self.step_embedding)
        gate = self.gate(first).softmax(dim=-1)
        mixed = (gate.unsqueeze(-1) * steps.mean(dim=3)).sum(dim=2)
        return Reasoned(steps, mixed, first + mixed, gate)
