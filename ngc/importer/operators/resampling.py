"""Operators that sample a map at other places: resizing, adaptive pooling, grids, deformable convolutions."""

from ngc.importer.operators.conversion import Operator

OPERATORS: dict[str, Operator] = {}
