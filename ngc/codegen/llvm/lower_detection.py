"""Lowers to kernels: operators of object detection: anchors, boxes, suppression, regions of interest."""

from ngc.codegen.llvm.lower import Handler

HANDLERS: dict[str, Handler] = {}
