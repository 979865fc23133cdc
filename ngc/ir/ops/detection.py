"""Operators of object detection: anchors, boxes, suppression, regions of interest."""

from ngc.ir.opdef import OpDef

OPS: tuple[OpDef, ...] = ()
