"""Writes to ONNX: operators that sample a map at other places: resizing, adaptive pooling, grids, deformable convolutions."""

from ngc.codegen.onnx.writer import Handler

HANDLERS: dict[str, Handler] = {}
