"""Products of matrices that are data, and the operators of attention, against MXNet."""

import re
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from ngc.errors import ImportFailure, UnsupportedOperator
from tests.importer.test_operator_messages import imported

Check = Callable[..., Any]
Shape = tuple[int, ...]


def data(rng: np.random.Generator, dtype: type = np.float32, **shapes: Shape) -> dict[str, np.ndarray]:
    return {name: rng.normal(size=shape).astype(dtype) for name, shape in shapes.items()}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("a", "b", "transposes"), [
    ((3, 4), (4, 5), ()), ((3, 4), (5, 4), ("b",)), ((4, 3), (4, 5), ("a",)), ((4, 3), (5, 4), ("a", "b")),
    ((2, 3, 4), (4, 5, 6), ()), ((4, 2, 3), (5, 6, 4), ("a", "b")), ((4, 3, 2), (4, 5), ("a",)),
    ((4,), (4,), ()), ((4,), (4, 5), ()), ((2, 3, 4), (4,), ()), ((4,), (5, 4), ("b",)),
])  # fmt: skip
def test_dot(a: Shape, b: Shape, transposes: tuple[str, ...], dtype: type, mx: ModuleType, check: Check, rng: np.random.Generator) -> None:
    symbol = mx.sym.dot(mx.sym.var("a"), mx.sym.var("b"), name="dot", **{f"transpose_{name}": True for name in transposes})
    check(symbol, data(rng, dtype, a=a, b=b), batch=False, reduction=4)


@pytest.mark.parametrize(("a", "b", "transposes"), [
    ((2, 3, 4), (2, 4, 5), ()), ((2, 4, 3), (2, 4, 5), ("a",)), ((2, 2, 3, 4), (2, 2, 5, 4), ("b",)), ((2, 4, 3), (2, 5, 4), ("a", "b")),
])  # fmt: skip
def test_batch_dot(a: Shape, b: Shape, transposes: tuple[str, ...], mx: ModuleType, check: Check, rng: np.random.Generator) -> None:
    symbol = mx.sym.batch_dot(mx.sym.var("a"), mx.sym.var("b"), name="dot", **{f"transpose_{name}": True for name in transposes})
    check(symbol, data(rng, a=a, b=b), reduction=4)


@pytest.mark.parametrize(("a", "b", "attrs"), [
    ((3, 4), (4, 5), {}), ((2, 4, 3), (2, 5, 4), {"transpose_a": True, "transpose_b": True, "alpha": 0.5}),
    ((2, 3, 4, 5), (2, 5, 4, 6), {"axis": 1}), ((3, 2, 7, 4, 5), (5, 2, 7, 4, 6), {"axis": 0, "alpha": 2.0}),
])  # fmt: skip
def test_gemm2(a: Shape, b: Shape, attrs: dict[str, Any], mx: ModuleType, check: Check, rng: np.random.Generator) -> None:
    symbol = mx.sym.linalg.gemm2(mx.sym.var("a"), mx.sym.var("b"), name="gemm", **attrs)
    check(symbol, data(rng, a=a, b=b), batch=False, reduction=5)


@pytest.mark.parametrize(("shapes", "attrs"), [
    (((3, 4), (4, 5), (3, 5)), {}), (((2, 3, 4), (2, 5, 4), (2, 3, 5)), {"transpose_b": True, "alpha": 0.5, "beta": 3.0}),
    (((3, 2, 4), (4, 2, 5), (3, 2, 5)), {"axis": 0, "beta": 2.0}),
])  # fmt: skip
def test_gemm(shapes: tuple[Shape, Shape, Shape], attrs: dict[str, Any], mx: ModuleType, check: Check, rng: np.random.Generator) -> None:
    symbol = mx.sym.linalg.gemm(*map(mx.sym.var, "abc"), name="gemm", **attrs)
    check(symbol, data(rng, **dict(zip("abc", shapes, strict=True))), batch=False, reduction=5)


@pytest.mark.parametrize("attrs", [{}, {"transpose": True, "alpha": 0.5}])
def test_syrk(attrs: dict[str, Any], mx: ModuleType, check: Check, rng: np.random.Generator) -> None:
    check(mx.sym.linalg.syrk(mx.sym.var("a"), name="syrk", **attrs), data(rng, a=(2, 3, 4)), reduction=4)


def test_interleaved_self_attention(mx: ModuleType, check: Check, rng: np.random.Generator) -> None:
    source = mx.sym.var("qkv")
    weights = mx.sym.softmax(mx.sym.contrib.interleaved_matmul_selfatt_qk(source, heads=3), name="weights")
    context = mx.sym.contrib.interleaved_matmul_selfatt_valatt(source, weights, heads=3)
    check(mx.sym.Group([weights, context]), data(rng, qkv=(5, 2, 3 * 3 * 4)), batch=False, reduction=8)


