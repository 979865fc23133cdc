"""Rows of the tables of forms, one file a family of operators."""

from ngc.engines.operator_forms import (
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
"""Modules with the tables `ONNX`, `STABLEHLO` and, for what TensorRT does not take of ONNX, `TENSORRT`."""
