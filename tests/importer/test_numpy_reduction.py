"""MXNet's numpy names: reductions and products against MXNet under numpy's rules."""

from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from ngc.errors import ImportFailure, UnsupportedOperator
from ngc.importer import import_model
from ngc.importer.operators.einsum import parse_subscripts

Check = Callable[..., Any]

CUBE = np.random.default_rng(3).uniform(0.5, 1.5, (2, 3, 4)).astype(np.float32)
INTEGERS = np.array([[7, -7, 3], [2, 5, 0]], np.int32)
TRUTHS = np.array([[True, False, True], [True, True, True]])
AXES: list[dict[str, Any]] = [{}, {"axis": 1}, {"axis": (0, -1)}, {"axis": 2, "keepdims": True}, {"keepdims": True}]


@pytest.mark.parametrize("how", AXES, ids=str)
@pytest.mark.parametrize("name", ["sum", "prod", "max", "min", "mean", "std", "var"])
def test_reductions(name: str, how: dict[str, Any], check_np: Check) -> None:
    check_np(lambda f, x: getattr(f, name)(x, **how), CUBE, reduction=24)


@pytest.mark.parametrize("name", ["sum", "prod", "max", "min", "mean", "any", "all"])
def test_integers(name: str, check_np: Check) -> None:
    check_np(lambda f, x: getattr(f, name)(x, axis=1), INTEGERS, reduction=3)
    check_np(lambda f, x: getattr(f, name)(x), INTEGERS, reduction=6)


def test_truth_values(check_np: Check) -> None:
    check_np(lambda f, x: f.sum(x), TRUTHS)
    for name in ("any", "all"):
        check_np(lambda f, x, name=name: getattr(f, name)(x, axis=0), TRUTHS)
        check_np(lambda f, x, name=name: getattr(f, name)(x), CUBE)


def test_types(check_np: Check) -> None:
    check_np(lambda f, x: f.sum(x, axis=(0, 2), dtype="float64"), CUBE, reduction=8)
    check_np(lambda f, x: f.mean(x, dtype="float64"), INTEGERS, reduction=8)


@pytest.mark.parametrize("name", ["std", "var"])
def test_degrees_of_freedom(name: str, check_np: Check) -> None:
    check_np(lambda f, x: getattr(f, name)(x, axis=1, ddof=1), CUBE, reduction=8)


def test_average(check_np: Check) -> None:
    weights = np.array([1, 2, 3], np.float32)
    check_np(lambda f, x: f.average(x, axis=1), CUBE, reduction=8)
    check_np(lambda f, x: f.average(x), CUBE, reduction=24)
    check_np(lambda f, x, w: f.average(x, axis=1, weights=w), CUBE, weights, reduction=8)
    check_np(lambda f, x, w: list(f.average(x, axis=(0, 1), weights=w, returned=True)), CUBE, CUBE[::-1].copy(), reduction=24)
    check_np(lambda f, x: list(f.average(x, axis=1, returned=True)), CUBE, reduction=8)


@pytest.mark.parametrize("name", ["argmax", "argmin"])
def test_indices(name: str, check_np: Check) -> None:
    check_np(lambda f, x: getattr(f, name)(x), CUBE)
    check_np(lambda f, x: getattr(f, name)(x, axis=-1), CUBE, batch=True)
    check_np(lambda f, x: getattr(f, name)(x, axis=1), INTEGERS)


def test_norms(check_np: Check) -> None:
    check_np(lambda f, x: f.linalg.norm(x), CUBE, reduction=24)
    check_np(lambda f, x: f.linalg.norm(x, axis=1, keepdims=True), CUBE, reduction=8)
    check_np(lambda f, x: f.linalg.norm(x, ord=1, axis=(0, 1)), CUBE, reduction=8)


def test_a_batch_of_any_size(check_np: Check) -> None:
    check_np(lambda f, x: f.mean(x, axis=(1, 2)), CUBE, batch=True, reduction=12)
    check_np(lambda f, x: f.var(x, axis=-1), CUBE, batch=True, reduction=4)


