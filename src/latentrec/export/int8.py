"""INT8: weights of a graph's matrix products as 8-bit integers, inputs quantised as they come."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import onnx
from onnxruntime.quantization import QuantType, quantize_dynamic
from onnxruntime.quantization.shape_inference import quant_pre_process

QUANTISED: Final = "MatMulInteger"
"""The operator that a quantised matrix product becomes."""


def quantised(model: onnx.ModelProto) -> onnx.ModelProto:
    """The graph with its matrix products by weights in 8 bits, a scale for each output.

    Without the pre-processing, weights behind a transpose are not recognised as weights and stay
    in float32, silently; see `quantised_nodes`.
    """
    with TemporaryDirectory() as folder:
        prepared, done = Path(folder) / "prepared.onnx", Path(folder) / "int8.onnx"
        quant_pre_process(model, str(prepared))
        quantize_dynamic(
            prepared,
            done,
            op_types_to_quantize=["MatMul", "Gemm"],
            per_channel=True,
            weight_type=QuantType.QUInt8,
        )
        return onnx.load(done)


def quantised_nodes(model: onnx.ModelProto) -> int:
    """How many matrix products of a graph work on 8-bit integers."""
    return sum(node.op_type == QUANTISED for node in model.graph.node)
