"""Reshape with all its codes, transposition and broadcasting to a shape, against MXNet."""

from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ngc.errors import ImportFailure
from ngc.importer import import_model
from ngc.importer.attributes import MalformedValue
from ngc.importer.operators.reshape_codes import reshaped
from ngc.ir import SymDim

Check = Callable[..., Any]


def numbers(*shape: int) -> np.ndarray:
    return np.arange(np.prod(shape), dtype=np.float32).reshape(shape)


RESHAPES: list[tuple[tuple[int, ...], dict[str, Any]]] = [
    ((2, 3, 4), {"shape": (4, 0, 2)}),
    ((2, 3, 4), {"shape": (6, 1, -1)}),
    ((2, 3, 4), {"shape": (0, -1)}),
    ((2, 3, 4), {"shape": (-1,)}),
    ((2, 3, 4), {"shape": (-2,)}),
    ((2, 3, 4), {"shape": (2, -2)}),
    ((2, 3, 4), {"shape": (-2, 1, 1)}),
    ((2, 3, 4), {"shape": (-3, 4)}),
    ((2, 3, 4, 5), {"shape": (-3, -3)}),
    ((2, 3, 4), {"shape": (0, -3)}),
    ((2, 3, 4), {"shape": (-3, -2)}),
    ((2, 3, 4), {"shape": (-4, 1, 2, -2)}),
    ((2, 3, 4), {"shape": (2, -4, -1, 3, -2)}),
    ((2, 3, 4), {"shape": (0, 0, -4, 2, -1)}),
    ((2, 3, 4), {"shape": (0, 0, 0, -4, 2, 2)[:3]}),
    ((10, 5, 4), {"shape": (-1, 0)}),
    ((10, 5, 4), {"shape": (-1, 0), "reverse": True}),
    ((2, 3, 8), {"shape": (0, 0, 2, 4, -4), "reverse": True}),
    ((2, 3, 4), {"shape": (-3, 0), "reverse": True}),
    ((2, 3, 4), {"target_shape": (2, 0)}),
    ((2, 3, 4), {"target_shape": (0, 12)}),
    ((2, 3, 4), {"target_shape": (9, 0), "keep_highest": True}),
]


@pytest.mark.parametrize(("shape", "attrs"), RESHAPES)
def test_reshape(shape: tuple[int, ...], attrs: dict[str, Any], mx: ModuleType, check: Check) -> None:
    check(mx.sym.Reshape(mx.sym.var("data"), name="z", **attrs), {"data": numbers(*shape)}, batch=False)


@pytest.mark.parametrize("codes", [(0, -1), (-1, 12), (-3, 0), (0, -4, 1, 3, -2), (-1,), (-1, 4)])
def test_reshape_of_a_batch_of_any_size(codes: tuple[int, ...], mx: ModuleType, check: Check) -> None:
    check(mx.sym.Reshape(mx.sym.var("data"), shape=codes, name="z"), {"data": numbers(2, 3, 4)})


def test_dimensions_that_depend_on_the_batch() -> None:
    n = SymDim()
    assert reshaped((n, 3, 4), (0, -1)) == (n, 12)
    assert reshaped((n, 3, 4), (-3, 4)) == (SymDim(3), 4)
    assert reshaped((SymDim(6), 4), (-4, -1, 6, 0)) == (n, 6, 4)


BAD_CODES = [
    ((2, 3), (-1, -1), "-1 may stand once"),
    ((2, 3), (0, 0, 0), "consume more dimensions than the data's 2"),
    ((2, 3), (4, -1), "4 does not divide 6"),
    ((2, 3), (-4, 2), "-4 must be followed by two sizes"),
    ((2, 3), (-4, -1, -1, 0), "-4 must be followed by two sizes"),
    ((6, 3), (-4, 4, 2, 0), "-4 cannot split 6 into 4 times 2"),
    ((2, 3), (-5,), "unknown code -5"),
    ((SymDim(), 3), (-1, 7), "cannot be inferred"),
]


