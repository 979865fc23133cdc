"""Uses of every operator that engines have, one file a family; the tests of the tables of forms go through all of them."""

from tests.operator_samples import (
    bits,
    detection,
    indexing,
    linear_algebra,
    matmul,
    ordering,
    recurrent,
    regions,
    resampling,
    sequences,
)

FAMILIES = (bits, indexing, ordering, sequences, detection, resampling, matmul, recurrent, linear_algebra, regions)
"""Modules with the samples `ONNX`, `STABLEHLO` and `TENSORRT`."""
