"""Running sums, moments, sums without NaN, patches, diagonals and positions against MXNet."""

from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from ngc.errors import ImportFailure, UnsupportedOperator
from ngc.importer import import_model

Check = Callable[..., Any]


def numbers(*shape: int) -> np.ndarray:
    return np.arange(1, np.prod(shape) + 1, dtype=np.float32).reshape(shape)


@pytest.mark.parametrize("axis", [None, 0, 1, 2])
@pytest.mark.parametrize("dtype", [None, "int32", "float64"])
def test_cumsum(axis: int | None, dtype: str | None, mx: ModuleType, check: Check, rng: np.random.Generator) -> None:
    symbol = mx.sym.cumsum(mx.sym.var("data"), axis=axis, dtype=dtype, name="z")
    check(symbol, {"data": rng.normal(size=(3, 5, 4)).astype(np.float32) * 9}, batch=False, reduction=60)
    check(symbol, {"data": rng.integers(-100, 100, (3, 5, 4)).astype(np.int8)}, batch=False)


@pytest.mark.parametrize("op", ["nansum", "nanprod"])
@pytest.mark.parametrize("axis", [None, 1, (0, 2)])
def test_reductions_without_nan(op: str, axis: Any, mx: ModuleType, check: Check, rng: np.random.Generator) -> None:
    data = rng.uniform(0.5, 1.5, (3, 5, 4)).astype(np.float32)
    data[rng.random(data.shape) < 0.3] = np.nan
    for more in ({}, {"keepdims": True}, {"exclude": True}):
        check(getattr(mx.sym, op)(mx.sym.var("data"), axis=axis, name="z", **more), {"data": data}, batch=False, reduction=60)
    check(getattr(mx.sym, op)(mx.sym.var("data"), axis=1, name="z"), {"data": np.array([[2, 3], [4, 5]], np.int32)})


@pytest.mark.parametrize("axes", [(0,), (1, 2), (0, 1, 2), (-1,)])
@pytest.mark.parametrize("keepdims", [False, True])
def test_moments(axes: tuple[int, ...], keepdims: bool, mx: ModuleType, check: Check, rng: np.random.Generator) -> None:
    symbol = mx.sym.moments(mx.sym.var("data"), axes=axes, keepdims=keepdims, name="z")
    check(symbol, {"data": rng.normal(size=(3, 5, 4)).astype(np.float32)}, batch=False, reduction=60)


def test_softmax_cross_entropy(mx: ModuleType, check: Check) -> None:
    symbol = mx.sym.softmax_cross_entropy(mx.sym.var("data"), mx.sym.var("label"), name="z")
    data = np.array([[1, 2, 3], [1, 100, 300], [-1, 0, 5]], np.float32)  # the second chance is below the bound
    check(symbol, {"data": data, "label": np.array([0, 1, 2], np.float32)}, reduction=9)


def test_all_finite(mx: ModuleType, check: Check) -> None:
    good, bad = numbers(2, 3), np.array([1, np.nan, 2], np.float32)
    for data in (good, bad, np.array([np.inf], np.float32), good.astype(np.float16)):
        check(mx.sym.all_finite(mx.sym.var("data"), name="z"), {"data": data}, batch=False)
    symbol = mx.sym.multi_all_finite(mx.sym.var("a"), mx.sym.var("b"), num_arrays=2, name="z")
    for second in (good, bad):
        check(symbol, {"a": good, "b": second}, batch=False)


def test_sums_of_squares_and_polynomials(mx: ModuleType, check: Check) -> None:
    check(mx.sym.multi_sum_sq(mx.sym.var("a"), mx.sym.var("b"), num_arrays=2, name="z"), {"a": numbers(2, 3), "b": numbers(4)}, batch=False)
    check(mx.sym.contrib.quadratic(mx.sym.var("data"), a=1.5, b=-2, c=3, name="z"), {"data": numbers(2, 3)})


@pytest.mark.parametrize("equal_nan", [False, True])
def test_allclose(equal_nan: bool, mx: ModuleType, check: Check) -> None:
    symbol = mx.sym.contrib.allclose(mx.sym.var("a"), mx.sym.var("b"), rtol=1e-2, equal_nan=equal_nan, name="z")
    a = np.array([1, 100, np.inf], np.float32)
    for b in (a, a * 1.005, a * 1.1, np.array([1, 100, 5], np.float32), np.array([1, np.nan, np.inf], np.float32)):
        check(symbol, {"a": a, "b": b.astype(np.float32)}, batch=False)
    absent = np.array([np.nan, 2], np.float32)
    check(symbol, {"a": absent, "b": absent}, batch=False)


