"""Operators that pick elements by integers that are data, in StableHLO."""

from collections.abc import Sequence

import numpy as np

from ngc.codegen.stablehlo.text import Body, Emitter, Tensor, int_array
from ngc.ir import Node
from ngc.ir.ops.elementwise import scalar_array
from ngc.ir.ops.shape import slices
from ngc.ir.tensor_type import DTYPES


def iota(body: Body, shape: Sequence[int], axis: int) -> Tensor:
    """Appends the index on an axis of every element of a shape, as i32."""
    return body.op("stablehlo.iota", (), shape, "i32", f"iota_dimension = {axis} : i64")


def held(number: float, dtype: str) -> float:
    """Returns an attribute's number as an element of the dtype holds it."""
    return float(scalar_array(number, DTYPES.get(dtype, np.dtype(np.float32))).item())


def _shape(node: Node) -> tuple[int, ...]:
    return tuple(int(dim) for dim in node.type.shape)  # type: ignore[arg-type]  # fixed, as all shapes here


def _clipped(body: Body, index: Tensor, size: int) -> Tensor:
    return body.minimum(body.maximum(index, 0), size - 1)


def _bounded(body: Body, index: Tensor, size: int, mode: str) -> Tensor:
    """Returns indices along an axis clipped, or counted round: the remainder has the index's sign, so the size is added to it once more."""
    if mode == "clip":
        return _clipped(body, index, size)
    rest = body.map("remainder", index, body.like(index, size))
    return body.select(body.compare(rest, "LT", 0), body.add(rest, size), rest)


def _gather(body: Body, x: Tensor, index: Tensor, shape: Sequence[int], collapsed: Sequence[int], offsets: Sequence[int], vector: int) -> Tensor:
    """Appends a gather that starts at coordinates on the `collapsed` axes, which the index holds along its axis `vector`; `offsets` are the result's axes
    that go through whole axes of x."""
    sizes = [1 if axis in collapsed else dim for axis, dim in enumerate(x.shape)]
    numbers = (f"offset_dims = [{', '.join(map(str, offsets))}], collapsed_slice_dims = [{', '.join(map(str, collapsed))}], "
               f"start_index_map = [{', '.join(map(str, collapsed))}], index_vector_dim = {vector}")
    attributes = f"dimension_numbers = #stablehlo.gather<{numbers}>, slice_sizes = {int_array(sizes)}, indices_are_sorted = false"
    return body.op("stablehlo.gather", (x, index), shape, x.dtype, attributes)


def emit_gather(body: Body, node: Node, operands: Sequence[Tensor]) -> list[Tensor]:
    """Emits gather."""
    x, indices = operands
    axis = node.attrs["axis"]
    index = _bounded(body, indices, x.shape[axis], node.attrs["mode"])
    offsets = [*range(axis), *range(axis + indices.rank, x.rank - 1 + indices.rank)]
    return [_gather(body, x, index, _shape(node), [axis], offsets, indices.rank)]


def emit_gather_elements(body: Body, node: Node, operands: Sequence[Tensor]) -> list[Tensor]:
    """Emits gather_elements: the other coordinates of each element are its own."""
    x, indices = operands
    axis, shape = node.attrs["axis"], _shape(node)
    index = body.broadcast(_bounded(body, indices, x.shape[axis], node.attrs["mode"]), shape, range(x.rank))
    parts = [index if other == axis else iota(body, shape, other) for other in range(x.rank)]
    coordinates = body.concatenate([body.reshape(part, (*shape, 1)) for part in parts], x.rank)
    return [_gather(body, x, coordinates, shape, range(x.rank), [], x.rank)]


def emit_gather_nd(body: Body, node: Node, operands: Sequence[Tensor]) -> list[Tensor]:
    """Emits gather_nd; negative coordinates count from the end."""
    x, indices = operands
    count = indices.shape[0]
    sizes = body.along(body.vector(x.shape[:count], "i32"), indices, 0)
    signed = body.select(body.compare(indices, "LT", 0), body.add(indices, sizes), indices)
    index = body.minimum(body.maximum(signed, 0), body.subtract(sizes, 1))
    last = body.transpose(index, [*range(1, indices.rank), 0]) if indices.rank > 1 else index
    shape = _shape(node)
    return [_gather(body, x, last, shape, range(count), range(indices.rank - 1, len(shape)), indices.rank - 1)]


def emit_slice_update(body: Body, node: Node, operands: Sequence[Tensor]) -> list[Tensor]:
    """Emits slice_update: the update is spread over the shape of x, and chosen where a spread mask is set. An empty part changes nothing."""
    x, update = operands
    if 0 in update.shape:
        return [x]
    places = [range(*part.indices(dim)) for part, dim in zip(slices(node.attrs), x.shape, strict=True)]
    update = body.reverse(update, [axis for axis, part in enumerate(places) if part.step < 0])
    forwards = [part if part.step > 0 else part[::-1] for part in places]
    widths = [(part[0], dim - 1 - part[-1]) for part, dim in zip(forwards, x.shape, strict=True)]
    gaps = [part.step - 1 if len(part) > 1 else 0 for part in forwards]
    spread = body.pad(update, widths, 0, gaps)
    mask = body.pad(body.scalar(1, "bool", update.shape), widths, 0, gaps)
    return [body.select(mask, spread, x)]


def emit_one_hot(body: Body, node: Node, operands: Sequence[Tensor]) -> list[Tensor]:
    """Emits one_hot."""
    shape, dtype = _shape(node), node.attrs["dtype"]
    index = body.broadcast(operands[0], shape, range(len(shape) - 1))
    at = body.compare(index, "EQ", iota(body, shape, len(shape) - 1))
    on, off = (body.scalar(held(node.attrs[name], dtype), dtype, shape) for name in ("on_value", "off_value"))
    return [body.select(at, on, off)]


def emit_iota(body: Body, node: Node, operands: Sequence[Tensor]) -> list[Tensor]:
    """Emits iota; numbers of 16 bits are computed in f32 and rounded after each operation."""
    attrs, shape = node.attrs, _shape(node)
    dtype = attrs["dtype"]
    start, step = (held(attrs[name], dtype) for name in ("start", "step"))
    terms = iota(body, (int(np.prod(shape)),), 0)
    if attrs["repeat"] != 1:
        terms = body.divide(terms, attrs["repeat"])
    scaled = body.convert(body.multiply(body.wide(body.convert(terms, dtype)), step), dtype)
    return [body.reshape(body.convert(body.add(body.wide(scaled), start), dtype), shape)]


def emit_cumsum(body: Body, node: Node, operands: Sequence[Tensor]) -> list[Tensor]:
    """Emits cumsum as sums over windows that end at each element; integers are added in 32 bits, of which the narrower result keeps the last ones."""
    x, axis = operands[0], node.attrs["axis"]
    data = x if x.is_float else body.convert(x, "i32")
    window, pads = [1] * x.rank, [(0, 0)] * x.rank
    window[axis], pads[axis] = x.shape[axis], (x.shape[axis] - 1, 0)
    return [body.convert(body.reduce_window(data, "add", 0, window, [1] * x.rank, pads), x.dtype)]


EMITTERS: dict[str, Emitter] = {
    "gather": emit_gather, "gather_elements": emit_gather_elements, "gather_nd": emit_gather_nd, "slice_update": emit_slice_update,
    "one_hot": emit_one_hot, "iota": emit_iota, "cumsum": emit_cumsum,
}
