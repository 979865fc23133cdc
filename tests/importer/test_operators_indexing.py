"""Operators that pick elements by integers that are data, against MXNet."""

from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from ngc.errors import ImportFailure, UnsupportedOperator
from ngc.importer import import_model

Check = Callable[..., Any]

ANY = np.array([0, 3.9, -1, -0.5, 4, 7, -7, np.inf, -np.inf, np.nan], np.float32)
"""Indices into four rows, good ones and others."""


def table(*shape: int, dtype: Any = np.float32) -> np.ndarray:
    return np.arange(np.prod(shape)).reshape(shape).astype(dtype)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int32, np.int64, np.uint8])
def test_embedding(dtype: Any, mx: ModuleType, check: Check) -> None:
    symbol = mx.sym.Embedding(mx.sym.var("data"), mx.sym.var("w"), input_dim=4, output_dim=3, name="z")
    index = ANY[:7].astype(dtype) if dtype == np.float32 else np.array([0, 3, 1, 4, 2, 7, 1], dtype)
    check(symbol, {"data": index.reshape(7, 1), "w": table(4, 3)}, ("w",))


def test_embedding_of_half_precision_and_what_is_no_number(mx: ModuleType, check: Check) -> None:
    symbol = mx.sym.Embedding(mx.sym.var("data"), mx.sym.var("w", dtype="float16"), input_dim=4, output_dim=3, dtype="float16", name="z")
    check(symbol, {"data": ANY, "w": table(4, 3, dtype=np.float16)}, ("w",))
    sparse = mx.sym.contrib.SparseEmbedding(mx.sym.var("data"), mx.sym.var("w"), input_dim=4, output_dim=3, name="z")
    graph = import_model((sparse, {"w": table(4, 3)}, {}), shapes={"data": ("N", 2)})
    assert [node.op for node in graph.nodes if node.op != "const"] == ["cast", "gather"]


def test_an_embedding_whose_weight_does_not_fit_is_refused(mx: ModuleType) -> None:
    symbol = mx.sym.Embedding(mx.sym.var("data"), mx.sym.var("w"), input_dim=4, output_dim=3, name="z")
    with pytest.raises(ImportFailure, match=r"weight parameter 'w' has shape \(4, 2\), expected \(4, 3\)"):
        import_model((symbol, {"w": table(4, 2)}, {}), shapes={"data": ("N", 2)})


@pytest.mark.parametrize("axis", [0, 1, -1])
@pytest.mark.parametrize("mode", ["clip", "wrap"])
def test_take(axis: int, mode: str, mx: ModuleType, check: Check) -> None:
    symbol = mx.sym.take(mx.sym.var("data"), mx.sym.var("index"), axis=axis, mode=mode, name="z")
    check(symbol, {"data": table(2, 4, 3), "index": ANY.reshape(2, 5)}, batch=False)
    check(symbol, {"data": table(2, 4, 3, dtype=np.int32), "index": np.array([-1, 5, 2], np.int64)}, batch=False)


def test_take_of_each_image_of_a_batch(mx: ModuleType, check: Check) -> None:
    symbol = mx.sym.take(mx.sym.var("data"), mx.sym.var("index"), axis=1, name="z")
    check(symbol, {"data": table(2, 4, 3), "index": np.array([3, 0, 9], np.int32)}, ("index",))


def test_take_that_would_raise_clips(mx: ModuleType, check: Check) -> None:
    symbol = mx.sym.take(mx.sym.var("data"), mx.sym.var("index"), mode="raise", name="z")
    graph = check(symbol, {"data": table(4, 3), "index": np.array([3.0, 0.0], np.float32)}, batch=False)
    assert graph.nodes[-1].attrs["mode"] == "clip"


@pytest.mark.parametrize("mode", ["clip", "wrap"])
@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("axis", [0, 1, -1])
def test_pick(axis: int, keepdims: bool, mode: str, mx: ModuleType, check: Check, rng: np.random.Generator) -> None:
    symbol = mx.sym.pick(mx.sym.var("data"), mx.sym.var("index"), axis=axis, keepdims=keepdims, mode=mode, name="z")
    data = table(2, 4, 3)
    dropped = np.delete(data.shape, axis)
    check(symbol, {"data": data, "index": rng.integers(-6, 7, dropped).astype(np.float32)}, batch=False)
    check(symbol, {"data": data, "index": rng.integers(-6, 7, np.expand_dims(data.take(0, axis), axis).shape).astype(np.int32)}, batch=False)


