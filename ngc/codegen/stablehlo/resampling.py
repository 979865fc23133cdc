"""Writes to StableHLO: operators that sample a map at other places: resizing, adaptive pooling, grids, deformable convolutions."""

from collections.abc import Sequence

import numpy as np

from ngc.codegen.stablehlo.text import HIGHEST, Body, Emitter, Tensor
from ngc.ir import Node
from ngc.ir.ops.resampling import averaging_matrix, linear_matrix


def _product(body: Body, x: Tensor, matrix: np.ndarray) -> Tensor:
    """Returns x with its last dimension multiplied by an (out, size) matrix, between channels and what was before it."""
    constant = body.reshape(body.vector(matrix.astype(np.float32).reshape(-1).tolist(), "f32"), matrix.shape)
    attributes = f"dot_dimension_numbers = #stablehlo.dot<lhs_contracting_dimensions = [{x.rank - 1}], rhs_contracting_dimensions = [1]>, {HIGHEST}"
    return body.op("stablehlo.dot_general", (x, constant), (*x.shape[:-1], matrix.shape[0]), "f32", attributes)


def _separable(body: Body, node: Node, x: Tensor, rows: np.ndarray, columns: np.ndarray) -> list[Tensor]:
    """Returns rows * x * transposed columns for each channel."""
    swapped = [0, 1, 3, 2]
    across = body.transpose(_product(body, body.convert(x, "f32"), columns), swapped)
    return [body.convert(body.transpose(_product(body, across, rows), swapped), node.type.dtype)]


def _resize(body: Body, node: Node, operands: Sequence[Tensor]) -> list[Tensor]:
    x = operands[0]
    rows, columns = (linear_matrix(size, out, node.attrs["coordinates"]) for size, out in zip(x.shape[2:], node.attrs["size"], strict=True))
    return _separable(body, node, x, rows, columns)


def _adaptive_avg_pool(body: Body, node: Node, operands: Sequence[Tensor]) -> list[Tensor]:
    x = operands[0]
    rows, columns = (averaging_matrix(size, out) for size, out in zip(x.shape[2:], node.attrs["size"], strict=True))
    return _separable(body, node, x, rows, columns)


EMITTERS: dict[str, Emitter] = {"resize": _resize, "adaptive_avg_pool": _adaptive_avg_pool}
