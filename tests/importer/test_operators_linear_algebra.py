"""MXNet's linalg operators against MXNet."""

from collections.abc import Callable
from types import ModuleType

import numpy as np
import pytest

import ngc
from ngc.errors import ImportFailure
from ngc.importer import import_model
from ngc.ir import Graph, evaluate
from tests.importer.conftest import run_mxnet

Check = Callable[..., Graph]


def matrices(rng: np.random.Generator, *shape: int, dtype: str = "float32") -> np.ndarray:
    """Returns random matrices with a strong diagonal, so that all that is solved is well conditioned."""
    return (rng.normal(size=shape) + 2 * np.eye(*shape[-2:])).astype(dtype)


def definite(rng: np.random.Generator, *shape: int, dtype: str = "float32") -> np.ndarray:
    """Returns symmetric positive definite matrices."""
    half = rng.normal(size=shape)
    return (half @ np.swapaxes(half, -1, -2) + shape[-1] * np.eye(shape[-1])).astype(dtype)


SHAPES = [(4, 4), (2, 3, 3), (2, 3, 5, 5), (2, 1, 1)]

CONDITION = 4096
"""Relative errors grow by the condition of a matrix, here below some hundred, beside the length of its sums."""


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("lower", [True, False])
def test_cholesky_and_the_inverse_by_it(shape: tuple[int, ...], dtype: str, lower: bool, mx: ModuleType, check: Check, rng: np.random.Generator) -> None:
    x = definite(rng, *shape, dtype=dtype)
    factor = mx.sym.linalg.potrf(mx.sym.var("x"), lower=lower)
    check(factor, {"x": x}, batch=len(shape) > 2, reduction=CONDITION)
    check(mx.sym.linalg.potri(factor, lower=lower), {"x": x}, batch=len(shape) > 2, reduction=CONDITION)


@pytest.mark.parametrize("shape", SHAPES)
def test_inverse_and_determinants(shape: tuple[int, ...], mx: ModuleType, check: Check, rng: np.random.Generator) -> None:
    x = mx.sym.var("x")
    for op in ("inverse", "det", "slogdet"):
        check(getattr(mx.sym.linalg, op)(x), {"x": matrices(rng, *shape)}, batch=len(shape) > 2, reduction=CONDITION)


def test_determinants_of_matrices_without_an_inverse(mx: ModuleType, check: Check) -> None:
    x = np.stack([np.zeros((3, 3)), np.diag([1, 0, -2]), np.eye(3)[::-1]]).astype(np.float32)
    for op in ("det", "slogdet"):
        check(getattr(mx.sym.linalg, op)(mx.sym.var("x")), {"x": x})


@pytest.mark.parametrize("op", ["trmm", "trsm"])
@pytest.mark.parametrize("right", [True, False])
def test_triangular_products(op: str, right: bool, mx: ModuleType, check: Check, rng: np.random.Generator) -> None:
    a, b = mx.sym.var("a"), mx.sym.var("b")
    for lower in (True, False):
        for transpose in (True, False):
            symbol = getattr(mx.sym.linalg, op)(a, b, rightside=right, lower=lower, transpose=transpose, alpha=0.5)
            b_shape = (2, 3, 4) if right else (2, 4, 3)
            feeds = {"a": matrices(rng, 2, 4, 4) + 2 * np.eye(4, dtype=np.float32), "b": rng.normal(size=b_shape).astype(np.float32)}
            check(symbol, feeds, reduction=CONDITION)


@pytest.mark.parametrize("shape", [(2, 4), (3, 3), (2, 3, 5)])
def test_lq(shape: tuple[int, ...], mx: ModuleType, check: Check, rng: np.random.Generator) -> None:
    check(mx.sym.Group(list(mx.sym.linalg.gelqf(mx.sym.var("x")))), {"x": rng.normal(size=shape).astype(np.float32)}, batch=len(shape) > 2, reduction=CONDITION)


@pytest.mark.parametrize("shape", [(4, 4), (3, 5, 5)])
def test_eigenvectors(shape: tuple[int, ...], mx: ModuleType, check: Check, rng: np.random.Generator) -> None:
    check(mx.sym.Group(list(mx.sym.linalg.syevd(mx.sym.var("x")))), {"x": definite(rng, *shape)}, batch=len(shape) > 2, reduction=CONDITION)


