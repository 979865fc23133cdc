"""Products of matrices, attention, layer normalization and softmax within lengths in ONNX Runtime."""

import numpy as np
import pytest

from ngc.engines.onnx_forms import why_no_onnx
from ngc.errors import CodegenError
from ngc.ir import GraphBuilder, Step, SymDim, Value
from tests.onnx_models import EPS, assert_agrees, checked, finish, numbers, source

QKV = {"q": (2, 3, 4), "k": (2, 5, 4), "v": (2, 5, 6)}


def random(rng: np.random.Generator, **shapes: tuple[int, ...]) -> dict[str, np.ndarray]:
    return {name: numbers(rng, "f32", shape, -2, 2) for name, shape in shapes.items()}


@pytest.mark.parametrize("dtype", ["f32", "f64", "f16", "bf16"])
@pytest.mark.parametrize("transposes", [{}, {"transpose_a": True}, {"transpose_b": True}, {"transpose_a": True, "transpose_b": True}], ids=str)
def test_products(transposes, dtype):
    b, rng = GraphBuilder(), np.random.default_rng(1)
    shapes = {"a": (2, 1, 3, 4), "c": (5, 4, 6)}
    for name, turned in (("a", "transpose_a"), ("c", "transpose_b")):
        if turned in transposes:
            shapes[name] = (*shapes[name][:-2], *shapes[name][:-3:-1])
    graph = finish(b, b.op("matmul", *(source(b, name, shape, dtype) for name, shape in shapes.items()), **transposes))
    kind = "f32" if dtype == "bf16" else dtype
    feeds = {name: numbers(rng, kind, shape, -2, 2) for name, shape in shapes.items()}
    # Four products of numbers up to 2, and the rounding of the result.
    assert_agrees(graph, feeds, atol=32 * EPS[dtype])


def test_steps_of_products():
    b = GraphBuilder()
    a, c = (b.input(name, shape, "f32") for name, shape in (("a", (SymDim(), 3, 4)), ("c", (SymDim(), 4, 5))))
    bias = b.const("bias", np.linspace(-1, 1, 5, dtype=np.float32))
    product = b.op("matmul", a, c, bias, a_slice(b, a), epilogue=(Step("bias"), Step("add"), Step("relu")))
    assert_agrees(b.finish([product]), random(np.random.default_rng(2), a=(2, 3, 4), c=(2, 4, 5)), atol=32 * EPS["f32"])


def a_slice(b: GraphBuilder, a: Value) -> Value:
    """Returns a tensor in the shape of the product."""
    return b.op("pad", a, widths=(0, 0, 0, 0, 0, 1))


@pytest.mark.parametrize("attrs", [{}, {"mask": "add"}, {"mask": "select", "fill": -2.0}, {"mask": "select", "fill": -1e9, "zero": True}, {"mask": "length"}],
                         ids=lambda attrs: "-".join(map(str, attrs.values())))
def test_attention(attrs):
    b, rng = GraphBuilder(), np.random.default_rng(3)
    feeds = random(rng, **QKV)
    kind = attrs.get("mask")
    if kind == "length":
        feeds["mask"] = np.array([[0, 1, 5], [2, 3, 4]], np.int32)
    elif kind:
        feeds["mask"] = rng.integers(0, 2, (2, 3, 5)).astype(np.float32)
    operands = [b.input(name, array.shape, "i32" if array.dtype == np.int32 else "f32") for name, array in feeds.items()]
    # Exponents of up to 16 move by their rounding.
    assert_agrees(b.finish([b.op("attention", *operands, scale=0.5, **attrs)]), feeds, atol=64 * EPS["f32"])


@pytest.mark.parametrize("dtype", ["f32", "f16", "bf16"])
@pytest.mark.parametrize("axis", [1, 2, -1])
def test_layer_norm(axis, dtype):
    b, rng = GraphBuilder(), np.random.default_rng(4)
    size = (2, 6, 5)[axis]
    x, gamma, beta = source(b, "x", (2, 6, 5), dtype), source(b, "gamma", (size,), dtype), source(b, "beta", (size,), dtype)
    kind = "f32" if dtype == "bf16" else dtype
    feeds = {name: numbers(rng, kind, shape, -2, 2) for name, shape in (("x", (2, 6, 5)), ("gamma", (size,)), ("beta", (size,)))}
    assert_agrees(finish(b, b.op("layer_norm", x, gamma, beta, axis=axis, eps=1e-3)), feeds, atol=32 * EPS[dtype])


@pytest.mark.parametrize("axis", [1, -1])
def test_softmax_within_lengths(axis):
    b, rng = GraphBuilder(), np.random.default_rng(5)
    rest = (2, 5) if axis == 1 else (2, 6)
    x, lengths = b.input("x", (SymDim(), 6, 5), "f32"), b.input("lengths", (SymDim(), rest[1]), "i64")
    feeds = {"x": numbers(rng, "f32", (2, 6, 5)), "lengths": rng.integers(0, 6 if axis == 1 else 5, rest, endpoint=True)}
    assert_agrees(b.finish([b.op("softmax", x, lengths, axis=axis, temperature=2.0)]), feeds, atol=8 * EPS["f32"])


def test_what_has_no_form():
    b = GraphBuilder()
    norm = b.op("layer_norm", b.input("x", (2, 3), "f64"), b.input("g", (3,), "f64"), b.input("b", (3,), "f64"))
    assert why_no_onnx(norm.producer) == "layer normalization of ONNX holds its epsilon in f32, which f64 can tell"
    b = GraphBuilder()
    softmax = b.op("softmax", b.input("x", (2, SymDim()), "f32"), b.input("lengths", (2,), "i32"))
    with pytest.raises(CodegenError, match="softmax with lengths along an axis of N has no form in ONNX"):
        checked(b.finish([softmax]))
