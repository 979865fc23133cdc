"""Joining, splitting, cutting and padding against MXNet."""

from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from ngc.errors import ImportFailure
from ngc.importer import import_model

Check = Callable[..., Any]


def numbers(*shape: int) -> np.ndarray:
    return np.arange(np.prod(shape), dtype=np.float32).reshape(shape)


@pytest.mark.parametrize("dim", [1, 2, -1])
def test_concat(dim: int, mx: ModuleType, check: Check) -> None:
    symbol = mx.sym.Concat(mx.sym.var("a"), mx.sym.var("b"), mx.sym.var("c"), dim=dim, name="z")
    shapes = [(2, 3, 4), (2, 3, 4), (2, 3, 4)]
    shapes[1] = (2, 5, 4) if dim == 1 else (2, 3, 5)
    check(symbol, {name: numbers(*shape) for name, shape in zip("abc", shapes, strict=True)})


def test_concat_of_vectors_and_of_one(mx: ModuleType, check: Check) -> None:
    a, b = mx.sym.var("a"), mx.sym.var("b")
    check(mx.sym.Concat(a, b, dim=0, name="z"), {"a": numbers(3), "b": numbers(2)}, batch=False)
    check(mx.sym.Concat(a, dim=1, name="z"), {"a": numbers(2, 3)})


@pytest.mark.parametrize(
    ("shape", "attrs"),
    [
        ((2, 6, 4), {"num_outputs": 3}),
        ((2, 6, 4), {"num_outputs": 1}),
        ((2, 6, 4), {"num_outputs": 2, "axis": -1}),
        ((2, 3, 4), {"num_outputs": 3, "squeeze_axis": True}),
        ((2, 6, 4), {"num_outputs": 4, "axis": 2, "squeeze_axis": True}),
    ],
)
def test_slice_channel(shape: tuple[int, ...], attrs: dict[str, Any], mx: ModuleType, check: Check) -> None:
    symbol = mx.sym.SliceChannel(mx.sym.var("data"), name="z", **attrs)
    check(mx.sym.Group(list(symbol)), {"data": numbers(*shape)})


def test_pieces_that_nothing_reads_are_left_out(mx: ModuleType, check: Check) -> None:
    symbol = mx.sym.SliceChannel(mx.sym.var("data"), num_outputs=3, name="z")[1]
    graph = check(symbol, {"data": numbers(2, 6)})
    assert graph.count() == {"slice": 1}


@pytest.mark.parametrize(
    "attrs",
    [
        {"indices": (0, 1, 3), "axis": 1},
        {"indices": (), "sections": 3, "axis": 1},
        {"indices": (0, 5), "axis": -2, "squeeze_axis": False},
        {"indices": (), "sections": 6, "axis": 1, "squeeze_axis": True},
    ],
    ids=str,
)
def test_split_v2(attrs: dict[str, Any], mx: ModuleType, check: Check) -> None:
    symbol = mx.sym._internal._split_v2(mx.sym.var("data"), name="z", **attrs)
    check(mx.sym.Group(list(symbol)), {"data": numbers(2, 6, 4)})


SLICES = [
    {"begin": (0, 1), "end": (2, 3)},
    {"begin": (None, 1), "end": (None, None)},
    {"begin": (None, -2), "end": (None, -1)},
    {"begin": (None, 1), "end": (None, 99)},
    {"begin": (None, None, 1), "end": (None, None, 4), "step": (1, 1, 2)},
    {"begin": (None, None), "end": (None, None), "step": (1, -1)},
    {"begin": (None, 4), "end": (None, 1), "step": (None, -2)},
    {"begin": (None, -1), "end": (None, -4), "step": (None, -1)},
    {"begin": (None, 4, 3), "end": (None, None, 0), "step": (None, -1, -1)},
]


@pytest.mark.parametrize("attrs", SLICES, ids=str)
def test_slice(attrs: dict[str, Any], mx: ModuleType, check: Check) -> None:
    batch = attrs["begin"][0] is None
    check(mx.sym.slice(mx.sym.var("data"), name="z", **attrs), {"data": numbers(2, 5, 6)}, batch=batch)


@pytest.mark.parametrize(
    ("axis", "begin", "end"), [(1, 1, 3), (1, 0, None), (-1, 2, None), (2, -3, -1), (1, -2, None), (0, 0, None)]
)
def test_slice_axis(axis: int, begin: int, end: int | None, mx: ModuleType, check: Check) -> None:
    symbol = mx.sym.slice_axis(mx.sym.var("data"), axis=axis, begin=begin, end=end, name="z")
    check(symbol, {"data": numbers(2, 5, 6)})


