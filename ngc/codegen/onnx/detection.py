"""Writes to ONNX: operators of object detection: anchors, boxes, suppression, regions of interest."""

from ngc.codegen.onnx.writer import Handler

HANDLERS: dict[str, Handler] = {}
