"""Export: a trained run as ONNX graphs that need neither torch nor its classes."""

from latentrec.export.export import Exported, export
from latentrec.export.onnx_run import OnnxRun, load_exported

__all__ = ["Exported", "OnnxRun", "export", "load_exported"]
