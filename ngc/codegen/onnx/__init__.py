"""ONNX models of graphs, with the `onnx` package: what engines, other tools and people who look at a network read."""

from ngc.codegen.onnx.emit import OPSET, emit_onnx
from ngc.codegen.onnx.file import save_onnx

__all__ = ["OPSET", "emit_onnx", "save_onnx"]
