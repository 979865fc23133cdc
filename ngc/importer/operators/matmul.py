"""Products of matrices that are data, and attention."""

from ngc.importer.operators.conversion import Operator

OPERATORS: dict[str, Operator] = {}
