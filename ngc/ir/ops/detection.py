"""Operators of object detection: anchors, boxes, suppression, regions of interest."""

from ngc.ir.opdef import OpDef
from ngc.ir.ops import region_pooling, suppression

OPS: tuple[OpDef, ...] = (*suppression.OPS, *region_pooling.OPS)
