"""How cases of every operator are drawn, one file a family, gathered into one table."""

from collections.abc import Mapping
from types import MappingProxyType

from bench.differential.strategies import (
    activation,
    creation,
    detection,
    elementwise,
    indexing,
    linear_algebra,
    matmul,
    normalization,
    numpy_elementwise,
    numpy_shape,
    ordering,
    pooling,
    recurrent,
    reduction,
    resampling,
    shape,
    slicing,
    spatial,
)
from bench.differential.strategies.graphs import graph
from bench.differential.strategies.strategy import Strategy
from ngc.importer.operators import masked_softmax, numpy_bitwise, numpy_later

_FAMILIES = (
    spatial, pooling, normalization, activation, elementwise, shape, slicing, reduction, indexing, ordering, creation, detection, resampling, matmul, recurrent,
    linear_algebra, numpy_elementwise, numpy_shape,
)  # fmt: skip

STRATEGIES: Mapping[str, Strategy] = MappingProxyType({name: strategy for family in _FAMILIES for name, strategy in family.STRATEGIES.items()})
"""The strategy of each MXNet operator that the importer knows."""

GRAPHS = "graphs of several operators"
"""What random graphs are called where operators are listed."""

TRIED: Mapping[str, Strategy] = MappingProxyType({**STRATEGIES, GRAPHS: graph})
"""All that is tried: the operators, and graphs of them."""

UNTRIED: Mapping[str, str] = MappingProxyType({
    "CuDNNBatchNorm": "in CUDA builds of MXNet only",
    **{f"_npi_logical_{name}": "MXNet 2.0 has it, 1.9.1 not" for name in ("and", "or", "xor", "and_scalar", "or_scalar", "xor_scalar")},
    **dict.fromkeys(("_npi_tri", "_npi_triu", "_npi_repeats"), "MXNet 2.0 has it, 1.9.1 not"),
    **dict.fromkeys((*numpy_bitwise.SHIFTS, *numpy_later.OPERATORS, *masked_softmax.OPERATORS), "MXNet 2.0 has it, 1.9.1 not"),
    **dict.fromkeys(("_foreach", "_while_loop", "_cond"), "holds subgraphs; tests/importer/test_operators_control_flow.py runs it in both"),
})
"""Operators that are known but never tried, with the reason."""
