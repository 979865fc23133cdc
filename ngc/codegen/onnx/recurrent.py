"""Writes to ONNX: recurrent layers."""

from ngc.codegen.onnx.writer import Handler

HANDLERS: dict[str, Handler] = {}