@pytest.mark.parametrize(("source", "codes", "message"), BAD_CODES)
def test_codes_that_do_not_fit(source: tuple[Any, ...], codes: tuple[int, ...], message: str) -> None:
    with pytest.raises(MalformedValue, match=message):
        reshaped(source, codes)


@settings(deadline=None, max_examples=50)
@given(st.lists(st.integers(1, 4), min_size=1, max_size=4), st.data())
def test_codes_that_keep_the_elements_keep_their_number(source: list[int], data: st.DataObject) -> None:
    codes: list[int] = []
    position = 0
    while position < len(source):
        code = data.draw(st.sampled_from([0, -3, -2, -4, source[position]]))
        if code == -3 and position + 1 == len(source):
            code = 0
        codes += [-4, 1, -1] if code == -4 else [code]
        position += {-3: 2, -2: len(source)}.get(code, 1)
    result = reshaped(tuple(source), codes)
    assert np.prod([int(str(dim)) for dim in result]) == np.prod(source)


def test_reshape_that_holds_another_number_of_elements(mx: ModuleType) -> None:
    symbol = mx.sym.Reshape(mx.sym.var("data"), shape=(5, 2), name="z")
    with pytest.raises(ImportFailure, match=r"node 1 'z' \(Reshape\): .*\(2, 3\) holds 6 elements"):
        import_model(symbol, shapes={"data": (2, 3)})
    with pytest.raises(ImportFailure, match=r"shape = \(4, -1\) for data of shape \(2, 3\)"):
        import_model(mx.sym.Reshape(mx.sym.var("data"), shape=(4, -1)), shapes={"data": (2, 3)})


@pytest.mark.parametrize("shape", [(2, 3, 4, 5), (2, 3), (4,)])
def test_flatten(shape: tuple[int, ...], mx: ModuleType, check: Check) -> None:
    check(mx.sym.Flatten(mx.sym.var("data"), name="z"), {"data": numbers(*shape)})


@pytest.mark.parametrize("axes", [(), (1, 0, 2), (2, 0, 1)])
def test_transpose(axes: tuple[int, ...], mx: ModuleType, check: Check) -> None:
    check(mx.sym.transpose(mx.sym.var("data"), axes=axes, name="z"), {"data": numbers(2, 3, 4)})


@pytest.mark.parametrize(("first", "second"), [(0, 2), (-1, 1), (1, 1)])
def test_swap_axis(first: int, second: int, mx: ModuleType, check: Check) -> None:
    symbol = mx.sym.SwapAxis(mx.sym.var("data"), dim1=first, dim2=second, name="z")
    check(symbol, {"data": numbers(2, 3, 4)})


@pytest.mark.parametrize("axis", [0, 2, -1, -3])
def test_expand_dims(axis: int, mx: ModuleType, check: Check) -> None:
    check(mx.sym.expand_dims(mx.sym.var("data"), axis=axis, name="z"), {"data": numbers(2, 3)})


@pytest.mark.parametrize("axis", [None, 1, (1, 3), -1])
def test_squeeze(axis: Any, mx: ModuleType, check: Check) -> None:
    check(mx.sym.squeeze(mx.sym.var("data"), axis=axis, name="z"), {"data": numbers(2, 1, 3, 1)})


def test_squeeze_of_ones(mx: ModuleType, check: Check) -> None:
    check(mx.sym.squeeze(mx.sym.var("data"), name="z"), {"data": numbers(1, 1)}, batch=False)


