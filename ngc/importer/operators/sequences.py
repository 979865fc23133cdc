"""Operators on sequences of different lengths."""

from ngc.importer.operators.conversion import Operator

OPERATORS: dict[str, Operator] = {}
