"""Writes to StableHLO: operators of object detection: anchors, boxes, suppression, regions of interest."""

from ngc.codegen.stablehlo.text import Emitter

EMITTERS: dict[str, Emitter] = {}
