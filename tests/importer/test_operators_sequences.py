"""Sequences of different lengths against MXNet."""

from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from ngc.errors import ImportFailure
from ngc.importer import import_model
from ngc.ir import SymDim, evaluate

Check = Callable[..., Any]
NAMES = ("SequenceMask", "SequenceLast", "SequenceReverse")


def steps(*shape: int, dtype: Any = np.float32) -> np.ndarray:
    return np.arange(1, np.prod(shape) + 1).reshape(shape).astype(dtype)


@pytest.mark.parametrize("shape", [(5, 3), (5, 3, 2), (5, 3, 2, 2)])
@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("name", NAMES)
def test_with_lengths(name: str, axis: int, shape: tuple[int, ...], mx: ModuleType, check: Check) -> None:
    if name == "SequenceReverse" and axis == 1:
        pytest.skip("MXNet reverses axis 0 only")
    data, lengths = steps(*shape), np.array([1, 5, 3], np.float32)
    if axis == 1:
        data = data.swapaxes(0, 1).copy()
    symbol = getattr(mx.sym, name)(mx.sym.var("data"), mx.sym.var("lengths"), use_sequence_length=True, axis=axis, name="z")
    for dtype in (np.float32, np.int32, np.int64):
        check(symbol, {"data": data, "lengths": lengths.astype(dtype)}, batch=False)


@pytest.mark.parametrize("name", NAMES)
def test_without_lengths(name: str, mx: ModuleType, check: Check) -> None:
    check(getattr(mx.sym, name)(mx.sym.var("data"), name="z"), {"data": steps(4, 3, 2)}, batch=False)


def test_a_mask_has_any_value_and_any_lengths(mx: ModuleType, check: Check) -> None:
    symbol = mx.sym.SequenceMask(mx.sym.var("data"), mx.sym.var("lengths"), use_sequence_length=True, axis=1, value=-1.5, name="z")
    check(symbol, {"data": steps(4, 3, 2), "lengths": np.array([1.9, 0, -2, 9], np.float32)})
    check(symbol, {"data": steps(4, 3, dtype=np.float16), "lengths": np.array([1.9, 0, -2, 9], np.float16)})
    check(symbol, {"data": steps(4, 3, dtype=np.int32), "lengths": np.array([1, 0, -2, 9], np.int32)})


@pytest.mark.parametrize("name", NAMES)
def test_the_batch_may_be_of_any_size(name: str, mx: ModuleType, check: Check) -> None:
    turned = mx.sym.SwapAxis(mx.sym.var("data"), dim1=0, dim2=1)  # images come first, sequences second
    symbol = getattr(mx.sym, name)(turned, mx.sym.var("lengths"), use_sequence_length=True, name="z")
    graph = check(symbol, {"data": steps(3, 4, 2), "lengths": np.array([1, 4, 2], np.float32)})
    assert SymDim() in graph.outputs[0].type.shape


def test_lengths_outside_of_the_data_are_brought_into_it(mx: ModuleType) -> None:
    """MXNet reads beyond its memory there."""
    feeds = {"data": steps(3, 2), "lengths": np.array([0, 9], np.float32)}
    shapes = {key: value.shape for key, value in feeds.items()}
    arguments = {"use_sequence_length": True, "name": "z"}
    last = mx.sym.SequenceLast(mx.sym.var("data"), mx.sym.var("lengths"), **arguments)
    np.testing.assert_array_equal(evaluate(import_model(last, shapes=shapes), feeds)[0], [1, 6])
    turned = mx.sym.SequenceReverse(mx.sym.var("data"), mx.sym.var("lengths"), **arguments)
    np.testing.assert_array_equal(evaluate(import_model(turned, shapes=shapes), feeds)[0], [[1, 6], [3, 4], [5, 2]])


def test_refusals(mx: ModuleType) -> None:
    data, lengths = mx.sym.var("data"), mx.sym.var("lengths")
    with pytest.raises(ImportFailure, match=r"axis = 2 of data of shape \(2, 3, 4\): the time axis is 0 or 1, of at least 2 dimensions"):
        import_model(mx.sym.SequenceMask(data, lengths, use_sequence_length=True, axis=2), shapes={"data": (2, 3, 4), "lengths": (2,)})
    with pytest.raises(ImportFailure, match="axis = 1: MXNet reverses axis 0 only"):
        import_model(mx.sym.SequenceReverse(data, lengths, use_sequence_length=True, axis=1), shapes={"data": (2, 3), "lengths": (2,)})
    with pytest.raises(ImportFailure, match=r"sequence_length operand 'lengths' has shape \(2,\), expected \(3,\)"):
        import_model(mx.sym.SequenceLast(data, lengths, use_sequence_length=True), shapes={"data": (2, 3), "lengths": (2,)})
    with pytest.raises(ImportFailure, match="the time axis depends on N"):
        import_model(mx.sym.SequenceLast(data, lengths, use_sequence_length=True), shapes={"data": ("N", 3), "lengths": (3,)})
