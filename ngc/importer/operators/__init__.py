"""The table of MXNet operators that the importer knows, one file a family."""

from collections.abc import Mapping
from types import MappingProxyType

from ngc.importer.operators import (
    activation,
    aggregation,
    control_flow,
    creation,
    detection,
    elementwise,
    indexing,
    linear_algebra,
    masked_softmax,
    matmul,
    normalization,
    numpy_bitwise,
    numpy_creation,
    numpy_elementwise,
    numpy_inserting,
    numpy_joining,
    numpy_later,
    numpy_percentile,
    numpy_products,
    numpy_reduction,
    numpy_shape,
    numpy_signs,
    ordering,
    patches,
    pooling,
    positions,
    recurrent,
    reduction,
    resampling,
    sequences,
    shape,
    slicing,
    spatial,
    writing,
)
from ngc.importer.operators.conversion import Conversion, Operator

__all__ = ["OPERATORS", "Conversion", "Operator"]

_FAMILIES = (
    spatial, pooling, normalization, activation, elementwise, shape, slicing, reduction,
    indexing, creation, writing, aggregation, patches, positions, ordering, sequences, detection, resampling, matmul, recurrent, linear_algebra, control_flow,
    numpy_elementwise, numpy_reduction, numpy_shape, numpy_joining, numpy_creation, numpy_products,
    numpy_signs, numpy_bitwise, numpy_later, masked_softmax,
    numpy_percentile, numpy_inserting,
)  # fmt: skip


def _table() -> dict[str, Operator]:
    table: dict[str, Operator] = {}
    for family in _FAMILIES:
        for name, operator in family.OPERATORS.items():
            if name in table:
                raise ValueError(f"duplicate operator {name} in {family.__name__}")
            table[name] = operator
    return table


OPERATORS: Mapping[str, Operator] = MappingProxyType(_table())
"""Every operator by the canonical name that MXNet writes."""
