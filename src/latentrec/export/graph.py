"""From a model to one ONNX graph: histories in, a score for every item out."""

import contextlib
import io
import logging
import warnings
from collections.abc import Generator
from typing import Final, final

import onnx
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from latentrec.index import FIRST_ITEM, MASK, PAD
from latentrec.model.items import ItemEncoder
from latentrec.model.recommender import Recommender

OPSET: Final = 20
"""Version of the ONNX operators; ONNX Runtime knows it since 1.17."""
ITEMS: Final = "items"
HIDDEN: Final = "hidden"
SCORES: Final = "scores"


@final
class FrozenItems(ItemEncoder):
    """The item vectors of another encoder as constants: no texts, fields or experts are left.

    Args:
        items: The encoder, in evaluation mode.
    """

    def __init__(self, items: ItemEncoder) -> None:
        super().__init__()
        table, candidates = items.table().detach(), items.candidates().detach()
        self._table = nn.Buffer(table)
        self._candidates = self._table if torch.equal(table, candidates) else nn.Buffer(candidates)
        self._queries = items.queries

    def table(self) -> Float[Tensor, "N D"]:
        """The vectors as they were."""
        return self._table

    def candidates(self) -> Float[Tensor, "N D"]:
        """The vectors as they are scored."""
        return self._candidates

    def queries(self, states: Float[Tensor, "*B D"]) -> Float[Tensor, "*B D"]:
        """As the encoder says."""
        return self._queries(states)

    def forward(self, items: Int[Tensor, "B L"]) -> Float[Tensor, "B L D"]:
        """The vectors of some items."""
        return F.embedding(items, self._table)


@final
class HistoriesToScores(nn.Module):
    """What the graph computes: the whole model behind plain tensors of item indices.

    Args:
        model: The recommender, in evaluation mode.
        masked: Put MASK behind each history and read there, as the Cloze backbone ranks.
    """

    def __init__(self, model: Recommender, masked: bool) -> None:
        super().__init__()
        self.model = Recommender(FrozenItems(model.items), model.encoder, model.reasoner)
        self.masked = masked
        reserved = torch.zeros(len(self.model.items.candidates()))
        reserved[:FIRST_ITEM] = -torch.inf
        self.reserved = nn.Buffer(reserved)

    def forward(
        self, items: Int[Tensor, "B L"], hidden: Int[Tensor, "B S"]
    ) -> Float[Tensor, "B N"]:
        """Scores; minus infinity for PAD, MASK and what is hidden.

        Args:
            items: Item indices, oldest first, PAD behind the last; at least one item a row.
            hidden: Item indices that a row must not get; fill up with PAD.
        """
        lengths = (items != PAD).sum(dim=1, keepdim=True)
        positions = (lengths - 1).clamp(min=0)
        if self.masked:
            items, positions = F.pad(items, (0, 1)).scatter(1, lengths, MASK), lengths
        state = self.model(items, positions).infer_state[:, 0]
        scores = self.model.items.queries(state) @ self.model.items.candidates().T
        return (scores + self.reserved).scatter(1, hidden, -torch.inf)


def scores_graph(model: Recommender, masked: bool, longest: int) -> onnx.ModelProto:
    """The graph of a model, with any number of rows, items and hidden items.

    Args:
        model: The recommender on the CPU, in evaluation mode.
        masked: See `HistoriesToScores`.
        longest: Most items of a history that are read.
    """
    module = HistoriesToScores(model, masked).eval()
    items = torch.tensor([[FIRST_ITEM] * min(2, longest), [FIRST_ITEM] * min(2, longest)])
    rows = torch.export.Dim("rows", min=1)
    length = torch.export.Dim("length", min=1, max=longest)
    shapes = {
        ITEMS: {0: rows, 1: length} if longest > 1 else {0: rows},
        HIDDEN: {0: rows, 1: torch.export.Dim("hidden_items", min=1)},
    }
    with quiet(), torch.no_grad():
        program = torch.onnx.export(
            module,
            (items, torch.tensor([[PAD] * 3] * 2)),
            dynamo=True,
            opset_version=OPSET,
            input_names=[ITEMS, HIDDEN],
            output_names=[SCORES],
            dynamic_shapes=shapes,
            verbose=False,
        )
    assert program is not None
    return bare(program.model_proto)


def with_top_k(scores: onnx.ModelProto, top_k: int) -> onnx.ModelProto:
    """The same graph with the best items of each row as outputs in place of all scores.

    Args:
        scores: What `scores_graph` gave.
        top_k: List length; a default, callers may give the input `top_k`.
    """
    model = onnx.ModelProto()
    model.CopyFrom(scores)
    graph = model.graph
    graph.node.add().CopyFrom(
        onnx.helper.make_node("TopK", [SCORES, "top_k"], ["top_scores", "top_items"])
    )
    del graph.output[:]
    for name, kind in (
        ("top_items", onnx.TensorProto.INT64),
        ("top_scores", onnx.TensorProto.FLOAT),
    ):
        graph.output.add().CopyFrom(onnx.helper.make_tensor_value_info(name, kind, ["rows", "k"]))
    # An input with an initializer of the same name is optional.
    graph.input.add().CopyFrom(
        onnx.helper.make_tensor_value_info("top_k", onnx.TensorProto.INT64, [1])
    )
    graph.initializer.add().CopyFrom(
        onnx.helper.make_tensor("top_k", onnx.TensorProto.INT64, [1], [top_k])
    )
    return model


def bare(model: onnx.ModelProto) -> onnx.ModelProto:
    """The graph without what the exporter notes beside it, such as stacks of local file names."""
    for part in (*model.graph.node, *model.graph.value_info, *model.graph.initializer):
        part.ClearField("metadata_props")
        part.ClearField("doc_string")
    del model.metadata_props[:]
    del model.graph.metadata_props[:]
    return model


@contextlib.contextmanager
def quiet() -> Generator[None, None, None]:
    """Without what torch's exporter says about itself."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
