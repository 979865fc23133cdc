"""Writes to ONNX: operators that sort, and that find the largest and smallest."""

from ngc.codegen.onnx.writer import Handler

HANDLERS: dict[str, Handler] = {}
