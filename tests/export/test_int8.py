"""INT8 weights are really INT8: without pre-processing a graph silently stays in float32."""

from pathlib import Path

import onnx

from latentrec.data.prepare import prepare
from latentrec.export.int8 import quantised, quantised_nodes
from latentrec.export.onnx_run import OnnxScorer, load_exported
from latentrec.export.parity import drawn, parity
from latentrec.export.quality import quality
from latentrec.run import Run


def test_every_product_with_weights_is_quantised(run: Run, exported: Path, tmp_path: Path) -> None:
    graph = quantised(onnx.load(exported / "scores.onnx"))
    assert quantised_nodes(graph) > 8  # one layer and two steps have 4 products each
    weights = {each.name for each in graph.graph.initializer}
    floats = [n for n in graph.graph.node if n.op_type in ("MatMul", "Gemm")]
    assert [n.name for n in floats if weights & set(n.input)] == []
    onnx.save(graph, tmp_path / "int8.onnx")
    assert quantised_nodes(onnx.load(exported / "scores.onnx")) == 0

    scorer = OnnxScorer(tmp_path / "int8.onnx", "int8", run.index.size, 6)
    gap = parity(run, scorer, drawn(run.index.size, 6))
    assert 1e-5 < gap < 0.05  # it costs something, and not much


def test_quality_is_that_of_the_evaluation(run: Run, exported: Path) -> None:
    """A float32 export ranks as the run does, so both figures are one."""
    prepared = prepare(run.config.data, run.config.split)
    found = quality(run, load_exported(exported), prepared)
    assert found.cases == len(prepared.dataset.valid)
    assert found.run == found.exported
    assert found.run > 0
