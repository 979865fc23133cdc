"""Operators between positions and coordinates: diagonals as strided slices of flattened matrices, row-major positions as arithmetic on coordinates."""

from ngc.importer.attributes import Field
from ngc.importer.operators.conversion import Conversion, Operator
from ngc.ir import Value
from ngc.ir.tensor_type import format_shape


def _diag(conversion: Conversion) -> list[Value]:
    attrs = conversion.attrs
    return [diagonal_matrix(conversion, conversion.data, attrs["k"]) if conversion.rank == 1
            else diagonal(conversion, conversion.data, attrs["k"], attrs["axis1"], attrs["axis2"])]


def diagonal_matrix(conversion: Conversion, vectors: Value, k: int) -> Value:
    """Returns matrices with vectors on the k-th diagonal: each of their elements followed by a row's length of zeros, cut into rows."""
    *outer, last = vectors.type.shape
    size = conversion.fixed(last, "the diagonal")
    rows, whole = size + abs(k), (0, 0) * len(outer)
    column = conversion.reshape(vectors, (*outer, size, 1), part="column")
    spaced = conversion.op("pad", column, part="spaced", widths=(*whole, 0, 0, 0, rows))
    flat = conversion.reshape(spaced, (*outer, size * (rows + 1)), part="flat")
    before = k if k > 0 else -k * rows
    # The last element's zeros reach past the matrix, or less far than it.
    after = rows * rows - before - size * (rows + 1)
    moved = conversion.op("pad", flat, part="moved", widths=(*whole, before, max(after, 0)))
    cut = conversion.cut(moved, {len(outer): (0, rows * rows, None)}, "cut")
    return conversion.reshape(cut, (*outer, rows, rows))


def diagonal(conversion: Conversion, data: Value, k: int, axis1: int, axis2: int, part: str = "") -> Value:
    """Returns a value's k-th diagonal of two axes, which become the last one: every (columns + 1)-th element of the flattened matrix."""
    shape, prefix = data.type.shape, f"{part}_" if part else ""
    first, second = conversion.axis(axis1, len(shape)), conversion.axis(axis2, len(shape))
    if first == second:
        raise conversion.fail(f"axis1 = {axis1} and axis2 = {axis2} are the same axis")
    rest = [axis for axis in range(len(shape)) if axis not in (first, second)]
    rows, columns = (conversion.fixed(shape[axis], "an axis of the diagonal") for axis in (first, second))
    length = min(rows, columns - k) if k > 0 else min(rows + k, columns)
    if length < 1:
        raise conversion.fail(f"k = {k}: a matrix of {rows} by {columns} has no such diagonal")
    x = conversion.transpose(data, (*rest, first, second), f"{prefix}moved")
    others = [shape[axis] for axis in rest]
    flat = conversion.reshape(x, (*others, rows * columns), part=f"{prefix}flat")
    start = k if k > 0 else -k * columns
    return conversion.cut(flat, {len(others): (start, start + (length - 1) * (columns + 1) + 1, columns + 1)}, part)


def _ravel(conversion: Conversion) -> list[Value]:
    """Row-major positions of coordinates (first axis), in the data's own type: ((i0*d1 + i1)*d2 + ...)."""
    dims = conversion.attrs["shape"]
    if conversion.rank != 2 or conversion.shape[0] != len(dims):
        raise conversion.fail(f"data of shape {format_shape(conversion.shape)} for a shape of {len(dims)} dimensions, expected as many rows")
    result: Value | None = None
    for axis, dim in enumerate(dims):
        row = conversion.cut(conversion.data, {0: (axis, axis + 1, None)}, f"row{axis}")
        scaled = row if result is None else conversion.op("mul", result, part=f"scaled{axis}", scalar=dim)
        result = scaled if result is None else conversion.op("add", scaled, row, part=f"sum{axis}")
    assert result is not None
    return [conversion.reshape(result, conversion.shape[1:])]


def _unravel(conversion: Conversion) -> list[Value]:
    """Coordinates along a new first axis: remainders from the last dimension on, truncated toward zero as C divides; the first has what is left.

    Only vectors: of other data MXNet gives one dimension of the result, unfinished.
    """
    dims, dtype = conversion.attrs["shape"], conversion.data.type.dtype
    if not dims or conversion.rank != 1:
        raise conversion.fail(f"data of shape {format_shape(conversion.shape)} for shape = {dims}: expected 1 dimension, and at least one of the shape")
    integer = "i64" if dtype in ("i64", "f64") else "i32"
    left = conversion.data if dtype == integer else conversion.op("cast", conversion.data, part="whole", dtype=integer)
    rows: list[Value] = []
    for axis in range(len(dims) - 1, 0, -1):
        quotient = conversion.op("div", left, part=f"quotient{axis}", scalar=dims[axis])
        full = conversion.op("mul", quotient, part=f"full{axis}", scalar=dims[axis])
        rows.insert(0, conversion.op("sub", left, full, part=f"coordinate{axis}"))
        left = quotient
    rows.insert(0, left)
    shaped = [conversion.reshape(row, (1, *conversion.shape), part=f"row{axis}") for axis, row in enumerate(rows)]
    joined = shaped[0] if len(shaped) == 1 else conversion.op("concat", *shaped, part="joined", axis=0)
    return [conversion.op("cast", joined, dtype=dtype)]


_SHAPE = {"shape": Field("shape")}

OPERATORS: dict[str, Operator] = {
    "diag": Operator(
        _diag,
        {"k": Field("int", 0), "axis1": Field("int", 0), "axis2": Field("int", 1)},
        becomes=("reshape", "pad", "slice", "transpose"),
    ),
    "_ravel_multi_index": Operator(_ravel, _SHAPE, becomes=("slice", "mul", "add", "reshape")),
    "_unravel_index": Operator(_unravel, _SHAPE, becomes=("cast", "div", "mul", "sub", "reshape", "concat")),
}
