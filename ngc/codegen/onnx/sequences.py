"""Writes to ONNX: operators on sequences of different lengths."""

from ngc.codegen.onnx.writer import Handler

HANDLERS: dict[str, Handler] = {}
