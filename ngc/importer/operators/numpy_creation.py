"""MXNet's numpy names: constants, and diagonals and triangles of matrices."""

from collections.abc import Callable, Sequence
from math import prod

import numpy as np

from ngc.importer.attributes import IGNORED, Attributes, Field, Schema
from ngc.importer.operators.conversion import MAX_GENERATED, Conversion, Operator
from ngc.importer.operators.creation import made, refuse_inferred_range
from ngc.importer.operators.numpy_common import broadcast_to, filled_like
from ngc.importer.operators.positions import diagonal, diagonal_matrix
from ngc.importer.source_bytes import Array
from ngc.ir import Value
from ngc.ir.ops.elementwise import cast_array
from ngc.ir.ops.indexing import progression
from ngc.ir.tensor_type import product

_DTYPE = {"dtype": Field("dtype", "f32"), "ctx": IGNORED}
_RANGE = {"start": Field("double"), "stop": Field("double"), "num": Field("int", 50), "endpoint": Field("bool", True)}


def _made(size: Callable[[Attributes], Sequence[float]], array: Callable[[Attributes], Array]) -> Callable[[Conversion], list[Value]]:
    """Returns the converter of an operator without operands: its constant, in the element type that `dtype` says. `size` is asked for the shape first."""

    def convert(conversion: Conversion) -> list[Value]:
        sizes, dtype = size(conversion.attrs), conversion.attrs["dtype"] or "f32"
        if not all(dim > 0 for dim in sizes) or not prod(sizes) <= MAX_GENERATED:
            raise conversion.fail(f"{' by '.join(f'{dim:g}' for dim in sizes)} elements, expected 1 to {MAX_GENERATED}")
        return [made(conversion, cast_array(np.asarray(array(conversion.attrs)), dtype), dtype)]

    return convert


def _filled(number: float) -> Operator:
    return _constant(lambda attrs: attrs["shape"], lambda attrs: np.full(attrs["shape"], number), {"shape": Field("shape")})


def _ends(attrs: Attributes) -> tuple[float, float]:
    return (0.0, attrs["start"]) if attrs["stop"] is None else (attrs["start"], attrs["stop"])


def _count(attrs: Attributes) -> list[float]:
    start, stop = _ends(attrs)
    return [float(np.ceil((stop - start) / attrs["step"])) if attrs["step"] else 0.0]


def _arange(attrs: Attributes) -> Array:
    return progression(int(_count(attrs)[0]), _ends(attrs)[0], attrs["step"], 1, attrs["dtype"] or "f32")


def _refuse_repeats(attrs: Attributes) -> str | None:
    return refuse_inferred_range(attrs) if attrs["repeat"] == 1 else f"repeat={attrs['repeat']}, of which MXNet knows 1"


def _linspace(attrs: Attributes) -> Array:
    return np.linspace(attrs["start"], attrs["stop"], attrs["num"], attrs["endpoint"])


def _constant(size: Callable[[Attributes], Sequence[float]], array: Callable[[Attributes], Array], schema: Schema,
              refuse: Callable[[Attributes], str | None] = lambda attrs: None) -> Operator:
    return Operator(_made(size, array), {**_DTYPE, **schema}, 0, 0, refuse, becomes=("cast", "identity"))


def _window(function: Callable[[int], Array]) -> Operator:
    return _constant(lambda attrs: (attrs["M"],), lambda attrs: function(attrs["M"]), {"M": Field("int")})


def _lower(rows: int, columns: int, k: int) -> Array:
    """Returns where a matrix is on or below a diagonal."""
    return np.tri(rows, columns, k, dtype=bool)


def _upper(rows: int, columns: int, k: int) -> Array:
    return ~np.tri(rows, columns, k - 1, dtype=bool)


def _triangle(triangle: Callable[[int, int, int], Array]) -> Callable[[Conversion], list[Value]]:
    """Returns the converter that puts zeros outside a triangle; a vector is every row of a matrix."""

    def convert(conversion: Conversion) -> list[Value]:
        data = conversion.data
        if conversion.rank == 1:
            data = broadcast_to(conversion, conversion.reshape(data, (1, *conversion.shape), part="row"), (*conversion.shape, *conversion.shape), "rows")
        rows, columns = (conversion.fixed(dim, "a dimension of the matrices") for dim in data.type.shape[-2:])
        conversion.check_generated(rows, columns)
        kept = conversion.const("kept", triangle(rows, columns, conversion.attrs["k"]))
        mask = broadcast_to(conversion, kept, data.type.shape, "mask")
        return [conversion.op("where", mask, data, filled_like(conversion, data, 0.0, "zeros"))]

    return convert


