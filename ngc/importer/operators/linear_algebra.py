"""Factorizations, inverses and triangular products of batches of matrices: MXNet's `linalg` operators but for its products (gemm, syrk).

    potri(L)              solves L y = 1, then L' x = y                   the inverse of what potrf took apart
    det, slogdet          the product of the pivots of Gaussian elimination; the product of their signs and the sum of their logarithms
    extractdiag(x)        a diagonal of each matrix                       makediag the reverse, with zeros elsewhere
    extracttrian(x)       rows of the triangle one behind the other       maketrian the reverse

Upper triangles are packed column by column, which are the rows of the transpose's lower one; an offset but zero says by its sign which triangle is meant. Where
LAPACK finds no factor or no inverse MXNet raises an error, and the IR's operators give NaN or infinity.
"""

from collections.abc import Sequence

import numpy as np

from ngc.importer.attributes import Attributes, Field, enum
from ngc.importer.operators.conversion import Conversion, Operator
from ngc.importer.operators.positions import diagonal, diagonal_matrix
from ngc.ir import Value
from ngc.ir.tensor_type import DTYPES


def _simple(op: str, *attrs: str) -> Operator:
    """Returns the row of an operator that the IR has, with some of its attributes."""
    schema = {name: Field("bool", True) for name in attrs}
    return Operator(lambda conversion: [conversion.op(op, conversion.data, **conversion.attrs)], schema, becomes=(op,))


def _two_outputs(op: str) -> Operator:
    def convert(conversion: Conversion) -> Sequence[Value]:
        return conversion.results(op, conversion.data)

    return Operator(convert, {}, outputs=lambda attrs: ("output0", "output1"), becomes=(op,))


def _eigh(conversion: Conversion) -> list[Value]:
    """Eigenvalues, and eigenvectors as columns; `UPLO` says which triangle of the data is read."""
    data = conversion.data
    if conversion.attrs["UPLO"] == "U":
        data = _transposed(conversion, data, "lower")
    producer = conversion.op("eigh", data, part="rows").producer
    assert producer is not None
    vectors, values = producer.outputs
    if conversion.node.op == "_npi_eigvalsh":
        return [conversion.op("identity", values)]
    return [conversion.op("identity", values, part="output0"), _transposed(conversion, vectors, "output1")]


def _triangular(op: str) -> Operator:
    def convert(conversion: Conversion) -> list[Value]:
        a, b = conversion.inputs
        attrs = {"right": conversion.attrs["rightside"], "lower": conversion.attrs["lower"], "transpose": conversion.attrs["transpose"]}
        if conversion.attrs["alpha"] != 1:
            b = conversion.op("mul", b, part="scaled", scalar=conversion.attrs["alpha"])
        return [conversion.op(op, a, b, **attrs)]

    schema = {"transpose": Field("bool", False), "rightside": Field("bool", False), "lower": Field("bool", True), "alpha": Field("double", 1.0)}
    return Operator(convert, schema, 2, 2, becomes=(op, "mul"))


def _potri(conversion: Conversion) -> list[Value]:
    factor, lower = conversion.data, conversion.attrs["lower"]
    size = _size(conversion, factor)
    unit = conversion.const("unit", np.eye(size, dtype=DTYPES[factor.type.dtype]).reshape(*(1,) * (conversion.rank - 2), size, size))
    half = conversion.op("triangular_solve", factor, unit, part="half", lower=lower, transpose=not lower)
    return [conversion.op("triangular_solve", factor, half, lower=lower, transpose=lower)]


def _size(conversion: Conversion, matrices: Value) -> int:
    """Returns the rows of square matrices."""
    shape = matrices.type.shape
    if len(shape) < 2 or shape[-1] != shape[-2]:
        raise conversion.fail(f"it takes square matrices, not {matrices.type}")
    return conversion.fixed(shape[-1], "the size of its matrices")


# -- determinants -----------------------------------------------------------------------------------------------------


def _over_matrices(conversion: Conversion, op: str, numbers: Value, part: str = "") -> Value:
    """Reduces one number for each row of a matrix; of a single one that leaves no dimensions, where MXNet has such tensors."""
    single = numbers.type.rank == 1 and not conversion.np_shape
    return conversion.op(op, numbers, part=part, axes=(numbers.type.rank - 1,), keepdims=single)


def _det(conversion: Conversion) -> list[Value]:
    pivots = conversion.op("lu_pivots", conversion.data, part="pivots")
    return [_over_matrices(conversion, "reduce_prod", pivots)]


def _slogdet(conversion: Conversion) -> list[Value]:
    pivots = conversion.op("lu_pivots", conversion.data, part="pivots")
    sign = _over_matrices(conversion, "reduce_prod", conversion.op("sign", pivots, part="signs"), "sign")
    logarithms = conversion.op("log", conversion.op("abs", pivots, part="sizes"), part="logarithms")
    return [sign, _over_matrices(conversion, "reduce_sum", logarithms)]


def _sumlogdiag(conversion: Conversion) -> list[Value]:
    diagonal = _extract_diagonal(conversion, 0, "diagonal")
    return [_over_matrices(conversion, "reduce_sum", conversion.op("log", diagonal, part="logarithms"))]


# -- diagonals and triangles ------------------------------------------------------------------------------------------


def _pick(conversion: Conversion, x: Value, begin: int, end: int, step: int = 1, part: str = "") -> Value:
    """Returns x[..., begin:end:step]."""
    return conversion.cut(x, {x.type.rank - 1: (begin, end, step)}, part)