@pytest.mark.parametrize("shape", [(4, 4), (2, 4, 4), (2, 3, 1, 1)])
def test_sums_of_logarithms(shape: tuple[int, ...], mx: ModuleType, check: Check, rng: np.random.Generator) -> None:
    check(mx.sym.linalg.sumlogdiag(mx.sym.var("x")), {"x": rng.uniform(0.5, 2, shape).astype(np.float32)}, batch=len(shape) > 2, reduction=16)


@pytest.mark.parametrize("offset", [-3, -1, 0, 1, 2])
def test_diagonals(offset: int, mx: ModuleType, check: Check, rng: np.random.Generator) -> None:
    x = mx.sym.var("x")
    for shape in ((4, 4), (2, 3, 4, 4)):
        check(mx.sym.linalg.extractdiag(x, offset=offset), {"x": rng.normal(size=shape).astype(np.float32)}, batch=len(shape) > 2)
    for shape in ((3,), (2, 3), (2, 2, 1)):
        check(mx.sym.linalg.makediag(x, offset=offset), {"x": rng.normal(size=shape).astype(np.float32)}, batch=len(shape) > 1)


@pytest.mark.parametrize("offset", [-3, -1, 0, 1, 2])
@pytest.mark.parametrize("lower", [True, False])
def test_triangles(offset: int, lower: bool, mx: ModuleType, check: Check, rng: np.random.Generator) -> None:
    x = mx.sym.var("x")
    for shape in ((4, 4), (2, 3, 4, 4)):
        check(mx.sym.linalg.extracttrian(x, offset=offset, lower=lower), {"x": rng.normal(size=shape).astype(np.float32)}, batch=len(shape) > 2)
    for shape in ((6,), (2, 10), (2, 2, 1)):
        check(mx.sym.linalg.maketrian(x, offset=offset, lower=lower), {"x": rng.normal(size=shape).astype(np.float32)}, batch=len(shape) > 1)


def test_what_has_no_factor_or_inverse_is_not_finite(mx: ModuleType) -> None:
    # MXNet raises: LAPACK says that it did not succeed.
    x = np.stack([np.eye(2), -np.eye(2), np.zeros((2, 2))]).astype(np.float32)
    for op in ("potrf", "inverse"):
        graph = import_model(getattr(mx.sym.linalg, op)(mx.sym.var("x")), shapes={"x": ("N", 2, 2)})
        (found,) = evaluate(graph, {"x": x})
        assert np.isfinite(found[0]).all()
        assert not np.isfinite(found[2]).all()


def test_a_gaussian_in_a_compiled_model(mx: ModuleType, rng: np.random.Generator) -> None:
    # The logarithm of a density: what Gaussian processes end with.
    x, covariance = mx.sym.var("x"), mx.sym.var("covariance")
    factor = mx.sym.linalg.potrf(covariance)
    white = mx.sym.linalg.trsm(factor, mx.sym.expand_dims(x, axis=2))
    density = -0.5 * mx.sym.sum(mx.sym.square(white), axis=(1, 2)) - mx.sym.linalg.sumlogdiag(factor)
    feeds = {"x": rng.normal(size=(3, 5)).astype(np.float32), "covariance": definite(rng, 3, 5, 5)}
    executable = ngc.compile(density, shapes={"x": ("N", 5), "covariance": ("N", 5, 5)}, threads=2)
    np.testing.assert_allclose(executable.run(feeds)[0], run_mxnet(mx, density, feeds)[0], rtol=1e-5)


@pytest.mark.parametrize(("name", "op"), [("linalg_potrf", "cholesky"), ("_npi_cholesky", "cholesky"), ("_npi_inv", "inverse"), ("linalg_inverse", "inverse")])
def test_other_names(name: str, op: str) -> None:
    nodes = [{"op": "null", "name": "x", "inputs": []}, {"op": name, "name": "y", "inputs": [[0, 0, 0]]}]
    graph = import_model({"nodes": nodes, "arg_nodes": [0], "heads": [[1, 0, 0]]}, shapes={"x": (2, 2)})
    assert graph.count() == {op: 1}


