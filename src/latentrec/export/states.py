"""States: encoder and reasoner alone as a graph, for a server that keeps the items itself.

Run as a program it writes the graph of a run: the exporter takes seconds and some hundred
megabytes, which a server would rather have in another process.

    python -m latentrec.export.states RUN FILE.onnx
"""

import os
import sys
from pathlib import Path
from typing import Final, final

import onnx
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from latentrec.export.graph import OPSET, bare, quiet
from latentrec.model.recommender import Recommender
from latentrec.run import load

VECTORS: Final = "vectors"
PADDING: Final = "padding"
POSITIONS: Final = "positions"
STATES: Final = "states"
NICE: Final = 5
"""How much the program stands back behind a server that answers meanwhile."""
_SHORT: Final = 3
"""Items of the histories that the graph is traced with."""


@final
class VectorsToStates(nn.Module):
    """What the graph computes: a model between its items' vectors and its ranking states.

    Args:
        model: The recommender, in evaluation mode; its items are not read.
    """

    def __init__(self, model: Recommender) -> None:
        super().__init__()
        self.encoder = model.encoder
        self.reasoner = model.reasoner

    def forward(
        self,
        vectors: Float[Tensor, "B L D"],
        padding: Bool[Tensor, "B L"],
        positions: Int[Tensor, "B 1"],
    ) -> Float[Tensor, "B D"]:
        """The states that rank, as `Recommender.forward` computes them."""
        if self.reasoner.reads_all:
            encoded = self.encoder(vectors, padding)
        else:
            encoded = self.encoder.encode_at(vectors, padding, positions)
        return self.reasoner(encoded, positions, self.encoder).infer_state[:, 0]


def states_graph(model: Recommender, longest: int) -> onnx.ModelProto:
    """The graph of a model's encoder and reasoner, for any number of rows and places.

    Args:
        model: The recommender on the CPU, in evaluation mode.
        longest: Most places of a batch.
    """
    places = min(_SHORT, longest)
    rows = torch.export.Dim("rows", min=1)
    length = torch.export.Dim("length", min=1, max=longest)
    sizes = {0: rows, 1: length} if longest > 1 else {0: rows}
    traced = (
        torch.zeros(2, places, model.encoder.dim),
        torch.zeros(2, places, dtype=torch.bool),
        torch.full((2, 1), places - 1),
    )
    with quiet(), torch.no_grad():
        program = torch.onnx.export(
            VectorsToStates(model).eval(),
            traced,
            dynamo=True,
            opset_version=OPSET,
            input_names=[VECTORS, PADDING, POSITIONS],
            output_names=[STATES],
            dynamic_shapes={VECTORS: sizes, PADDING: sizes, POSITIONS: {0: rows}},
            verbose=False,
        )
    assert program is not None
    return bare(program.model_proto)


if __name__ == "__main__":
    os.nice(NICE)
    loaded = load(Path(sys.argv[1]), device="cpu")
    onnx.save(states_graph(loaded.scorer.model, loaded.scorer.max_length), sys.argv[2])