def test_khatri_rao(mx: ModuleType, check: Check) -> None:
    symbol = mx.sym.khatri_rao(mx.sym.var("a"), mx.sym.var("b"), mx.sym.var("c"), name="z")
    check(symbol, {"a": numbers(2, 3), "b": numbers(4, 3), "c": numbers(2, 3)}, batch=False)


def test_histogram(mx: ModuleType, check: Check) -> None:
    data, bins = mx.sym.var("data"), mx.sym.var("bins")
    x = np.array([[-1, 0, 0.1, 0.2, 0.3], [0.7, 0.9, 1, 1.1, np.nan]], np.float32)
    histogram = mx.sym._internal._histogram
    check(histogram(data, bin_cnt=10, range=(0, 1), name="z"), {"data": x})
    check(histogram(data, bin_cnt=1, range=(0, 1), name="z"), {"data": x}, batch=False)
    check(histogram(data, bin_cnt=3, range=(0, 3), name="z"), {"data": np.array([0, 1, 2, 3, 4], np.int32)}, batch=False)
    for bounds, count in (((0, 10), 4), ((0, 5), 2)):  # whose edges are truncated
        check(histogram(data, bin_cnt=count, range=bounds, name="z"), {"data": np.array([0, 1, 1, 2, 3, 4, 5, 5], np.int32)}, batch=False)
    with pytest.raises(ImportFailure, match="data of i32, expected floats: MXNet truncates the edges of bins of others to integers, and bins narrower than 1"):
        import_model(histogram(data, bin_cnt=10, range=(0, 2.5)), shapes={"data": (3,)}, dtypes={"data": "int32"})
    check(histogram(data, bins, name="z"), {"data": x, "bins": np.array([0, 0.1, 0.3, 1], np.float32)}, batch=False)
    with pytest.raises(ImportFailure, match="bin_cnt = 3 and range = None: expected a number and two bounds, or an input of bins"):
        import_model(histogram(data, bin_cnt=3), shapes={"data": (3,)})
    for arguments, shapes, message in (
        ((data, bins), {"data": (3,), "bins": (2, 2)}, r"bins of f32\[2,2\], expected 1 dimension and the data's f32"),
        ((data, bins), {"data": (3,), "bins": (1,)}, "1 edges, expected at least 2"),
    ):
        with pytest.raises(ImportFailure, match=message):
            import_model(histogram(*arguments), shapes=shapes)


WINDOWS = [{"kernel": (2, 2)}, {"kernel": (3, 2), "stride": (2, 1), "pad": (1, 0)}, {"kernel": (2, 2), "stride": (2, 3), "dilate": (2, 1), "pad": (1, 1)}]


@pytest.mark.parametrize("window", WINDOWS)
def test_im2col_and_col2im(window: dict[str, Any], mx: ModuleType, check: Check) -> None:
    symbol = mx.sym.im2col(mx.sym.var("data"), name="z", **window)
    graph = check(symbol, {"data": numbers(2, 3, 6, 7)})
    _, rows, columns = graph.outputs[0].type.shape
    back = mx.sym.col2im(mx.sym.var("data"), output_size=(6, 7), name="z", **window)
    check(back, {"data": numbers(2, int(rows), int(columns))}, reduction=6)


@pytest.mark.parametrize("k", [0, 1, -2])
def test_diag(k: int, mx: ModuleType, check: Check) -> None:
    data = mx.sym.var("data")
    check(mx.sym.diag(data, k=k, name="z"), {"data": numbers(4, 5)}, batch=False)
    check(mx.sym.diag(data, k=k, name="z"), {"data": numbers(3)}, batch=False)
    check(mx.sym.diag(data, k=k, axis1=2, axis2=0, name="z"), {"data": numbers(4, 3, 5)}, batch=False)
    check(mx.sym.diag(data, k=k, axis1=-2, axis2=-1, name="z"), {"data": numbers(2, 4, 3)})


