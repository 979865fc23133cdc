"""Tensors made of nothing or of a shape, and writing into parts of tensors, against MXNet."""

from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from ngc.errors import ImportFailure, UnsupportedOperator
from ngc.importer import import_model
from ngc.ir import SymDim

Check = Callable[..., Any]
DTYPES = ["float32", "float64", "float16", "int32", "int64", "uint8", "int8"]


def numbers(*shape: int) -> np.ndarray:
    return np.arange(np.prod(shape), dtype=np.float32).reshape(shape)


@pytest.mark.parametrize("dtype", DTYPES)
def test_what_is_made_of_nothing(dtype: str, mx: ModuleType, check: Check) -> None:
    made = mx.sym._internal
    check(made._zeros(shape=(2, 3), dtype=dtype, name="z"), {})
    check(made._ones(shape=(2,), dtype=dtype, name="z"), {})
    check(made._full(shape=(2, 3), value=2.7, dtype=dtype, name="z"), {})
    check(made._eye(N=3, M=4, k=1, dtype=dtype, name="z"), {})
    check(made._eye(N=2, dtype=dtype, name="z"), {})
    check(made._linspace(start=1, stop=7, num=4, dtype=dtype, name="z"), {})
    check(made._linspace(start=0, stop=8, num=4, endpoint=False, dtype=dtype, name="z"), {})


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("bounds", [{"start": 0, "stop": 7}, {"start": 5}, {"start": 1.7, "stop": 6, "step": 1.5}, {"start": 5, "stop": 0, "step": -2},
                                    {"start": 1, "stop": 4, "repeat": 3}])
def test_arange(bounds: dict[str, Any], dtype: str, mx: ModuleType, check: Check) -> None:
    if bounds.get("step") == -2 and dtype == "uint8":
        pytest.skip("a step below 0 has no unsigned number")
    if bounds.get("step") == 1.5 and dtype == "float16":
        pytest.skip("MXNet cuts the fraction off start and step in half precision")
    check(mx.sym._internal._arange(**bounds, dtype=dtype, name="z"), {})


@pytest.mark.parametrize("dtype", [np.float32, np.float16, np.float64, np.int32, np.int64])
@pytest.mark.parametrize("axis", [None, 1, -1, 0])
def test_arange_like(axis: int | None, dtype: Any, mx: ModuleType, check: Check) -> None:
    for more in ({}, {"start": 2, "step": 3, "repeat": 2}):
        symbol = mx.sym.contrib.arange_like(mx.sym.var("data"), axis=axis, name="z", **more)
        check(symbol, {"data": np.zeros((3, 5), dtype)}, batch=False)
        graph = check(symbol, {"data": np.zeros((3, 5), dtype)})
        assert (graph.nodes[-1].op == "iota") == (axis in (None, 0))


def test_a_dimension_of_zero_is_left_to_who_reads_it(mx: ModuleType) -> None:
    graph = import_model(mx.sym._internal._zeros(shape=(2, 0, 3), name="z"), shapes={})
    assert graph.outputs[0].type.shape == (2, 1, 3)
    assert import_model(mx.sym._internal._zeros_without_dtype(shape=(2,), name="z"), shapes={}).outputs[0].type.dtype == "f32"


def test_shapes_and_indices(mx: ModuleType, check: Check) -> None:
    data = {"data": numbers(2, 3, 4)}
    check(mx.sym.shape_array(mx.sym.var("data"), name="z"), data, batch=False)
    check(mx.sym.size_array(mx.sym.var("data"), name="z"), data, batch=False)
    check(mx.sym.contrib.index_array(mx.sym.var("data"), name="z"), data, batch=False)
    check(mx.sym.contrib.index_array(mx.sym.var("data"), axes=(2, 0), name="z"), data, batch=False)


def test_what_cannot_be_made_is_refused(mx: ModuleType) -> None:
    made, data = mx.sym._internal, mx.sym.var("data")
    for name in ("shape_array", "size_array"):
        with pytest.raises(ImportFailure, match=f"the {name.removesuffix('_array')} depends on N; compile with a fixed batch instead"):
            import_model(getattr(mx.sym, name)(data), shapes={"data": ("N", 3)})
    with pytest.raises(ImportFailure, match="a dimension depends on N"):
        import_model(mx.sym.contrib.index_array(data), shapes={"data": ("N", 3)})
    with pytest.raises(UnsupportedOperator, match="infer_range=True, a length that only the operators behind it tell"):
        import_model(made._arange(start=0, infer_range=True), shapes={})
    with pytest.raises(ImportFailure, match="start = 3, stop = 1, step = 1, repeat = 1: expected 1 to 268435456 numbers"):
        import_model(made._arange(start=3, stop=1), shapes={})
    with pytest.raises(ImportFailure, match=r"start = 0, stop = 1e\+12, step = 1, repeat = 1: expected 1 to 268435456 numbers"):
        import_model(made._arange(start=0, stop=1e12), shapes={})
    with pytest.raises(ImportFailure, match=r"shape = \(100000, 100000\): expected dimensions of at least 0 and at most 268435456 elements"):
        import_model(made._zeros(shape=(100000, 100000)), shapes={})
    with pytest.raises(ImportFailure, match="N = 100000, M = 100000: expected at most 268435456 elements"):
        import_model(made._eye(N=100000), shapes={})
    with pytest.raises(ImportFailure, match=r"data of shape \(30000, 30000\) has more than 268435456 indices"):
        import_model(mx.sym.contrib.index_array(data), shapes={"data": (30000, 30000)})