def test_factors_in_a_compiled_model(mx: ModuleType, rng: np.random.Generator) -> None:
    symbol = mx.sym.Group([*mx.sym.linalg.gelqf(mx.sym.var("x")), *mx.sym.linalg.syevd(mx.sym.var("s"))])
    feeds = {"x": rng.normal(size=(3, 4, 6)).astype(np.float32), "s": definite(rng, 3, 5, 5)}
    wanted = run_mxnet(mx, symbol, feeds)
    for threads in (1, 2):
        executable = ngc.compile(symbol, shapes={"x": ("N", 4, 6), "s": ("N", 5, 5)}, threads=threads)
        for got, want in zip(executable.run_poisoned(feeds), wanted, strict=True):
            np.testing.assert_allclose(got, want, atol=1e-4 * np.abs(want).max())


@pytest.mark.parametrize(("op", "shape", "attrs", "message"), [
    ("potrf", (2, 3), {}, r"cholesky takes square matrices in the last two dimensions, not f32\[2,3\]"),
    ("potri", (2, 3), {}, r"it takes square matrices, not f32\[2,3\]"),
    ("inverse", (3,), {}, r"inverse takes square matrices in the last two dimensions, not f32\[3\]"),
    ("det", (2, 3), {}, "lu_pivots takes square matrices"),
    ("gelqf", (3, 2), {}, r"lq takes matrices with no more rows than columns, not f32\[3,2\]"),
    ("syevd", (3, 2), {}, "eigh takes square matrices"),
    ("extractdiag", (3, 3), {"offset": 3}, "matrices of 3 rows have no diagonal 3"),
    ("extracttrian", (3, 3), {"offset": -3}, "matrices of 3 rows have no triangle beyond diagonal -3"),
    ("maketrian", (5,), {}, "5 numbers fill no triangle; 1, 3, 6, 10 and so on do"),
    ("maketrian", (1,), {"offset": 2**31 - 1}, "has a dimension above 281474976710656"),
])
def test_refusals(op: str, shape: tuple[int, ...], attrs: dict[str, int], message: str, mx: ModuleType) -> None:
    symbol = getattr(mx.sym.linalg, op)(mx.sym.var("x"), **attrs)
    with pytest.raises(ImportFailure, match=message):
        import_model(symbol if len(symbol.list_outputs()) == 1 else mx.sym.Group(list(symbol)), shapes={"x": shape})


def test_factorizations_are_done_in_floats_of_32_or_64_bits(mx: ModuleType) -> None:
    with pytest.raises(ImportFailure, match="cholesky takes f32 or f64, not f16"):
        import_model(mx.sym.linalg.potrf(mx.sym.var("x")), shapes={"x": (2, 2)}, dtypes={"x": "float16"})
    with pytest.raises(ImportFailure, match=r"triangular_solve: a triangle f32\[3,3\] does not stand on the right of f32\[3,2\]"):
        import_model(mx.sym.linalg.trsm(mx.sym.var("a"), mx.sym.var("b"), rightside=True), shapes={"a": (3, 3), "b": (3, 2)})


@pytest.mark.parametrize("batch", [(), (2,)], ids=["one", "batch"])
def test_determinants_under_numpys_names(batch: tuple[int, ...], check_np: Check, rng: np.random.Generator) -> None:
    """That of one matrix has no dimensions."""
    x = matrices(rng, *batch, 3, 3)
    check_np(lambda f, a: f.linalg.det(a), x, reduction=9, scale=32)
    check_np(lambda f, a: list(f.linalg.slogdet(a)), x, reduction=9, scale=32)


@pytest.mark.parametrize("triangle", ["L", "U"])
def test_eigenvectors_under_numpys_names(triangle: str, mx: ModuleType, check_np: Check, rng: np.random.Generator) -> None:
    """Either triangle is read alone: the data is not symmetric."""
    functions = mx.sym.numpy._internal
    x = np.stack([np.diag([1.0, 4.0, 9.0]), np.diag([-2.0, 0.5, 5.0])]) + rng.uniform(-0.5, 0.5, (2, 3, 3))
    check_np(lambda _, a: list(functions.eigh(a, UPLO=triangle)), x, reduction=9, scale=64)
    check_np(lambda _, a: functions.eigvalsh(a, UPLO=triangle), x, reduction=9, scale=64)
