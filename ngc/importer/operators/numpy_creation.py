"""MXNet's numpy names: constants, and diagonals and triangles of matrices."""

import math
from collections.abc import Callable

import numpy as np

from ngc.importer.attributes import IGNORED, Field
from ngc.importer.operators.conversion import Conversion, Operator
from ngc.importer.operators.numpy_common import broadcast_to, filled_like
from ngc.importer.source_bytes import Array
from ngc.ir import Value
from ngc.ir.ops.elementwise import cast_array
from ngc.ir.tensor_type import product

_DTYPE = {"dtype": Field("dtype", "f32"), "ctx": IGNORED}
_RANGE = {"start": Field("double"), "stop": Field("double", None, optional=True), "num": Field("int", 50, low=1), "endpoint": Field("bool", True)}


def _made(array: Callable[[Conversion], Array]) -> Callable[[Conversion], list[Value]]:
    """Returns the converter of an operator without operands: its constant, in the element type that `dtype` says."""

    def convert(conversion: Conversion) -> list[Value]:
        try:
            made, dtype = np.asarray(array(conversion)), conversion.attrs["dtype"] or "f32"
        except (TypeError, ValueError, OverflowError) as error:  # numpy's own refusals of attributes
            raise conversion.fail(f"no such constant: {error}") from error
        if 0 in made.shape or made.dtype == object:
            raise conversion.fail(f"a constant of shape {made.shape} holds nothing")
        if dtype == "bf16":
            return [conversion.op("cast", conversion.const("constant", made.astype(np.float32)), dtype=dtype)]
        return [conversion.op("identity", conversion.const("constant", cast_array(made, dtype)))]

    return convert


def _filled(number: float) -> Callable[[Conversion], Array]:
    def filled(conversion: Conversion) -> Array:
        conversion.check_generated(*conversion.attrs["shape"])
        return np.full(conversion.attrs["shape"], number)

    return filled


def _arange(conversion: Conversion) -> Array:
    attrs = conversion.attrs
    start, stop = (0.0, attrs["start"]) if attrs["stop"] is None else (attrs["start"], attrs["stop"])
    if attrs["step"] == 0:
        raise conversion.fail("step = 0: expected another number")
    count = max(0, math.ceil((stop - start) / attrs["step"]))
    conversion.check_generated(count)
    return np.asarray(start + attrs["step"] * np.arange(count))


def _eye(conversion: Conversion) -> Array:
    attrs = conversion.attrs
    conversion.check_generated(attrs["N"], attrs["M"] or attrs["N"])
    return np.eye(attrs["N"], attrs["M"] or None, attrs["k"])


def _linspace(conversion: Conversion) -> Array:
    attrs = conversion.attrs
    conversion.check_generated(attrs["num"])
    return np.linspace(attrs["start"], attrs["stop"], attrs["num"], attrs["endpoint"])


def _logspace(conversion: Conversion) -> Array:
    return np.asarray(conversion.attrs["base"] ** _linspace(conversion))


def _identity(conversion: Conversion) -> Array:
    conversion.check_generated(*conversion.attrs["shape"])
    return np.eye(*conversion.attrs["shape"])


def _indices(conversion: Conversion) -> Array:
    sizes = conversion.attrs["dimensions"]
    conversion.check_generated(len(sizes), *sizes)
    return np.indices(sizes)


def _window(function: Callable[[int], Array]) -> Operator:
    def window(conversion: Conversion) -> Array:
        conversion.check_generated(conversion.attrs["M"])
        return function(conversion.attrs["M"])

    return Operator(_made(window), {"M": Field("int", low=1), **_DTYPE}, 0, 0, becomes=("cast", "identity"))


def _tril(conversion: Conversion) -> list[Value]:
    """Zeros above a diagonal; a vector is every row of a matrix."""
    data = conversion.data
    if conversion.rank == 1:
        data = broadcast_to(conversion, conversion.reshape(data, (1, *conversion.shape), part="row"), (*conversion.shape, *conversion.shape), "rows")
    rows, columns = (conversion.fixed(dim, "a dimension of the matrices") for dim in data.type.shape[-2:])
    conversion.check_generated(rows, columns)
    kept = conversion.const("kept", np.tri(rows, columns, conversion.attrs["k"], dtype=bool))
    mask = broadcast_to(conversion, kept, data.type.shape, "mask")
    return [conversion.op("where", mask, data, filled_like(conversion, data, 0.0, "zeros"))]


def diagonal(conversion: Conversion, value: Value, offset: int, part: str = "") -> Value:
    """Returns a diagonal of the matrices in the last two axes: in the order of memory its elements lie equally far apart."""
    *outer, rows, columns = value.type.shape
    height, width = conversion.fixed(rows, "a dimension of the matrices"), conversion.fixed(columns, "a dimension of the matrices")
    count = min(height, width - offset) if offset >= 0 else min(height + offset, width)
    if count < 1:
        raise conversion.fail(f"a diagonal at {offset} of matrices of {height} by {width} is empty")
    first = offset if offset >= 0 else -offset * width
    flat = conversion.reshape(value, (*outer, height * width), part="flat")
    return conversion.op("slice", flat, part=part, begin=(*(None,) * len(outer), first), end=(*(None,) * len(outer), first + (count - 1) * (width + 1) + 1),
                         step=(*(1,) * len(outer), width + 1))


