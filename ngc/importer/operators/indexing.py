"""Operators that pick elements by integers that are data: gather, one_hot and their like."""

from ngc.importer.operators.conversion import Operator

OPERATORS: dict[str, Operator] = {}
