"""Writes to ONNX: operators that pick elements by integers that are data: gather, one_hot and their like."""

from ngc.codegen.onnx.writer import Handler

HANDLERS: dict[str, Handler] = {}