def _chosen_diagonal(conversion: Conversion, part: str = "") -> Value:
    axes = conversion.axes((conversion.attrs["axis1"], conversion.attrs["axis2"]))
    order = (*(axis for axis in range(conversion.rank) if axis not in axes), *axes)
    moved = conversion.data if order == tuple(range(conversion.rank)) else conversion.op("transpose", conversion.data, part="moved", axes=order)
    return diagonal(conversion, moved, conversion.attrs["offset"], part)


def _trace(conversion: Conversion) -> list[Value]:
    values = _chosen_diagonal(conversion, "diagonal")
    return [conversion.op("reduce_sum", values, axes=(values.type.rank - 1,), keepdims=False)]


def _diagonal_matrix(conversion: Conversion, vector: Value) -> list[Value]:
    """Returns a matrix with a vector on its diagonal k: behind each element as many zeros as lie between two elements of a diagonal."""
    count, offset = conversion.fixed(vector.type.shape[0], "the vector's length"), conversion.attrs["k"]
    column = conversion.reshape(vector, (count, 1), part="column")
    spread = conversion.reshape(conversion.op("pad", column, part="spread", widths=(0, 0, 0, count)), (count * (count + 1),), part="line")
    square = conversion.op("slice", spread, part="square", begin=(None,), end=(count * count,), step=(1,))
    matrix = conversion.reshape(square, (count, count), part="matrix" if offset else "")
    before = (abs(offset), 0, 0, abs(offset)) if offset < 0 else (0, offset, offset, 0)
    return [conversion.op("pad", matrix, widths=before) if offset else matrix]


def _diag(conversion: Conversion) -> list[Value]:
    if conversion.rank == 1:
        return _diagonal_matrix(conversion, conversion.data)
    return [diagonal(conversion, conversion.data, conversion.attrs["k"])]


def _diagflat(conversion: Conversion) -> list[Value]:
    return _diagonal_matrix(conversion, conversion.reshape(conversion.data, (product(conversion.shape),), part="vector"))


_MATRIX_OF = ("reshape", "pad", "slice")
_PLANE = {"offset": Field("int", 0), "axis1": Field("int", 0), "axis2": Field("int", 1)}

OPERATORS = {
    **{f"_npi_{name}": Operator(_made(_filled(number)), {"shape": Field("shape"), **_DTYPE}, 0, 0, becomes=("cast", "identity"))
       for name, number in (("zeros", 0.0), ("ones", 1.0))},
    "_npi_arange": Operator(_made(_arange), {"start": Field("double"), "stop": Field("double", None, optional=True), "step": Field("double", 1.0),
                                             "repeat": IGNORED, "infer_range": IGNORED, **_DTYPE}, 0, 0, becomes=("cast", "identity")),
    "_npi_eye": Operator(_made(_eye), {"N": Field("long"), "M": Field("long", None, optional=True), "k": Field("long", 0), **_DTYPE}, 0, 0,
                         becomes=("cast", "identity")),
    "_npi_identity": Operator(_made(_identity), {"shape": Field("shape"), **_DTYPE}, 0, 0,
                              becomes=("cast", "identity")),
    "_npi_linspace": Operator(_made(_linspace), {**_RANGE, **_DTYPE}, 0, 0, becomes=("cast", "identity")),
    "_npi_logspace": Operator(_made(_logspace), {**_RANGE, "base": Field("double", 10.0), **_DTYPE}, 0, 0, becomes=("cast", "identity")),
    "_npi_indices": Operator(_made(_indices), {"dimensions": Field("shape"), **_DTYPE, "dtype": Field(
        "dtype", "i32")}, 0, 0, becomes=("cast", "identity")),
    "_npi_hanning": _window(np.hanning),
    "_npi_hamming": _window(np.hamming),
    "_npi_blackman": _window(np.blackman),
    "_npi_tril": Operator(_tril, {"k": Field("int", 0)}, becomes=("reshape", "broadcast_to", "where", "logical_or", "mul")),
    "_np_diag": Operator(_diag, {"k": Field("int", 0)}, becomes=_MATRIX_OF),
    "_np_diagflat": Operator(_diagflat, {"k": Field("int", 0)}, any_rank=True, becomes=_MATRIX_OF),
    "_np_diagonal": Operator(lambda conversion: [_chosen_diagonal(conversion)], _PLANE, becomes=("transpose", "reshape", "slice")),
    "_np_trace": Operator(_trace, _PLANE, becomes=("transpose", "reshape", "slice", "reduce_sum")),
}