def test_interleaved_attention_between_encoder_and_decoder(mx: ModuleType, check: Check, rng: np.random.Generator) -> None:
    source = mx.sym.var("kv")
    weights = mx.sym.softmax(mx.sym.contrib.interleaved_matmul_encdec_qk(mx.sym.var("q"), source, heads=3), name="weights")
    context = mx.sym.contrib.interleaved_matmul_encdec_valatt(source, weights, heads=3)
    check(mx.sym.Group([weights, context]), data(rng, q=(6, 2, 3 * 4), kv=(5, 2, 3 * 2 * 4)), batch=False, reduction=8)


def test_division_by_the_root_of_the_last_dimension(mx: ModuleType, check: Check, rng: np.random.Generator) -> None:
    check(mx.sym.contrib.div_sqrt_dim(mx.sym.var("x")), data(rng, x=(2, 3, 7)))


@pytest.mark.parametrize("axis", [-1, 1])
@pytest.mark.parametrize("dtype", [np.int32, np.int64])
def test_softmax_with_lengths(axis: int, dtype: type, mx: ModuleType, check: Check, rng: np.random.Generator) -> None:
    symbol = mx.sym.softmax(mx.sym.var("x"), length=mx.sym.var("length"), use_length=True, axis=axis, temperature=2.0, name="prob")
    rest = (2, 3) if axis == -1 else (2, 4)
    lengths = rng.integers(0, 4 if axis == -1 else 3, rest, endpoint=True).astype(dtype)
    check(symbol, {**data(rng, x=(2, 3, 4)), "length": lengths}, reduction=4)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize(("shape", "axis"), [((3, 8), -1), ((2, 3, 8), 1), ((2, 3, 8), 2)])
def test_layer_norm(shape: Shape, axis: int, dtype: type, mx: ModuleType, check: Check, rng: np.random.Generator) -> None:
    symbol = mx.sym.LayerNorm(mx.sym.var("x"), name="norm", axis=axis, eps=1e-3)
    feeds = data(rng, dtype, x=shape, norm_gamma=(shape[axis],), norm_beta=(shape[axis],))
    check(symbol, feeds, ("norm_gamma", "norm_beta"), reduction=8)


def test_layer_norm_with_its_mean_and_deviation(mx: ModuleType, check: Check, rng: np.random.Generator) -> None:
    symbol = mx.sym.LayerNorm(mx.sym.var("x"), name="norm", output_mean_var=True)
    graph = check(symbol, data(rng, x=(3, 8), norm_gamma=(8,), norm_beta=(8,)), ("norm_gamma", "norm_beta"), reduction=8)
    assert graph.output_names == ("norm_output", "norm_mean", "norm_std")


@pytest.mark.parametrize(("op", "shapes", "attrs", "message"), [
    ("dot", [(2, 3), (4, 5)], {}, "data of shapes (2, 3) and (4, 5) cannot be contracted, 3 is not 4"),
    ("batch_dot", [(2, 3), (3, 2)], {}, "expected 3 dimensions or more, all but the last two alike"),
    ("batch_dot", [(2, 3, 4), (1, 4, 5)], {}, "expected 3 dimensions or more, all but the last two alike"),
    ("batch_dot", [(2, 3, 4), (2, 5, 4)], {}, "matrices (3, 4) and (5, 4) cannot be multiplied, 4 is not 5"),
    ("_linalg_gemm2", [(2, 3), (3, 2)], {"axis": "-1"}, "axis = -1 is the axis of the matrices' columns"),
    ("_linalg_gemm", [(2, 3), (3, 2), (2, 3)], {}, "C operand 'x2' has shape (2, 3), expected (2, 2)"),
    ("_contrib_interleaved_matmul_selfatt_qk", [(4, 2)], {"heads": "1"}, "expected (length, batch, channels)"),
    ("_contrib_interleaved_matmul_selfatt_qk", [(4, 2, 10)], {"heads": "2"}, "10 channels are no 2 heads of 3 parts"),
    ("softmax", [(2, 3)], {"use_length": "True"}, "1 input with use_length=True, expected data and length"),
    ("softmax", [(2, 3), (3,)], {"use_length": "True"}, "length operand 'x1' has shape (3,), expected (2,)"),
    ("softmax", [(2, 3), (2,)], {"use_length": "True"}, "lengths of f32, expected int32 or int64"),
    ("LayerNorm", [(2, 3), (2,), (3,)], {}, "gamma operand 'x1' has shape (2,), expected (3,)"),
], ids=lambda value: value if isinstance(value, str) else "")  # fmt: skip
def test_what_does_not_fit(op: str, shapes: list[Shape], attrs: dict[str, str], message: str) -> None:
    with pytest.raises(ImportFailure, match=re.escape(message)):
        imported(op, *shapes, **attrs)


def test_lengths_of_other_softmaxes_are_refused() -> None:
    with pytest.raises(UnsupportedOperator, match="log_softmax with use_length=True, which MXNet knows of softmax alone"):
        imported("log_softmax", (2, 3), (2,), use_length="True")