def test_pick_of_a_batch_of_any_size(mx: ModuleType, check: Check) -> None:
    symbol = mx.sym.pick(mx.sym.var("data"), mx.sym.var("index"), name="z")
    check(symbol, {"data": table(4, 3), "index": np.array([0, 2, 5, -1], np.float32)})
    check(mx.sym.pick(mx.sym.var("data"), mx.sym.var("index"), axis=0, name="z"), {"data": table(4), "index": np.array([2.0], np.float32)}, batch=False)


def test_batch_take(mx: ModuleType, check: Check) -> None:
    symbol = mx.sym.batch_take(mx.sym.var("data"), mx.sym.var("index"), name="z")
    check(symbol, {"data": table(4, 3), "index": np.array([0, 2, 5, -1], np.int32)})


@pytest.mark.parametrize("shape", [(1, 5), (2, 5), (3, 5), (2, 2, 3)])
def test_gather_nd(shape: tuple[int, ...], mx: ModuleType, check: Check, rng: np.random.Generator) -> None:
    data = table(4, 3, 2)
    low, high = -np.array(data.shape[: shape[0]]), np.array(data.shape[: shape[0]])
    index = np.stack([rng.integers(a, b, shape[1:]) for a, b in zip(low, high, strict=True)])
    symbol = mx.sym.gather_nd(mx.sym.var("data"), mx.sym.var("index"), name="z")
    check(symbol, {"data": data, "index": index.astype(np.float32)}, batch=False)
    check(symbol, {"data": data, "index": index.astype(np.int64)}, batch=False)


@pytest.mark.parametrize("dtype", ["float32", "float16", "int32", "uint8", "int64"])
def test_one_hot(dtype: str, mx: ModuleType, check: Check) -> None:
    symbol = mx.sym.one_hot(mx.sym.var("data"), depth=4, on_value=2.5, off_value=0.5, dtype=dtype, name="z")
    check(symbol, {"data": ANY[:7].reshape(7, 1)})
    check(symbol, {"data": np.array([[1, 0, -1], [4, 3, 2]], np.int32)})


def test_results_whose_size_the_data_tells_are_refused(mx: ModuleType) -> None:
    data, array = mx.sym.var("data"), mx.sym.var("data").as_np_ndarray()
    for symbol in (mx.sym.contrib.boolean_mask(data, mx.sym.var("mask")), mx.sym.numpy_extension.nonzero(array), mx.sym.numpy.unique(array)):
        with pytest.raises(UnsupportedOperator, match="the result's shape depends on the data's values"):
            import_model(symbol, shapes={"data": (4, 3), "mask": (4,)})


def test_what_mxnet_has_on_gpus_or_of_sparse_matrices_only_is_refused(mx: ModuleType) -> None:
    data = mx.sym.var("data")
    sketch = mx.sym.contrib.count_sketch(data, mx.sym.var("h"), mx.sym.var("s"), out_dim=2)
    for symbol in (mx.sym.contrib.fft(data), mx.sym.contrib.ifft(data), sketch):
        with pytest.raises(UnsupportedOperator, match="MXNet computes it on GPUs alone"):
            import_model(symbol, shapes={"data": (2, 4), "h": (1, 4), "s": (1, 4)})
    with pytest.raises(UnsupportedOperator, match="is of sparse storage, which parameters and data lose when they are read"):
        import_model(mx.sym.contrib.getnnz(data), shapes={"data": (2, 4)})


def test_refusals(mx: ModuleType) -> None:
    data, index = mx.sym.var("data"), mx.sym.var("index")
    shapes = {"data": (2, 4, 3), "index": (2, 3)}
    with pytest.raises(ImportFailure, match=r"an index of shape \(2, 3\), expected \(2, 4\) or \(2, 4, 1\)"):
        import_model(mx.sym.pick(data, index), shapes=shapes)
    with pytest.raises(UnsupportedOperator, match="pick with axis=None, which MXNet does not take either"):
        import_model(mx.sym.pick(data, index, axis=None), shapes=shapes)
    with pytest.raises(ImportFailure, match="axis 3 is outside data of 3 dimensions"):
        import_model(mx.sym.take(data, index, axis=3), shapes=shapes)
    with pytest.raises(ImportFailure, match=r"the first dimension of indices \(4, 3\) is the number of coordinates, 1 to 3 for data \(2, 4, 3\)"):
        import_model(mx.sym.gather_nd(data, index), shapes={**shapes, "index": (4, 3)})
    with pytest.raises(ImportFailure, match=r"data of shape \(2, 4, 3\), expected 2 dimensions"):
        import_model(mx.sym.batch_take(data, index), shapes=shapes)
    with pytest.raises(ImportFailure, match="two dimensions that depend on N are multiplied"):
        import_model(mx.sym.take(data, index, axis=1), shapes={"data": ("N", 4), "index": ("N", 2)})
