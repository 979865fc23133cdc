"""Operators that sort, and that find the largest and smallest."""

from ngc.importer.operators.conversion import Operator

OPERATORS: dict[str, Operator] = {}
