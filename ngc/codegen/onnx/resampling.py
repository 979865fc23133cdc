"""Writes to ONNX: operators that sample a map at other places: resizing, adaptive pooling, grids, deformable convolutions."""

import numpy as np

from ngc.codegen.onnx.writer import Handler, OnnxWriter, Tensor
from ngc.ir import Node
from ngc.ir.ops.resampling import averaging_matrix
from ngc.ir.tensor_type import DTYPES

_COORDINATES = {"align_corners": "align_corners", "half_pixel": "pytorch_half_pixel"}
"""ONNX's words; half_pixel of its own takes the middle for a single output, where the IR takes the first pixel."""


def _resize(writer: OnnxWriter, node: Node) -> Tensor:
    x, (height, width) = writer.operand(node.inputs[0], "f32"), node.attrs["size"]
    if node.inputs[0].type.shape[0] == 1:
        sizes = writer.integers((1, node.type.shape[1], height, width))  # type: ignore[arg-type]  # channels have no N
    else:
        sizes = writer.apply("Concat", writer.apply("Slice", writer.apply("Shape", x, dtype="i64"), writer.integers((0,)), writer.integers((2,))),
                             writer.integers((height, width)), axis=0)
    return writer.apply("Resize", x, None, None, sizes, mode="linear", coordinate_transformation_mode=_COORDINATES[node.attrs["coordinates"]])


def _adaptive_avg_pool(writer: OnnxWriter, node: Node) -> Tensor:
    """The averages over rows and over columns are products with constant matrices, exact for windows of any sizes."""
    value = node.inputs[0]
    dtype = "f64" if value.type.dtype == "f64" else "f32"
    rows, columns = (averaging_matrix(int(size), out).astype(DTYPES[dtype])  # type: ignore[arg-type]  # fixed
                     for size, out in zip(value.type.shape[2:], node.attrs["size"], strict=True))
    across = writer.apply("MatMul", writer.operand(value, dtype), writer.constant(np.ascontiguousarray(columns.T), f"{node.name}.columns", dtype))
    return writer.apply("MatMul", writer.constant(rows, f"{node.name}.rows", dtype), across)


def _grid_sample(writer: OnnxWriter, node: Node) -> Tensor:
    x, grid = (writer.operand(value, "f32") for value in node.inputs)
    places = writer.apply("Transpose", grid, perm=[0, 2, 3, 1])
    return writer.apply("GridSample", x, places, mode="bilinear" if writer.opset < 20 else "linear", padding_mode="zeros", align_corners=1)


HANDLERS: dict[str, Handler] = {"resize": _resize, "adaptive_avg_pool": _adaptive_avg_pool, "grid_sample": _grid_sample}
