"""Operators of object detection: anchors, boxes, suppression, regions of interest."""

from ngc.ir.opdef import OpDef
from ngc.ir.ops import proposals, region_pooling, region_sampling, suppression

OPS: tuple[OpDef, ...] = (*suppression.OPS, *region_pooling.OPS, *region_sampling.OPS, *proposals.OPS)