MATRICES = {"vectors": ((4,), (4,)), "row": ((4,), (4, 5)), "column": ((3, 4), (4,)), "matrices": ((3, 4), (4, 5)), "batches": ((2, 3, 4), (2, 4, 5)),
            "broadcast": ((2, 3, 4), (4, 5))}


@pytest.mark.parametrize("name", MATRICES)
def test_matmul(name: str, check_np: Check, rng: np.random.Generator) -> None:
    check_np(lambda f, a, b: f.matmul(a, b), *(rng.uniform(-1, 1, shape).astype(np.float32) for shape in MATRICES[name]), reduction=4)


@pytest.mark.parametrize("shapes", [((4,), (4,)), ((3, 4), (4,)), ((3, 4), (4, 5)), ((2, 3, 4), (4,)), ((), (3,)), ((2, 3, 4), (4, 5))], ids=str)
def test_dot(shapes: tuple[tuple[int, ...], tuple[int, ...]], check_np: Check, rng: np.random.Generator) -> None:
    check_np(lambda f, a, b: f.dot(a, b), *(rng.uniform(-1, 1, shape).astype(np.float32) for shape in shapes), reduction=4)


def test_tensordot(check_np: Check, rng: np.random.Generator) -> None:
    a, b = rng.uniform(-1, 1, (2, 3, 4)).astype(np.float32), rng.uniform(-1, 1, (4, 3, 5)).astype(np.float32)
    check_np(lambda f, a, b: f.tensordot(a, b, axes=((2, 1), (0, 1))), a, b, reduction=12)
    check_np(lambda f, a, b: f.tensordot(a, b, axes=1), a, b, reduction=4)
    check_np(lambda f, a, b: f.tensordot(a, b, axes=0), a, b)


EINSUMS = {
    "ij,jk->ik": ((2, 3), (3, 4)), "ij,jk": ((2, 3), (3, 4)), "bij,bkj->bik": ((2, 3, 4), (2, 5, 4)), "bhqd,bhkd->bhqk": ((2, 3, 4, 5), (2, 3, 6, 5)),
    "bqhd,bkhd->bhqk": ((2, 4, 3, 5), (2, 6, 3, 5)), "i,i->": ((4,), (4,)), "i,j->ji": ((3,), (4,)), "ijk->kji": ((2, 3, 4),), "ijk->j": ((2, 3, 4),),
    "ij,ij->ij": ((2, 3), (2, 3)), "ij,jk,kl->il": ((2, 3), (3, 4), (4, 5)), "...ij,...jk->...ik": ((2, 3, 4), (2, 4, 5)), "ij,k->j": ((2, 3), (4,)),
    "bi,oi,bo->b": ((2, 3), (4, 3), (2, 4)), "ii": ((3, 3),), "ii->i": ((3, 3),), "iij->j": ((3, 3, 2),), "ijij->ij": ((2, 3, 2, 3),), "iii->i": ((3, 3, 3),),
    "ij,jj->i": ((2, 3), (3, 3)), "...ii->...i": ((2, 3, 3),), "ii,i->": ((3, 3), (3,)),
}


@pytest.mark.parametrize("subscripts", EINSUMS)
def test_einsum(subscripts: str, check_np: Check, rng: np.random.Generator) -> None:
    arrays = [rng.uniform(-1, 1, shape).astype(np.float32) for shape in EINSUMS[subscripts]]
    check_np(lambda f, *operands: f.einsum(subscripts, *operands), *arrays, reduction=24)


@pytest.mark.parametrize("dtype", [np.int32, np.int64, np.uint8, np.int8])
@pytest.mark.parametrize("subscripts", ["ij,jk->ik", "bij,bkj->bik", "i,i->", "ij,jj->i", "ijk->j", "ij,jk,kl->il"])
def test_einsum_of_integers(subscripts: str, dtype: type, check_np: Check, rng: np.random.Generator) -> None:
    limits = np.iinfo(dtype)
    arrays = [rng.integers(limits.min, limits.max, shape, dtype, endpoint=True) for shape in EINSUMS[subscripts]]
    check_np(lambda f, *operands: f.einsum(subscripts, *operands), *arrays)


