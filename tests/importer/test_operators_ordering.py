"""topk, sort, argsort, argmax and argmin against MXNet."""

from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from ngc.errors import ImportFailure
from ngc.importer import import_model

Check = Callable[..., Any]


def ties(rng: np.random.Generator, *shape: int, dtype: Any = np.float32) -> np.ndarray:
    """Returns data with many equal elements."""
    return rng.integers(0, 5, shape).astype(dtype)


def shuffled(rng: np.random.Generator, *shape: int, dtype: Any = np.float32) -> np.ndarray:
    """Returns data without equal elements."""
    return rng.permutation(int(np.prod(shape))).reshape(shape).astype(dtype)


@pytest.mark.parametrize("form", ["indices", "value", "both", "mask"])
@pytest.mark.parametrize("axis", [-1, 0, None])
@pytest.mark.parametrize("ascending", [False, True])
def test_topk(form: str, axis: int | None, ascending: bool, mx: ModuleType, check: Check, rng: np.random.Generator) -> None:
    for k in (0, 1, 3):
        symbol = mx.sym.topk(mx.sym.var("data"), axis=axis, k=k, ret_typ=form, is_ascend=ascending, name="z")
        check(symbol, {"data": shuffled(rng, 4, 3, 6)}, batch=False)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16, np.int32, np.int64, np.uint8, np.int8])
def test_topk_of_a_batch_of_any_type(dtype: Any, mx: ModuleType, check: Check, rng: np.random.Generator) -> None:
    for indices in ("float32", "int32", "uint8"):
        symbol = mx.sym.topk(mx.sym.var("data"), k=2, ret_typ="both", dtype=indices, name="z")
        check(symbol, {"data": ties(rng, 3, 7, dtype=dtype)})
    check(mx.sym.topk(mx.sym.var("data"), k=2, ret_typ="mask", name="z"), {"data": ties(rng, 3, 7, dtype=dtype)})


@pytest.mark.parametrize("axis", [-1, 0, 1, None])
@pytest.mark.parametrize("ascending", [None, False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.int32, np.uint8])
def test_sort_and_argsort(axis: int | None, ascending: bool | None, dtype: Any, mx: ModuleType, check: Check, rng: np.random.Generator) -> None:
    how: dict[str, Any] = {"axis": axis} if ascending is None else {"axis": axis, "is_ascend": ascending}
    data = {"data": shuffled(rng, 4, 3, 6, dtype=dtype)}
    check(mx.sym.sort(mx.sym.var("data"), name="z", **how), data, batch=False)
    check(mx.sym.argsort(mx.sym.var("data"), name="z", **how), data, batch=False)
    check(mx.sym.argsort(mx.sym.var("data"), name="z", dtype="int32", **how), data, batch=False)


@pytest.mark.parametrize("op", ["argmax", "argmin"])
@pytest.mark.parametrize("axis", [None, 0, 1, -1])
@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float16, np.int32, np.uint8, np.int64])
def test_argmax_and_argmin(op: str, axis: int | None, keepdims: bool, dtype: Any, mx: ModuleType, check: Check, rng: np.random.Generator) -> None:
    symbol = getattr(mx.sym, op)(mx.sym.var("data"), axis=axis, keepdims=keepdims, name="z")
    check(symbol, {"data": ties(rng, 4, 3, 6, dtype=dtype)}, batch=axis not in (0, None))


def test_the_first_nan_is_the_extreme(mx: ModuleType, check: Check) -> None:
    rows = np.array([[1, np.nan, 3, np.nan], [np.nan] * 4, [-np.inf] * 4, [1, 3, 3, 0]], np.float32)
    for op in ("argmax", "argmin"):
        check(getattr(mx.sym, op)(mx.sym.var("data"), axis=1, name="z"), {"data": rows})


def test_argmax_channel(mx: ModuleType, check: Check, rng: np.random.Generator) -> None:
    check(mx.sym.argmax_channel(mx.sym.var("data"), name="z"), {"data": ties(rng, 2, 5, 3)})
    check(mx.sym.argmax(mx.sym.var("data"), axis=0, name="z"), {"data": ties(rng, 5)}, batch=False)


def test_refusals(mx: ModuleType) -> None:
    data = mx.sym.var("data")
    with pytest.raises(ImportFailure, match="k = 9: expected at most 4, what axis 1 has"):
        import_model(mx.sym.topk(data, k=9), shapes={"data": (2, 4)})
    with pytest.raises(ImportFailure, match="k = 9: expected at most 4, what axis 1 has"):
        import_model(mx.sym.topk(data, k=9, ret_typ="mask"), shapes={"data": (2, 4)})
    with pytest.raises(ImportFailure, match="the axis to be sorted depends on N; compile with a fixed batch instead"):
        import_model(mx.sym.sort(data, axis=0), shapes={"data": ("N", 4)})
    with pytest.raises(ImportFailure, match="axis 2 is outside data of 2 dimensions"):
        import_model(mx.sym.argmax(data, axis=2), shapes={"data": (2, 4)})
