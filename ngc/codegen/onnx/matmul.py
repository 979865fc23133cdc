"""Writes to ONNX: products of matrices that are data, and attention."""

from ngc.codegen.onnx.writer import Handler

HANDLERS: dict[str, Handler] = {}
