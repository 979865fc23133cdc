"""Operators of object detection: anchors, boxes, suppression, regions of interest."""

from ngc.importer.operators.conversion import Operator

OPERATORS: dict[str, Operator] = {}
