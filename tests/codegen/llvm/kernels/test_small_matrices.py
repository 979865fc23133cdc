"""Factorizations, eliminations and triangular systems on each instruction set, for any partition of the batch."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ngc.codegen.llvm.kernels.factorize import CholeskyKernel, EliminationKernel
from ngc.codegen.llvm.kernels.orthogonal import EighKernel, LqKernel
from ngc.codegen.llvm.kernels.triangular import TriangularKernel
from ngc.ir import opdef
from ngc.target import parse_target
from tests.codegen.llvm.kernels.harness import TARGETS
from tests.codegen.llvm.kernels.typed import Memory, execute

EXAMPLES = settings(deadline=None, max_examples=15)
NAMES = {"f32": np.float32, "f64": np.float64}


def reference(op: str, *arrays: np.ndarray, **attrs: Any) -> np.ndarray:
    with np.errstate(all="ignore"):
        return opdef(op).evaluate(arrays, attrs)[0]


def close(found: np.ndarray, wanted: np.ndarray) -> None:
    """Compares what well conditioned matrices of up to twenty rows give: some hundred roundings."""
    np.testing.assert_allclose(found.reshape(wanted.shape), wanted, rtol=0, atol=500 * np.finfo(wanted.dtype).eps * np.abs(wanted).max())


def matrices(rng: np.random.Generator, n: int, size: int, dtype: str) -> np.ndarray:
    return (rng.normal(size=(n, size, size)) + size * np.eye(size)).astype(NAMES[dtype])


COMMON = (st.sampled_from(TARGETS), st.sampled_from(["f32", "f64"]), st.integers(1, 5), st.integers(1, 20), st.lists(st.integers(0, 5), max_size=2))


@EXAMPLES
@given(*COMMON, st.booleans())
def test_cholesky(name: str, dtype: str, n: int, size: int, cuts: list[int], lower: bool) -> None:
    x = matrices(np.random.default_rng(size), n, size, dtype)
    x = (x @ np.swapaxes(x, 1, 2)).astype(x.dtype)
    wanted = reference("cholesky", x, lower=lower)
    x[np.broadcast_to(np.triu(np.ones((size, size), bool), 1) if lower else np.tril(np.ones((size, size), bool), -1), x.shape)] = np.nan  # is not read
    result = Memory(x.size, NAMES[dtype].__name__)
    execute(CholeskyKernel(size, lower, dtype), parse_target(name), [Memory.of(x), result], n, cuts)
    close(result.array, wanted)


@EXAMPLES
@given(*COMMON, st.booleans())
def test_elimination(name: str, dtype: str, n: int, size: int, cuts: list[int], inverse: bool) -> None:
    rng = np.random.default_rng(size)
    x = matrices(rng, n, size, dtype)[:, rng.permutation(size)]  # so that rows change places
    wanted = reference("inverse" if inverse else "lu_pivots", x)
    result, scratch = Memory(wanted.size, NAMES[dtype].__name__), Memory(size * size, NAMES[dtype].__name__)
    execute(EliminationKernel(size, inverse, dtype), parse_target(name), [Memory.of(x), result, scratch], n, cuts)
    close(result.array, wanted)


@pytest.mark.parametrize("name", TARGETS)
def test_elimination_of_matrices_without_an_inverse(name: str) -> None:
    x = np.stack([np.zeros((3, 3)), [[0, 1, 0], [0, 0, 2], [0, 0, 3]], [[1, 2, 3], [2, 4, 6], [0, 1, 1]]]).astype(np.float32)
    pivots, inverse, scratch = Memory(9), Memory(27), Memory(9)
    execute(EliminationKernel(3, inverse=False), parse_target(name), [Memory.of(x), pivots, scratch], 3, [])
    np.testing.assert_array_equal(pivots.array.reshape(3, 3), reference("lu_pivots", x))
    np.testing.assert_array_equal(pivots.array.reshape(3, 3).prod(axis=1), 0)
    execute(EliminationKernel(3), parse_target(name), [Memory.of(x), inverse, scratch], 3, [])
    assert not np.isfinite(inverse.array.reshape(3, 9)).all(axis=1).any()


@EXAMPLES
@given(*COMMON, st.integers(1, 7), st.tuples(*[st.booleans()] * 5))
def test_triangles(name: str, dtype: str, n: int, size: int, cuts: list[int], vectors: int, flags: tuple[bool, ...]) -> None:
    right, lower, transpose, solve, shared = flags
    rng = np.random.default_rng(size)
    a = matrices(rng, n, size, dtype)
    b = rng.normal(size=(1 if shared else n, *((vectors, size) if right else (size, vectors)))).astype(NAMES[dtype])
    wanted = reference("triangular_solve" if solve else "triangular_matmul", a, b, right=right, lower=lower, transpose=transpose)
    a[np.broadcast_to(np.triu(np.ones((size, size), bool), 1) if lower else np.tril(np.ones((size, size), bool), -1), a.shape)] = np.nan  # is not read
    result = Memory(wanted.size, NAMES[dtype].__name__)
    kernel = TriangularKernel(size, vectors, right, lower, transpose, solve, shared, dtype)
    execute(kernel, parse_target(name), [Memory.of(a), Memory.of(b), result], n, [cut * vectors // 2 for cut in cuts])
    close(result.array, wanted)


@EXAMPLES
@given(*COMMON, st.integers(0, 5))
def test_lq(name: str, dtype: str, n: int, rows: int, cuts: list[int], more: int) -> None:
    columns = rows + more
    x = np.random.default_rng(rows).normal(size=(n, rows, columns)).astype(NAMES[dtype])
    q, lower = opdef("lq").evaluate((x,), {})
    found = [Memory(array.size, NAMES[dtype].__name__) for array in (q, lower)]
    scratch = Memory(rows * (columns + 1), NAMES[dtype].__name__)
    execute(LqKernel(rows, columns, dtype), parse_target(name), [Memory.of(x), found[0], found[1], scratch], n, cuts)
    close(found[1].array, lower)
    product = found[1].array.reshape(lower.shape) @ found[0].array.reshape(q.shape)
    close(product, x)
    # Rows of Q that follow from small remainders of x turn with its roundings, but stay orthonormal.
    close(found[0].array.reshape(q.shape) @ np.swapaxes(found[0].array.reshape(q.shape), 1, 2), np.broadcast_to(np.eye(rows, dtype=x.dtype), lower.shape))


@EXAMPLES
@given(*COMMON)
def test_eigenvectors(name: str, dtype: str, n: int, size: int, cuts: list[int]) -> None:
    x = np.random.default_rng(size).normal(size=(n, size, size))
    x = (x + np.swapaxes(x, 1, 2)).astype(NAMES[dtype])
    _, wanted = opdef("eigh").evaluate((x,), {})
    upper = np.broadcast_to(np.triu(np.ones((size, size), bool), 1), x.shape)
    vectors, values, scratch = Memory(x.size, NAMES[dtype].__name__), Memory(n * size, NAMES[dtype].__name__), Memory(size * size, NAMES[dtype].__name__)
    execute(EighKernel(size, dtype), parse_target(name), [Memory.of(np.where(upper, np.nan, x).astype(x.dtype)), vectors, values, scratch], n, cuts)
    rows = vectors.array.reshape(x.shape)
    close(values.array, wanted)
    close(rows @ x, values.array.reshape(n, size, 1) * rows)
    close(rows @ np.swapaxes(rows, 1, 2), np.broadcast_to(np.eye(size, dtype=x.dtype), x.shape))
    largest = np.take_along_axis(rows, np.abs(rows).argmax(axis=2)[..., None], axis=2)
    assert (largest > 0).all()


def test_eigenvectors_of_a_diagonal_are_sorted() -> None:
    x = np.diag([3.0, -1.0, 2.0]).astype(np.float32)
    vectors, values, scratch = Memory(9), Memory(3), Memory(9)
    execute(EighKernel(3), parse_target(TARGETS[0]), [Memory.of(x), vectors, values, scratch], 1, [])
    np.testing.assert_array_equal(values.array, [-1, 2, 3])
    np.testing.assert_array_equal(vectors.array.reshape(3, 3), np.eye(3)[[1, 2, 0]])
