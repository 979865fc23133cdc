"""Factorizations, inverses and triangular products of batches of matrices."""

from ngc.importer.operators.conversion import Operator

OPERATORS: dict[str, Operator] = {}