def test_positions_and_coordinates(mx: ModuleType, check: Check) -> None:
    data = mx.sym.var("data")
    for dtype in (np.float32, np.int32, np.int64):
        coordinates = np.array([[3, 6, 6], [4, 5, 1], [1, 0, 2]], dtype)
        check(mx.sym.ravel_multi_index(data, shape=(7, 6, 3), name="z"), {"data": coordinates}, batch=False)
        check(mx.sym.ravel_multi_index(data, shape=(-1, 6, 3), name="z"), {"data": coordinates}, batch=False)
        for shape in ((7, 6, 3), (-1, 6, 3)):
            check(mx.sym.unravel_index(data, shape=shape, name="z"), {"data": np.array([22, 41, 125], dtype)}, batch=False)
    check(mx.sym.unravel_index(data, shape=(7, 6), name="z"), {"data": np.array([22.7, 3], np.float32)}, batch=False)
    check(mx.sym.unravel_index(data, shape=(50,), name="z"), {"data": np.array([22, 3], np.float32)}, batch=False)


def test_refusals(mx: ModuleType) -> None:
    data, other = mx.sym.var("data"), mx.sym.var("other")
    square = {"data": (3, 4)}
    for symbol, shapes, message in (
        (mx.sym.cumsum(data, axis=-1), square, "axis = -1: expected an axis counted from 0"),
        (mx.sym.moments(data), square, "axes = None: expected the axes, all of them for moments of all elements"),
        (mx.sym.softmax_cross_entropy(data, other), {"data": (3,), "other": (3,)}, r"data of shape \(3,\), expected 2 dimensions"),
        (mx.sym.khatri_rao(data, other), {**square, "other": (2, 3)}, r"operand 1 has shape \(2, 3\), expected 2 dimensions and 4 columns"),
        (mx.sym.diag(data, k=9), square, "k = 9: a matrix of 3 by 4 has no such diagonal"),
        (mx.sym.diag(data, axis1=1, axis2=-1), square, "axis1 = 1 and axis2 = -1 are the same axis"),
        (mx.sym.ravel_multi_index(data, shape=(4, 5)), square, r"data of shape \(3, 4\) for a shape of 2 dimensions, expected as many rows"),
        (mx.sym.unravel_index(data, shape=(4, 5)), square, r"data of shape \(3, 4\) for shape = \(4, 5\): expected 1 dimension"),
        (mx.sym.im2col(data, kernel=(2,)), {"data": (1, 2, 4)}, r"data of shape \(1, 2, 4\), expected 2 or 3 spatial dimensions"),
        (mx.sym.im2col(data, kernel=(2, 2, 2)), {"data": (1, 2, 4, 4)}, "kernel, stride, dilate and pad are of 2 numbers for an image of 2 dimensions"),
        (mx.sym.im2col(data, kernel=(99, 99)), {"data": (1, 1, 100, 100)}, r"a window of \(99, 99\), expected at most 4096 pixels"),
        (mx.sym.im2col(data, kernel=(5, 2)), {"data": (1, 2, 4, 4)}, r"a window of \(5, 2\) does not fit into an image of \[4, 4\] with its padding"),
        (mx.sym.col2im(data, kernel=(2, 2), output_size=(3, 3)), {"data": (1, 4, 5)}, "expected rows in multiples of 4 and 4 columns"),
        (mx.sym.col2im(data, kernel=(2, 2), output_size=(3, 3)), {"data": (1, 4)}, r"for an image of \(3, 3\), expected 3 dimensions for one of 2 or 3"),
        (mx.sym.tile(data, reps=(2, 0)), square, r"reps = \(2, 0\): expected numbers of at least 1"),
    ):
        with pytest.raises(ImportFailure, match=message):
            import_model(symbol, shapes=shapes)
    for symbol, message in ((mx.sym.moments(data, axes=(0,)), "moments of i32: expected floats"), (mx.sym.all_finite(data), "data of i32: expected floats"),
                            (mx.sym.contrib.quadratic(data), "data of i32: expected floats")):
        with pytest.raises(ImportFailure, match=message):
            import_model(symbol, shapes=square, dtypes={"data": "int32"})
    with pytest.raises(UnsupportedOperator, match=r"_square_sum x1: .*\n    is of sparse storage"):
        import_model(mx.sym._internal._square_sum(data, axis=1), shapes=square)