@pytest.mark.parametrize("indices", [[[0, 1, 3], [1, 1, 0]], [[2, 0, 1]]])
def test_scatter_nd(indices: list[list[int]], mx: ModuleType, check: Check) -> None:
    at = np.array(indices, np.float32)
    values = numbers(*at.shape[1:], *(4, 3, 2)[at.shape[0]:])
    symbol = mx.sym.scatter_nd(mx.sym.var("data"), mx.sym.var("index"), shape=(4, 3, 2), name="z")
    check(symbol, {"data": values, "index": at}, batch=False)
    check(symbol, {"data": values.astype(np.float16), "index": at.astype(np.int64)}, batch=False)


def test_scatter_set_nd(mx: ModuleType) -> None:
    """MXNet runs the operator in place only, in imperative code."""
    names = ("base", "updates", "index")
    symbol = mx.sym._internal._scatter_set_nd(*map(mx.sym.var, names), shape=(2, 2), name="z")
    graph = import_model(symbol, shapes={"base": (2, 2), "updates": (2,), "index": (2, 2)})
    assert [node.op for node in graph.nodes] == ["cast", "scatter_nd"]


def test_index_copy(mx: ModuleType, check: Check) -> None:
    symbol = mx.sym.contrib.index_copy(mx.sym.var("old"), mx.sym.var("index"), mx.sym.var("new"), name="z")
    check(symbol, {"old": numbers(4, 3), "index": np.array([2, 0], np.int32), "new": -numbers(2, 3)}, batch=False)


@pytest.mark.parametrize("bounds", [{"begin": (1, 0), "end": (2, None), "step": (1, 2)}, {"begin": (None,), "end": (None,)},
                                    {"begin": (0, -1), "end": (2, None)}, {"begin": (3, 2), "end": (0, None), "step": (-2, -1)}])
def test_slice_assign(bounds: dict[str, Any], mx: ModuleType, check: Check) -> None:
    data = numbers(4, 3, 2)
    steps = bounds.get("step", (1,) * len(bounds["begin"]))
    part = data[tuple(slice(*triple) for triple in zip(bounds["begin"], bounds["end"], steps, strict=True))]
    symbol = mx.sym._internal._slice_assign(mx.sym.var("data"), mx.sym.var("part"), **bounds, name="z")
    check(symbol, {"data": data, "part": -part - 1}, batch=False)
    check(mx.sym._internal._slice_assign_scalar(mx.sym.var("data"), **bounds, scalar=2.5, name="z"), {"data": data}, batch=False)


def test_slice_assign_to_each_image_of_a_batch(mx: ModuleType, check: Check) -> None:
    symbol = mx.sym._internal._slice_assign_scalar(mx.sym.var("data"), begin=(None, 1), end=(None, 2), scalar=7, name="z")
    assert SymDim() in check(symbol, {"data": numbers(4, 3)}).outputs[0].type.shape


def test_what_cannot_be_written_is_refused(mx: ModuleType) -> None:
    data, part, index = map(mx.sym.var, ("data", "part", "index"))
    with pytest.raises(ImportFailure, match=r"slice_update: the update is f32\[2,3\] for this part of f32\[4,3\], not f32\[3,3\]"):
        import_model(mx.sym._internal._slice_assign(data, part, begin=(0,), end=(2,)), shapes={"data": (4, 3), "part": (3, 3)})
    with pytest.raises(ImportFailure, match="the dimension N can only be written whole"):
        import_model(mx.sym._internal._slice_assign(data, part, begin=(0,), end=(2,)), shapes={"data": ("N", 3), "part": (2, 3)})
    with pytest.raises(ImportFailure, match=r"scatter_nd: updates are f32\[3,2\] for data f32\[4,2\] and indices \(1, 3\), not f32\[3,1\]"):
        import_model(mx.sym.scatter_nd(data, index, shape=(4, 2)), shapes={"data": (3, 1), "index": (1, 3)})
    with pytest.raises(ImportFailure, match=r"an index of shape \(2, 1\), expected 1 dimension"):
        import_model(mx.sym.contrib.index_copy(data, index, part), shapes={"data": (4, 2), "index": (2, 1), "part": (2, 2)})
