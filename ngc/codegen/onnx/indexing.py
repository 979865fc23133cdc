"""Operators that pick elements by integers that are data, in ONNX: indices are i64 there, and brought into the data before they are used, because
engines take those outside for an error."""

import math

import numpy as np

from ngc.codegen.onnx.writer import COMPUTED_IN, Handler, OnnxWriter, Tensor, static_shape
from ngc.ir import Node, SymDim, Value
from ngc.ir.ops.elementwise import scalar_array
from ngc.ir.ops.shape import slices
from ngc.ir.tensor_type import DTYPES


def moved(writer: OnnxWriter, value: Value) -> Tensor:
    """Returns a value's tensor in a type in which ONNX moves data: its own, f32 for bf16."""
    return writer.operand(value, "f32" if value.type.dtype == "bf16" else "")


def number_like(writer: OnnxWriter, number: float, dtype: str) -> Tensor:
    """Returns an attribute's number, as an element of the dtype holds it, in the type that ONNX computes in."""
    held = scalar_array(number, DTYPES.get(dtype, DTYPES["f32"])).item()
    return writer.number(held, COMPUTED_IN.get(dtype, dtype))


def _sizes(writer: OnnxWriter, x: Value, first: int, last: int) -> Tensor:
    """Returns the dimensions of an operand from one axis up to another, as i64."""
    dims = x.type.shape[first:last]
    if any(isinstance(dim, SymDim) for dim in dims):
        return writer.apply("Shape", writer.operand(x), dtype="i64", start=first, end=last)
    return writer.integers([int(dim) for dim in dims])  # type: ignore[arg-type]  # none has an N


def _clamped(writer: OnnxWriter, index: Tensor, sizes: Tensor) -> Tensor:
    last = writer.apply("Sub", sizes, writer.integers([1]))
    return writer.apply("Min", writer.apply("Max", index, writer.integers([0])), last)


def _bounded(writer: OnnxWriter, node: Node) -> Tensor:
    """Returns the indices along an axis, clipped or counted round."""
    axis, index = node.attrs["axis"], writer.operand(node.inputs[1], "i64")
    size = _sizes(writer, node.inputs[0], axis, axis + 1)
    # Both operands have a dimension at least, so that the result of indices without any would have one: they get none again.
    bounded = writer.apply("Mod", index, size) if node.attrs["mode"] == "wrap" else _clamped(writer, index, size)
    return bounded if node.inputs[1].type.rank else writer.reshape(bounded, ())


def _gather(writer: OnnxWriter, node: Node) -> Tensor:
    return writer.apply("Gather", moved(writer, node.inputs[0]), _bounded(writer, node), axis=node.attrs["axis"])


def _gather_elements(writer: OnnxWriter, node: Node) -> Tensor:
    index = _bounded(writer, node)
    if node.inputs[1].type.shape != node.type.shape:
        index = writer.apply("Expand", index, writer.integers([1 if isinstance(dim, SymDim) else dim for dim in node.type.shape]))
    return writer.apply("GatherElements", moved(writer, node.inputs[0]), index, axis=node.attrs["axis"])


def _coordinates(writer: OnnxWriter, x: Value, indices: Value, *, from_end: bool) -> Tensor:
    """Returns coordinates along the last axis, where ONNX has them, within the data."""
    rank, count = indices.type.rank, int(indices.type.shape[0])  # type: ignore[arg-type]  # fixed, as the IR holds
    index = writer.operand(indices, "i64")
    if rank > 1:
        index = writer.apply("Transpose", index, perm=[*range(1, rank), 0])
    sizes = _sizes(writer, x, 0, count)
    if from_end:
        negative = writer.apply("Less", index, writer.integers([0]), dtype="bool")
        index = writer.apply("Where", negative, writer.apply("Add", index, sizes), index, dtype="i64")
    return _clamped(writer, index, sizes)


def _gather_nd(writer: OnnxWriter, node: Node) -> Tensor:
    x, indices = node.inputs
    return writer.apply("GatherND", moved(writer, x), _coordinates(writer, x, indices, from_end=True))


def _scatter_nd(writer: OnnxWriter, node: Node) -> Tensor:
    x, indices, updates = node.inputs
    return writer.apply("ScatterND", moved(writer, x), _coordinates(writer, x, indices, from_end=False), moved(writer, updates))


def _slice_update(writer: OnnxWriter, node: Node) -> Tensor:
    """Writes the update to its positions in the flattened data; where the first dimension is N, in each image: the positions then lead."""
    x, update = node.inputs
    grows = isinstance(x.type.shape[0], SymDim)
    whole, part = ([int(dim) for dim in value.type.shape[grows:]] for value in (x, update))  # type: ignore[arg-type]  # no other N is let through
    positions = np.arange(math.prod(whole)).reshape(whole)[slices(node.attrs)[grows:]].reshape(-1, 1)
    data, parts = (writer.reshape(moved(writer, value), (-1, math.prod(sizes)) if grows else (-1,)) for value, sizes in ((x, whole), (update, part)))
    if grows:
        data, parts = (writer.apply("Transpose", tensor, perm=[1, 0]) for tensor in (data, parts))
    written = writer.apply("ScatterND", data, writer.constant(positions.astype(np.int64), f"{node.name}.positions", "i64"), parts)
    if grows:
        written = writer.apply("Transpose", written, perm=[1, 0])
    return writer.reshape(written, static_shape(x.type.shape))


def _one_hot(writer: OnnxWriter, node: Node) -> Tensor:
    """Compares with all positions: OneHot would count negative indices from the end."""
    indices, attrs = node.inputs[0], node.attrs
    column = writer.reshape(writer.operand(indices, "i64"), (*static_shape(indices.type.shape), 1))
    at = writer.apply("Equal", column, writer.integers(range(attrs["depth"])), dtype="bool")
    on, off = (number_like(writer, attrs[name], attrs["dtype"]) for name in ("on_value", "off_value"))
    return writer.apply("Where", at, on, off, dtype=on.dtype)


def _iota(writer: OnnxWriter, node: Node) -> Tensor:
    attrs, like = node.attrs, writer.operand(node.inputs[0])
    sizes = writer.apply("Shape", like, dtype="i64")
    axis = attrs["axis"]
    count = writer.apply("ReduceProd", sizes, keepdims=0) if axis is None else writer.apply("Gather", sizes, writer.number(axis, "i64"))
    terms = writer.apply("Range", writer.number(0, "i64"), count, writer.number(1, "i64"))
    if attrs["repeat"] != 1:
        terms = writer.apply("Div", terms, writer.number(attrs["repeat"], "i64"))
    start, step = (number_like(writer, attrs[name], attrs["dtype"]) for name in ("start", "step"))

    def rounded(tensor: Tensor) -> Tensor:
        """Returns what the result's element type holds of numbers that are computed in another one."""
        return writer.cast(writer.cast(tensor, attrs["dtype"]), step.dtype)

    values = writer.apply("Add", rounded(writer.apply("Mul", rounded(terms), step)), start)
    return values if axis is not None else writer.apply("Reshape", values, sizes)


def _cumsum(writer: OnnxWriter, node: Node) -> Tensor:
    return writer.apply("CumSum", writer.computed(node.inputs[0]), writer.number(node.attrs["axis"], "i64"))


HANDLERS: dict[str, Handler] = {
    "gather": _gather, "gather_elements": _gather_elements, "gather_nd": _gather_nd, "scatter_nd": _scatter_nd, "slice_update": _slice_update,
    "one_hot": _one_hot, "iota": _iota, "cumsum": _cumsum,
}
