"""Insertion of values into tensors, against MXNet; what MXNet reads past its end for is refused."""

from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from ngc.errors import ImportFailure
from ngc.importer import import_model
from ngc.ir import evaluate

Check = Callable[..., Any]

DATA = np.arange(6, dtype=np.float32).reshape(2, 3)
PAIR, ROW = np.array([9.0, 8.0], np.float32), np.array([9.0, 8.0, 7.0], np.float32)
COLUMN = PAIR.reshape(2, 1)


@pytest.mark.parametrize(("place", "axis", "values"), [(1, 1, PAIR), (1, 0, ROW), (-1, 0, ROW), (2, 0, ROW), (3, 1, COLUMN), (0, None, PAIR), (-6, None, PAIR)])
def test_at_one_place(place: int, axis: int | None, values: np.ndarray, check_np: Check) -> None:
    check_np(lambda f, x, v: f.insert(x, place, v, axis=axis), DATA, values)


@pytest.mark.parametrize(("places", "axis", "values"), [
    (slice(0, 2, 1), 1, np.array([5.0], np.float32)), (slice(2, 0, -1), 1, PAIR), (slice(0, 1, 1), 0, ROW), (slice(0, 3, 2), 1, COLUMN),
    (slice(1, 4, 1), None, ROW),
])
def test_at_a_slice(places: slice, axis: int | None, values: np.ndarray, check_np: Check) -> None:
    check_np(lambda f, x, v: f.insert(x, places, v, axis=axis), DATA, values)


@pytest.mark.parametrize("axis", [0, 1, None])
@pytest.mark.parametrize("places", [1, -1, slice(0, 2, 1), slice(None, None, -1), slice(1, 1, None)], ids=str)
def test_a_number(places: int | slice, axis: int | None, mx: ModuleType) -> None:
    """MXNet's kernel takes it for float64 data of one dimension only."""
    symbol = mx.sym.np.insert(mx.sym.var("x").as_np_ndarray(), places, 2.5, axis=axis)
    model = import_model((symbol, {}, {}), shapes={"x": DATA.shape})
    np.testing.assert_array_equal(evaluate(model, {"x": DATA})[0], np.insert(DATA, places, 2.5, axis))


@pytest.mark.parametrize(("places", "axis", "values"), [
    ([1, 0], 0, np.stack([ROW, ROW * 2])), ([2, 0, 2], 1, ROW), ([1], 0, ROW), ([-1, 3], 1, COLUMN), ([5, 0, 1], None, ROW), (1, 1, PAIR),
])
def test_at_constant_places(places: Any, axis: int | None, values: np.ndarray, mx: ModuleType) -> None:
    x, v, p = (mx.sym.var(name).as_np_ndarray() for name in "xvp")
    symbol = mx.sym.np.insert(x, p, v, axis=axis)
    model = import_model((symbol, {"p": np.array(places, np.int64)}, {}), shapes={"x": DATA.shape, "v": values.shape})
    np.testing.assert_array_equal(evaluate(model, {"x": DATA, "v": values})[0], np.insert(DATA, places, values, axis))


def test_a_batch_is_kept(mx: ModuleType) -> None:
    x, v = (mx.sym.var(name).as_np_ndarray() for name in "xv")
    model = import_model((mx.sym.np.insert(x, slice(0, 2, 1), v, axis=1), {}, {}), shapes={"x": ("N", 3), "v": (2,)})
    np.testing.assert_array_equal(evaluate(model, {"x": DATA, "v": PAIR})[0], np.insert(DATA, slice(0, 2, 1), PAIR, 1))


def test_refusals(mx: ModuleType) -> None:
    x, v, p = (mx.sym.var(name).as_np_ndarray() for name in "xvp")
    insert = mx.sym.np.insert
    for symbol, shapes, message in (
        (insert(x, p, v), {"x": (3,), "v": (2,), "p": (2,)}, "places that are data: expected a constant"),
        (insert(x, 4, v, axis=0), {"x": (3,), "v": (1,)}, r"places \[4\] in an axis of 3: expected -3 to 3"),
        (insert(x, 0, v, axis=0), {"x": (3,), "v": (1, 2)}, "values of 2 dimensions for data of 1"),
        (insert(x, 0, v, axis=0), {"x": (3, 4), "v": (3,)}, r"\(1, 4\)|cannot be broadcast"),
        (insert(x, 0, v, axis=0), {"x": ("N", 4), "v": (4,)}, "the axis to insert into depends on N"),
    ):
        with pytest.raises(ImportFailure, match=message):
            import_model((symbol, {}, {}), shapes=shapes)