@pytest.mark.parametrize(
    ("axes", "like"), [((), (2, 3, 4)), ((1,), (9, 2)), ((1, -1), (7, 5, 2)), ((2,), (1, 1, 6))]
)
def test_slice_like(axes: tuple[int, ...], like: tuple[int, ...], mx: ModuleType, check: Check) -> None:
    symbol = mx.sym.slice_like(mx.sym.var("a"), mx.sym.var("b"), axes=axes, name="z")
    check(symbol, {"a": numbers(2, 5, 6), "b": numbers(*like)}, batch=False)


@pytest.mark.parametrize("axis", [(1,), (1, 2)])
def test_reverse(axis: tuple[int, ...], mx: ModuleType, check: Check) -> None:
    check(mx.sym.reverse(mx.sym.var("data"), axis=axis, name="z"), {"data": numbers(2, 3, 4)})


@pytest.mark.parametrize("mode", ["constant", "edge", "reflect"])
@pytest.mark.parametrize(
    ("shape", "widths"),
    [((2, 3, 4, 5), (0, 0, 0, 0, 1, 2, 3, 0)), ((2, 3, 4, 5, 3), (0, 0, 0, 0, 1, 0, 2, 3, 1, 2))],
)
def test_pad(mode: str, shape: tuple[int, ...], widths: tuple[int, ...], mx: ModuleType, check: Check) -> None:
    symbol = mx.sym.Pad(mx.sym.var("data"), mode=mode, pad_width=widths, constant_value=2.5, name="z")
    check(symbol, {"data": numbers(*shape)})


@pytest.mark.parametrize(
    "attrs",
    [
        {"h_w": (3, 4), "offset": (1, 2)},
        {"h_w": (3, 4), "center_crop": True},
    ],
    ids=str,
)
def test_crop(attrs: dict[str, Any], mx: ModuleType, check: Check) -> None:
    check(mx.sym.Crop(mx.sym.var("data"), num_args=1, name="z", **attrs), {"data": numbers(2, 3, 6, 7)})


@pytest.mark.parametrize("attrs", [{}, {"center_crop": True}, {"offset": (1, 2)}], ids=str)
def test_crop_like(attrs: dict[str, Any], mx: ModuleType, check: Check) -> None:
    symbol = mx.sym.Crop(mx.sym.var("a"), mx.sym.var("b"), num_args=2, name="z", **attrs)
    check(symbol, {"a": numbers(2, 3, 6, 7), "b": numbers(2, 9, 3, 4)})


def test_refusals(mx: ModuleType) -> None:
    data = mx.sym.var("data")
    shapes = {"data": (2, 5)}
    with pytest.raises(ImportFailure, match=r"axis 1 of data of shape \(2, 5\) cannot be cut into 2 parts"):
        import_model(mx.sym.SliceChannel(data, num_outputs=2)[0], shapes=shapes)
    squeezed = mx.sym.SliceChannel(data, num_outputs=2, squeeze_axis=True)[0]
    with pytest.raises(ImportFailure, match="squeeze_axis needs pieces of 1, piece 0 has 2"):
        import_model(squeezed, shapes={"data": (2, 4)})
    with pytest.raises(ImportFailure, match="begin = 1, end = 9 leave nothing of, or reach past, a dimension of 5"):
        import_model(mx.sym.slice_axis(data, axis=1, begin=1, end=9), shapes=shapes)
    with pytest.raises(ImportFailure, match="axis 0 depends on N; compile with a fixed batch instead"):
        import_model(mx.sym.slice_axis(data, axis=0, begin=0, end=1), shapes={"data": ("N", 5)})
    with pytest.raises(ImportFailure, match="a step cannot be 0"):
        import_model(mx.sym.slice(data, begin=(0, 0), end=(1, 1), step=(1, 0)), shapes=shapes)
    with pytest.raises(ImportFailure, match="leave nothing of data"):
        import_model(mx.sym.slice(data, begin=(0, 3), end=(1, 2)), shapes=shapes)
    padded = mx.sym.Pad(data, mode="edge", pad_width=(1, 0, 0, 0, 1, 1, 1, 1))
    with pytest.raises(ImportFailure, match="those of the first two dimensions 0"):
        import_model(padded, shapes={"data": (1, 2, 3, 4)})
    padded = mx.sym.Pad(data, mode="reflect", pad_width=(0, 0, 0, 0, 5, 1, 1, 1))
    with pytest.raises(ImportFailure, match="reflection by 5 needs a dimension larger than that, not 3"):
        import_model(padded, shapes={"data": (1, 2, 3, 4)})
    with pytest.raises(ImportFailure, match=r"a crop of \(9, 9\) at \(0, 0\) does not fit into \(3, 4\)"):
        import_model(mx.sym.Crop(data, num_args=1, h_w=(9, 9)), shapes={"data": (1, 2, 3, 4)})
