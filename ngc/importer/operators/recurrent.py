"""Recurrent layers."""

from ngc.importer.operators.conversion import Operator

OPERATORS: dict[str, Operator] = {}