def _pad_last(conversion: Conversion, x: Value, before: int, after: int, part: str) -> Value:
    return conversion.op("pad", x, part=part, widths=(*(0,) * (2 * x.type.rank - 2), before, after)) if before or after else x


def _extract_diagonal(conversion: Conversion, offset: int, part: str = "") -> Value:
    size = _size(conversion, conversion.data)
    if abs(offset) >= size:
        raise conversion.fail(f"matrices of {size} rows have no diagonal {offset}")
    return diagonal(conversion, conversion.data, offset, -2, -1, part)


def _extractdiag(conversion: Conversion) -> list[Value]:
    return [_extract_diagonal(conversion, conversion.attrs["offset"])]


def _makediag(conversion: Conversion) -> list[Value]:
    return [diagonal_matrix(conversion, conversion.data, conversion.attrs["offset"])]


def _is_lower(conversion: Conversion) -> bool:
    """Whether the lower triangle is meant, which an offset says by its sign."""
    offset: int = conversion.attrs["offset"]
    return offset < 0 or (offset == 0 and conversion.attrs["lower"])


def _rows(size: int, offset: int) -> list[int]:
    """Returns how many numbers each row of the lower triangle below a diagonal has, which is `offset` above the main one; offset <= 0."""
    return [max(row + 1 + offset, 0) for row in range(size)]


def _transposed(conversion: Conversion, x: Value, part: str = "") -> Value:
    rank = x.type.rank
    return conversion.transpose(x, (*range(rank - 2), rank - 1, rank - 2), part)


def _extracttrian(conversion: Conversion) -> list[Value]:
    x, offset = conversion.data, conversion.attrs["offset"]
    size = _size(conversion, x)
    if abs(offset) >= size:
        raise conversion.fail(f"matrices of {size} rows have no triangle beyond diagonal {offset}")
    if not _is_lower(conversion):
        x = _transposed(conversion, x, "upper")
    flat = conversion.reshape(x, (*x.type.shape[:-2], size * size), part="flat")
    parts = [_pick(conversion, flat, row * size, row * size + count, part=f"row{row}") for row, count in enumerate(_rows(size, -abs(offset))) if count]
    return [conversion.op("concat", *parts, axis=flat.type.rank - 1)]


def _maketrian(conversion: Conversion) -> list[Value]:
    x, offset = conversion.data, abs(conversion.attrs["offset"])
    outer, count = x.type.shape[:-1], conversion.fixed(x.type.shape[-1], "the number of elements")
    inner = int(((8 * count + 1) ** 0.5 - 1) / 2 + 0.5)
    if inner * (inner + 1) // 2 != count:
        raise conversion.fail(f"{count} numbers fill no triangle; 1, 3, 6, 10 and so on do")
    size = inner + offset
    rows, begin = [], 0
    for length in range(1, inner + 1):  # the rows above have no numbers
        row = offset + length - 1
        rows.append(_pad_last(conversion, _pick(conversion, x, begin, begin + length, part=f"row{row}"), 0, size - length, f"full{row}"))
        begin += length
    flat = conversion.op("concat", *rows, part="rows", axis=x.type.rank - 1)
    lower = _is_lower(conversion)
    matrix = conversion.reshape(_pad_last(conversion, flat, offset * size, 0, "placed"), (*outer, size, size), part="" if lower else "lower")
    return [matrix if lower else _transposed(conversion, matrix)]


def _visible(attrs: Attributes) -> tuple[str, ...]:
    """Returns the names of the outputs of `det`, which has two more that nothing can read."""
    return ("output0",)


_TRIANGLE = {"UPLO": enum("L", "U", default="L")}
_OFFSET = {"offset": Field("int", 0)}
_MOVES = ("reshape", "slice", "pad", "concat", "transpose")

OPERATORS = {
    "_linalg_potrf": _simple("cholesky", "lower"),
    "_linalg_potri": Operator(_potri, {"lower": Field("bool", True)}, becomes=("triangular_solve",)),
    "_linalg_inverse": _simple("inverse"),
    "_linalg_trmm": _triangular("triangular_matmul"),
    "_linalg_trsm": _triangular("triangular_solve"),
    "_linalg_gelqf": _two_outputs("lq"),
    "_linalg_syevd": _two_outputs("eigh"),
    "_npi_eigh": Operator(_eigh, _TRIANGLE, outputs=lambda attrs: ("output0", "output1"), becomes=("transpose", "eigh", "identity")),
    "_npi_eigvalsh": Operator(_eigh, _TRIANGLE, becomes=("transpose", "eigh", "identity")),
    "_linalg_det": Operator(_det, {}, outputs=_visible, becomes=("lu_pivots", "reduce_prod")),
    "_linalg_slogdet": Operator(
        _slogdet, {}, outputs=lambda attrs: ("output0", "output1"), becomes=("lu_pivots", "reduce_prod", "sign", "abs", "log", "reduce_sum")
    ),
    "_linalg_sumlogdiag": Operator(_sumlogdiag, {}, becomes=("reshape", "slice", "log", "reduce_sum")),
    "_linalg_extractdiag": Operator(_extractdiag, _OFFSET, becomes=_MOVES),
    "_linalg_makediag": Operator(_makediag, _OFFSET, becomes=_MOVES),
    "_linalg_extracttrian": Operator(_extracttrian, {**_OFFSET, "lower": Field("bool", True)}, becomes=_MOVES),
    "_linalg_maketrian": Operator(_maketrian, {**_OFFSET, "lower": Field("bool", True)}, becomes=_MOVES),
}  # fmt: skip
