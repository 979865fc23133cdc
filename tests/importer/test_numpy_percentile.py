"""Percentiles against MXNet, where they are a number or a constant."""

from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from ngc.errors import ImportFailure
from ngc.importer import import_model
from ngc.ir import evaluate
from tests.importer.conftest import assert_close

Check = Callable[..., Any]

DATA = np.random.default_rng(2).normal(size=(3, 4, 5)).astype(np.float32)
MODES = ("linear", "lower", "higher", "midpoint", "nearest")


@pytest.mark.parametrize("interpolation", MODES)
@pytest.mark.parametrize(("q", "axis", "keepdims"), [
    (50, None, False), (33.3, 1, True), (0, 2, False), (100, (0, 2), False), (87.5, -1, False), (50, (2, 1), True),
])
def test_a_number(interpolation: str, q: float, axis: Any, keepdims: bool, check_np: Check) -> None:
    check_np(lambda f, x: f.percentile(x, q, axis=axis, interpolation=interpolation, keepdims=keepdims), DATA)


@pytest.mark.parametrize("dtype", [np.float64, np.float16, np.int32, np.int64, np.uint8])
def test_element_types(dtype: type, check_np: Check) -> None:
    """MXNet rounds the products of float16 to float16; the results are float32 in both."""
    check_np(lambda f, x: f.percentile(x, 30, axis=1), (np.abs(DATA) * 40).astype(dtype), scale=2.0**13 if dtype is np.float16 else 16)


def test_the_batch_is_kept(check_np: Check) -> None:
    check_np(lambda f, x: f.percentile(x, 40, axis=(1, 2)), DATA, batch=True)


@pytest.mark.parametrize("keepdims", [False, True])
def test_a_constant_vector(keepdims: bool, mx: ModuleType) -> None:
    mx.npx.set_np()
    try:
        q = np.array([0.0, 20.0, 77.7, 100.0])
        wanted = mx.np.percentile(mx.np.array(DATA), mx.np.array(q, dtype="float64"), axis=1, keepdims=keepdims).asnumpy()
        x, percentiles = (mx.sym.var(name).as_np_ndarray() for name in ("x", "q"))
        symbol = mx.sym.np.percentile(x, percentiles, axis=1, keepdims=keepdims)
    finally:
        mx.npx.reset_np()
    model = import_model((symbol, {"q": q}, {}), shapes={"x": DATA.shape})
    assert_close(evaluate(model, {"x": DATA})[0], wanted, reduction=2)


def test_refusals(mx: ModuleType) -> None:
    x, q = (mx.sym.var(name).as_np_ndarray() for name in ("x", "q"))
    percentile = mx.sym.np.percentile
    with pytest.raises(ImportFailure, match="percentiles that are data: expected a number or a constant"):
        import_model((percentile(x, q), {}, {}), shapes={"x": (3,), "q": (2,)})
    with pytest.raises(ImportFailure, match=r"percentiles 101\.0: expected numbers between 0 and 100"):
        import_model((percentile(x, 101), {}, {}), shapes={"x": (3,)})
    with pytest.raises(ImportFailure, match="percentiles of truth values"):
        import_model((percentile(x, 10), {}, {}), shapes={"x": (3,)}, dtypes={"x": np.bool_})
    with pytest.raises(ImportFailure, match="the number of elements to choose from depends on N"):
        import_model((percentile(x, 10, axis=0), {}, {}), shapes={"x": ("N", 3)})
