"""Factorizations, inverses and triangular products of batches of matrices.

Matrices are the last two dimensions; what a matrix without an inverse, or one that is not positive definite, gives is no error: its result holds NaN or
infinity. Triangles that an operator does not read may hold anything.
"""

import math

import numpy as np

from ngc.errors import VerifyError
from ngc.ir.opdef import Arrays, Attr, Attrs, OpDef, Types
from ngc.ir.tensor_type import TensorType

FACTORIZED = ("f32", "f64")
"""What factorizations are done in."""


def _check_square(x: TensorType, name: str) -> None:
    if x.rank < 2 or x.shape[-1] != x.shape[-2] or not isinstance(x.shape[-1], int):
        raise VerifyError(f"{name} takes square matrices in the last two dimensions, not {x}")
    if x.dtype not in FACTORIZED:
        raise VerifyError(f"{name} takes {' or '.join(FACTORIZED)}, not {x.dtype}")


def _transposed(x: np.ndarray) -> np.ndarray:
    return np.swapaxes(x, -1, -2)


# -- factorizations ---------------------------------------------------------------------------------------------------


def _cholesky_infer(types: Types, attrs: Attrs) -> tuple[TensorType, ...]:
    _check_square(types[0], "cholesky")
    return (types[0],)


def _cholesky(arrays: Arrays, attrs: Attrs) -> tuple[np.ndarray, ...]:
    x = arrays[0] if attrs["lower"] else _transposed(arrays[0])
    factor = np.zeros_like(x)
    for column in range(x.shape[-1]):  # numpy's own raises where a matrix is not positive definite
        done, row = factor[..., column:, :column], factor[..., column, :column, None]
        rest = x[..., column:, column] - (done @ row)[..., 0]
        factor[..., column:, column] = rest / np.sqrt(rest[..., :1])
    return (factor if attrs["lower"] else _transposed(factor),)


def _inverse_infer(types: Types, attrs: Attrs) -> tuple[TensorType, ...]:
    _check_square(types[0], "inverse")
    return (types[0],)


def _inverse(arrays: Arrays, attrs: Attrs) -> tuple[np.ndarray, ...]:
    x = arrays[0]
    # numpy raises where any matrix of a batch is singular, which an exact zero among the pivots shows.
    singular = (_pivots(x) == 0).any(axis=-1)[..., None, None]
    return (np.where(singular, np.nan, np.linalg.inv(np.where(singular, np.eye(x.shape[-1], dtype=x.dtype), x))).astype(x.dtype),)


def _lu_pivots_infer(types: Types, attrs: Attrs) -> tuple[TensorType, ...]:
    _check_square(types[0], "lu_pivots")
    return (types[0].with_shape(types[0].shape[:-1]),)


def _pivots(x: np.ndarray) -> np.ndarray:
    """Gaussian elimination with partial pivoting, column by column of all matrices at once."""
    size = x.shape[-1]
    work = x.reshape(math.prod(x.shape[:-2]), size, size).copy()
    every, signs = np.arange(len(work)), np.ones(len(work), x.dtype)
    for column in range(size):
        best = column + np.abs(work[:, column:, column]).argmax(axis=1)
        pivot, first = work[every, best].copy(), work[:, column].copy()
        work[every, best], work[:, column] = first, pivot
        signs *= np.where(best == column, 1, -1).astype(x.dtype)
        with np.errstate(all="ignore"):
            factor = np.where(pivot[:, column, None] == 0, 0, work[:, column + 1:, column] / pivot[:, column, None])
        work[:, column + 1:] -= factor[..., None] * pivot[:, None]
    pivots = np.diagonal(work, axis1=1, axis2=2).copy()
    if size:
        pivots[:, 0] *= signs
    return pivots.reshape(x.shape[:-1])


def _lu_pivots(arrays: Arrays, attrs: Attrs) -> tuple[np.ndarray, ...]:
    return (_pivots(arrays[0]),)


def _lq_infer(types: Types, attrs: Attrs) -> tuple[TensorType, ...]:
    x = types[0]
    if x.rank < 2 or not isinstance(x.shape[-1], int) or not isinstance(x.shape[-2], int) or x.shape[-2] > x.shape[-1]:
        raise VerifyError(f"lq takes matrices with no more rows than columns, not {x}")
    if x.dtype not in FACTORIZED:
        raise VerifyError(f"lq takes {' or '.join(FACTORIZED)}, not {x.dtype}")
    return x, x.with_shape((*x.shape[:-1], x.shape[-2]))


def _lq(arrays: Arrays, attrs: Attrs) -> tuple[np.ndarray, ...]:
    q, r = np.linalg.qr(_transposed(arrays[0]))
    return _transposed(q), _transposed(r)