@pytest.mark.parametrize(("text", "ranks", "message"), [
    ("ij,jk", (2,), "2 terms for 1 operands"), ("ij->i", (3,), "terms ij do not name the axes of operands of 3 dimensions"),
    ("i->ii", (1,), "the result ii names an axis twice"), ("ij->k", (2,), "labels of the result are letters that some operand has"),
    ("i1->i", (2,), "labels of the result are letters that some operand has"),
])
def test_subscripts_that_do_not_fit(text: str, ranks: tuple[int, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_subscripts(text, ranks)


@pytest.mark.parametrize(("function", "message"), [
    (lambda f, x: f.var(x, axis=1, ddof=3), "ddof = 3 of 3 elements"),
    (lambda f, x: f.einsum("iij->j", x), "iij gives the label i the sizes 2 and 3"),
    (lambda f, x: f.einsum("ijk,jil->kl", x, x), "give one label two sizes"),
    (lambda f, x: f.tensordot(x, x, axes=((0,), (1,))), "axes (0,) and (1,) have other sizes"),
    (lambda f, x: f.average(x, axis=0, weights=f.sum(x)), "weights have the shape of the data, or that of the one axis"),
])
def test_refusals(function: Callable[..., Any], message: str, check_np: Check, mx: ModuleType) -> None:
    with pytest.raises(ImportFailure) as caught:
        import_model(function(mx.sym.np, mx.sym.var("x").as_np_ndarray()), shapes={"x": (2, 3, 4)})
    assert message in str(caught.value)


def test_refused_variants(check_np: Check, mx: ModuleType) -> None:
    x = mx.sym.var("x").as_np_ndarray()
    with pytest.raises(UnsupportedOperator, match="norms of matrices"):
        import_model(mx.sym.np.linalg.norm(x, ord=2, axis=(0, 1)), shapes={"x": (3, 3)})


@pytest.mark.parametrize(("function", "message"), [
    (lambda f, x: f.var(x), "MXNet truncates the mean of others to integers first, whatever dtype is given"),
    (lambda f, x: f.std(x, dtype="float32"), "MXNet truncates the mean of others to integers first, whatever dtype is given"),
    (lambda f, x: f.average(x), "MXNet truncates averages of others to integers"),
    (lambda f, x: f.linalg.norm(x), "MXNet truncates norms of others to integers"),
    (lambda f, x: f.ldexp(x, 2), "MXNet truncates the result of others to integers"),
    (lambda f, x: f.ldexp(2, x), "MXNet truncates the result of others to integers"),
], ids=["var", "std", "average", "norm", "ldexp", "rldexp"])
def test_what_mxnet_truncates_is_of_floats(function: Callable[..., Any], message: str, mx: ModuleType) -> None:
    symbol = function(mx.sym.np, mx.sym.var("x").as_np_ndarray())
    with pytest.raises(ImportFailure, match=f"data of i32, expected floats: {message}"):
        import_model((symbol, {}, {}), shapes={"x": (3,)}, dtypes={"x": "int32"})


def test_weights_of_one_axis_have_one_sum(check_np: Check) -> None:
    x = np.arange(6, dtype=np.float32).reshape(2, 3)
    for axis, weights in ((0, [1.0, 3.0]), (1, [0.5, 2.0, 4.0]), (-1, [1.0, 2.0, 3.0])):
        check_np(lambda f, a, w, axis=axis: list(f.average(a, axis=axis, weights=w, returned=True)), x, np.array(weights, np.float32), reduction=3)


@pytest.mark.parametrize(("subscripts", "shapes"), [
    ("ij,jk->ik", [(3, 1), (4, 2)]), ("bij,bjk->bik", [(1, 3, 4), (2, 4, 2)]), ("...i,...i->...", [(1, 3), (2, 3)]), ("i,i->i", [(1,), (4,)]),
    ("i,i->", [(3,), (1,)]),
])
def test_einsum_repeats_sizes_of_1(subscripts: str, shapes: list[tuple[int, ...]], check_np: Check, rng: np.random.Generator) -> None:
    check_np(lambda f, *operands: f.einsum(subscripts, *operands), *(rng.normal(size=shape).astype(np.float32) for shape in shapes), reduction=24)