def _trace(conversion: Conversion) -> list[Value]:
    attrs = conversion.attrs
    values = diagonal(conversion, conversion.data, attrs["offset"], attrs["axis1"], attrs["axis2"], "diagonal")
    return [conversion.op("reduce_sum", values, axes=(values.type.rank - 1,), keepdims=False)]


def _diag(conversion: Conversion) -> list[Value]:
    k = conversion.attrs["k"]
    return [diagonal_matrix(conversion, conversion.data, k) if conversion.rank == 1 else diagonal(conversion, conversion.data, k, 0, 1)]


def _diagflat(conversion: Conversion) -> list[Value]:
    return [diagonal_matrix(conversion, conversion.reshape(conversion.data, (product(conversion.shape),), part="vector"), conversion.attrs["k"])]


def _diagonal(conversion: Conversion) -> list[Value]:
    attrs = conversion.attrs
    return [diagonal(conversion, conversion.data, attrs["offset"], attrs["axis1"], attrs["axis2"])]


_MATRIX_OF = ("reshape", "pad", "slice")
_PLANE = {"offset": Field("int", 0), "axis1": Field("int", 0), "axis2": Field("int", 1)}

OPERATORS = {
    "_npi_zeros": _filled(0.0),
    "_npi_ones": _filled(1.0),
    "_npi_arange": _constant(_count, _arange, {
        "start": Field("double"), "stop": Field("double", None, optional=True), "step": Field("double", 1.0),
        "repeat": Field("int", 1), "infer_range": Field("bool", False)}, _refuse_repeats),
    "_npi_eye": _constant(lambda attrs: (attrs["N"], attrs["N"] if attrs["M"] is None else attrs["M"]),
                          lambda attrs: np.eye(attrs["N"], attrs["M"], attrs["k"]), {
        "N": Field("long"), "M": Field("long", None, optional=True), "k": Field("long", 0)}),
    "_npi_identity": _constant(lambda attrs: (attrs["shape"][0], attrs["shape"][-1]), lambda attrs: np.eye(*attrs["shape"]), {"shape": Field("shape")}),
    "_npi_logspace": _constant(lambda attrs: (attrs["num"],), lambda attrs: np.asarray(attrs["base"] ** _linspace(attrs)),
                               {**_RANGE, "base": Field("double", 10.0)}),
    "_npi_indices": _constant(lambda attrs: (len(attrs["dimensions"]), *attrs["dimensions"]), lambda attrs: np.indices(attrs["dimensions"]),
                              {"dimensions": Field("shape"), "dtype": Field("dtype", "i32")}),
    "_npi_hanning": _window(np.hanning),
    "_npi_hamming": _window(np.hamming),
    "_npi_blackman": _window(np.blackman),
    "_npi_tri": _constant(lambda attrs: (attrs["N"], attrs["N"] if attrs["M"] is None else attrs["M"]),
                          lambda attrs: np.tri(attrs["N"], attrs["M"], attrs["k"]), {
        "N": Field("int"), "M": Field("int", None, optional=True), "k": Field("int", 0)}),
    **{name: Operator(_triangle(triangle), {"k": Field("int", 0)},
                      becomes=("reshape", "broadcast_to", "where", "logical_or", "mul")) for name, triangle in (("_npi_tril", _lower), ("_npi_triu", _upper))},
    "_np_diag": Operator(_diag, {"k": Field("int", 0)}, becomes=_MATRIX_OF),
    "_np_diagflat": Operator(_diagflat, {"k": Field("int", 0)}, any_rank=True, becomes=_MATRIX_OF),
    "_np_diagonal": Operator(_diagonal, _PLANE, becomes=("transpose", "reshape", "slice")),
    "_np_trace": Operator(_trace, _PLANE, becomes=("transpose", "reshape", "slice", "reduce_sum")),
}