def _eigh_infer(types: Types, attrs: Attrs) -> tuple[TensorType, ...]:
    _check_square(types[0], "eigh")
    if not types[0].shape[-1]:
        raise VerifyError(f"eigh takes matrices of at least one row, not {types[0]}")
    return types[0], types[0].with_shape(types[0].shape[:-1])


def _eigh(arrays: Arrays, attrs: Attrs) -> tuple[np.ndarray, ...]:
    values, vectors = np.linalg.eigh(arrays[0])
    rows = _transposed(vectors)
    largest = np.take_along_axis(rows, np.abs(rows).argmax(axis=-1)[..., None], axis=-1)
    return np.where(largest < 0, -rows, rows), values


# -- triangular matrices ----------------------------------------------------------------------------------------------

_TRIANGLE = {"right": Attr("bool", False), "lower": Attr("bool", True), "transpose": Attr("bool", False)}


def _triangular_infer(name: str, types: Types, attrs: Attrs) -> tuple[TensorType, ...]:
    a, b = types
    _check_square(a, name)
    shared = all(dim == 1 for dim in b.shape[:-2])
    if b.rank != a.rank or (b.shape[:-2] != a.shape[:-2] and not shared) or b.dtype != a.dtype or b.shape[-1 if attrs["right"] else -2] != a.shape[-1]:
        side = "on the right of" if attrs["right"] else "before"
        raise VerifyError(f"{name}: a triangle {a} does not stand {side} {b}")
    if not isinstance(b.shape[-1], int) or not isinstance(b.shape[-2], int):
        raise VerifyError(f"{name} takes matrices of a fixed size, not {b}")
    return (b.with_shape((*a.shape[:-2], *b.shape[-2:])),)


def _triangle(a: np.ndarray, attrs: Attrs) -> np.ndarray:
    part = np.tril(a) if attrs["lower"] else np.triu(a)
    return _transposed(part) if attrs["transpose"] else part


def _triangular_matmul_infer(types: Types, attrs: Attrs) -> tuple[TensorType, ...]:
    return _triangular_infer("triangular_matmul", types, attrs)


def _triangular_matmul(arrays: Arrays, attrs: Attrs) -> tuple[np.ndarray, ...]:
    triangle = _triangle(arrays[0], attrs)
    return (arrays[1] @ triangle if attrs["right"] else triangle @ arrays[1],)


def _triangular_solve_infer(types: Types, attrs: Attrs) -> tuple[TensorType, ...]:
    return _triangular_infer("triangular_solve", types, attrs)


def _triangular_solve(arrays: Arrays, attrs: Attrs) -> tuple[np.ndarray, ...]:
    a, b = _triangle(arrays[0], attrs), arrays[1]
    lower = attrs["lower"] != attrs["transpose"]
    if attrs["right"]:  # x a = b is a' x' = b'
        a, b, lower = _transposed(a), _transposed(b), not lower
    x = np.zeros((*a.shape[:-2], *b.shape[-2:]), b.dtype)
    rows = range(a.shape[-1])
    for row in rows if lower else reversed(rows):  # numpy's own solves by pivoting, and raises where a diagonal holds a zero
        x[..., row, :] = (b[..., row, :] - (a[..., row, None, :] @ x)[..., 0, :]) / a[..., row, row, None]
    return (_transposed(x) if attrs["right"] else x,)


OPS: tuple[OpDef, ...] = (
    OpDef("cholesky", ("x",), _cholesky_infer, _cholesky, {"lower": Attr("bool", True)},
          doc="L with L L' = x, of whose lower triangle it is made; with lower=false U with U' U = x, of the upper one. The other triangle is zero."),
    OpDef("inverse", ("x",), _inverse_infer, _inverse, doc="The inverse of each matrix."),
    OpDef("lu_pivots", ("x",), _lu_pivots_infer, _lu_pivots,
          doc="The pivots of Gaussian elimination, the largest of each column; the first is negated for an odd number of exchanges of rows, so that "
              "the product of all is the determinant."),
    OpDef("lq", ("x",), _lq_infer, _lq, doc="Q with orthonormal rows and a lower triangle L with L Q = x, by Householder's reflections, signed as by "
                                            "LAPACK's gelqf."),
    OpDef("eigh", ("x",), _eigh_infer, _eigh,
          doc="The eigenvectors of symmetric matrices, one a row, whose largest component is positive, and the eigenvalues in ascending order."),
    OpDef("triangular_matmul", ("a", "b"), _triangular_matmul_infer, _triangular_matmul, _TRIANGLE,
          doc="a b, or with right=true b a, of the triangle of a that `lower` names, transposed if it says so; b may be one for all."),
    OpDef("triangular_solve", ("a", "b"), _triangular_solve_infer, _triangular_solve, _TRIANGLE,
          doc="x with a x = b, or with right=true x a = b, of the triangle of a that `lower` names, transposed if it says so; b may be one for all."),
)
