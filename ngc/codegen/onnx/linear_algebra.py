"""Writes to ONNX: factorizations, inverses and triangular products of batches of matrices."""

from ngc.codegen.onnx.writer import Handler

HANDLERS: dict[str, Handler] = {}