def test_broadcasts(mx: ModuleType, check: Check) -> None:
    a, b = mx.sym.var("a"), mx.sym.var("b")
    feeds = {"a": numbers(2, 1, 3, 1)}
    check(mx.sym.broadcast_axis(a, axis=(1, 3), size=(4, 5), name="z"), feeds)
    check(mx.sym.broadcast_axis(a, axis=1, size=4, name="z"), feeds)
    check(mx.sym.broadcast_to(a, shape=(0, 4, 0, 5), name="z"), feeds)
    check(mx.sym.broadcast_to(a, shape=(2, 4, 3, 5), name="z"), feeds, batch=False)
    check(mx.sym.broadcast_like(a, b, name="z"), feeds | {"b": numbers(2, 4, 3, 5)})
    check(mx.sym.broadcast_like(a, b, lhs_axes=(1, -1), rhs_axes=(0, 1), name="z"), feeds | {"b": numbers(6, 7)}, batch=False)


def test_reshape_like(mx: ModuleType, check: Check) -> None:
    a, b = mx.sym.var("a"), mx.sym.var("b")
    feeds = {"a": numbers(4, 6), "b": numbers(2, 2, 6)}
    check(mx.sym.reshape_like(a, b, name="z"), feeds, batch=False)
    symbol = mx.sym.reshape_like(a, b, lhs_begin=0, lhs_end=1, rhs_begin=0, rhs_end=2, name="z")
    check(symbol, feeds, batch=False)
    symbol = mx.sym.reshape_like(a, b, lhs_begin=-2, lhs_end=-1, rhs_begin=-3, rhs_end=-1, name="z")
    check(symbol, feeds, batch=False)


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_stack(axis: int, mx: ModuleType, check: Check) -> None:
    symbol = mx.sym.stack(mx.sym.var("a"), mx.sym.var("b"), axis=axis, name="z")
    check(symbol, {"a": numbers(2, 3), "b": numbers(2, 3) + 9})


def test_blocks_of_space(mx: ModuleType, check: Check) -> None:
    data = mx.sym.var("data")
    check(mx.sym.depth_to_space(data, block_size=2, name="z"), {"data": numbers(2, 8, 3, 5)})
    check(mx.sym.space_to_depth(data, block_size=2, name="z"), {"data": numbers(2, 2, 6, 4)})


def test_refusals(mx: ModuleType) -> None:
    data = mx.sym.var("data")
    shapes = {"data": (2, 3)}
    with pytest.raises(ImportFailure, match=r"axes = \(-1, 0\): expected each of 0 to 1 once"):
        import_model(mx.sym.transpose(data, axes=(-1, 0)), shapes=shapes)
    with pytest.raises(ImportFailure, match=r"axis 1 of data of shape \(2, 3\) is not 1"):
        import_model(mx.sym.squeeze(data, axis=1), shapes=shapes)
    with pytest.raises(ImportFailure, match=r"axis 3 is outside data of 3 dimensions; expected -3 to 2"):
        import_model(mx.sym.expand_dims(data, axis=3), shapes=shapes)
    with pytest.raises(ImportFailure, match=r"\(2, 3\) cannot be broadcast to \(2, 5\)"):
        import_model(mx.sym.broadcast_to(data, shape=(0, 5)), shapes=shapes)
    with pytest.raises(ImportFailure, match="3 channels cannot be divided into blocks of 2 by 2"):
        import_model(mx.sym.depth_to_space(data, block_size=2), shapes={"data": (1, 3, 4, 4)})


@pytest.mark.parametrize("reps", [(), (2,), (2, 3), (2, 1, 1, 3), (3, 2, 1)])
def test_tile(reps: tuple[int, ...], mx: ModuleType, check: Check) -> None:
    check(mx.sym.tile(mx.sym.var("data"), reps=reps, name="z"), {"data": numbers(2, 3, 4)}, batch=len(reps) < 4)


@pytest.mark.parametrize("axis", [None, 0, 1, -1])
def test_repeat(axis: int | None, mx: ModuleType, check: Check) -> None:
    check(mx.sym.repeat(mx.sym.var("data"), repeats=3, axis=axis, name="z"), {"data": numbers(2, 3, 4)})
