"""Movement, reductions, normalization and quantization as ONNX."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ngc.engines.onnx_forms import why_no_onnx
from ngc.ir import GraphBuilder, SymDim
from ngc.ir.ops.reduce import REDUCTIONS
from ngc.ir.tensor_type import DTYPES
from tests.onnx_models import ALL, EPS, EXAMPLES, assert_agrees, finish, numbers, source

pytest.importorskip("onnxruntime")

SHAPES = st.lists(st.integers(1, 4), min_size=1, max_size=5).map(tuple)


def move(op: str, shape: tuple[int, ...], dtype: str, /, **attrs: object) -> None:
    """Checks an operator that moves data, which never changes it."""
    b = GraphBuilder()
    y = b.op(op, source(b, "x", shape, dtype), **attrs)
    assert why_no_onnx(y.producer) is None
    assert_agrees(finish(b, y), {"x": numbers(np.random.default_rng(0), dtype, shape)})


@EXAMPLES
@given(st.data(), SHAPES, st.sampled_from(ALL))
def test_slices(data, shape, dtype):
    bounds = st.one_of(st.none(), st.integers(-6, 6))
    begin, end = (data.draw(st.tuples(*[bounds] * len(shape))) for _ in range(2))
    step = data.draw(st.tuples(*[st.one_of(st.none(), st.integers(-3, 3).filter(bool))] * len(shape)))
    assume(all(len(range(*slice(*part).indices(dim))) for *part, dim in zip(begin, end, step, shape, strict=True)))
    move("slice", shape, dtype, begin=begin, end=end, step=step)


@EXAMPLES
@given(st.data(), SHAPES, st.sampled_from(ALL), st.sampled_from(["constant", "edge", "reflect"]))
def test_pads(data, shape, dtype, mode):
    widths = [data.draw(st.integers(0, min(2, dim - 1) if mode == "reflect" else 2)) for dim in shape for _ in range(2)]
    move("pad", shape, dtype, mode=mode, widths=widths, value=data.draw(st.sampled_from([0.0, 1.0, 7.0])))


@EXAMPLES
@given(st.data(), SHAPES, st.sampled_from(ALL))
def test_transposes_reshapes_and_concats(data, shape, dtype):
    move("transpose", shape, dtype, axes=data.draw(st.permutations(range(len(shape)))))
    move("reshape", shape, dtype, shape=(1, int(np.prod(shape))))
    move("identity", shape, dtype)
    move("dropout", shape, dtype)
    axis = data.draw(st.integers(0, len(shape) - 1))
    b = GraphBuilder()
    x = source(b, "x", shape, dtype)
    assert_agrees(finish(b, b.op("concat", x, x, x, axis=axis)), {"x": numbers(np.random.default_rng(0), dtype, shape)})


@EXAMPLES
@given(st.data(), st.integers(1, 3), st.sampled_from(ALL))
def test_upsampling(data, rank, dtype):
    scale = data.draw(st.tuples(*[st.integers(1, 3)] * rank))
    move("upsample", (2, 3, *data.draw(st.tuples(*[st.integers(1, 4)] * rank))), dtype, scale=scale)


@EXAMPLES
@given(st.data(), SHAPES, st.sampled_from(ALL))
def test_broadcasts(data, shape, dtype):
    grown = tuple(data.draw(st.integers(1, 3)) if dim == 1 else dim for dim in shape)
    more = data.draw(st.lists(st.integers(1, 2), max_size=6 - len(shape)))
    move("broadcast_to", shape, dtype, shape=(*more, *grown))


def test_shapes_that_depend_on_n():
    n = SymDim()
    b = GraphBuilder()
    x = b.input("x", (n, 3, 4))
    flat = b.op("reshape", x, shape=(n, 12))
    folded = b.op("reshape", x, shape=(3 * n, 4))
    wide = b.op("broadcast_to", b.op("slice", x, begin=(None, 0, None), end=(None, 1, None), step=(None, None, None)), shape=(n, 5, 4))
    total = b.op("reduce_mean", b.op("cast", b.op("mul", x, scalar=100.0), dtype="i32"), axes=(0, 2))
    doubled = b.op("upsample", x, scale=(2,))
    lrn = b.op("lrn", x, size=3)
    graph = b.finish([flat, folded, wide, total, doubled, lrn])
    for batch in (1, 3):
        assert_agrees(graph, {"x": np.random.default_rng(0).uniform(-1, 1, (batch, 3, 4)).astype(np.float32)}, rtol=4 * EPS["f32"])


def test_what_n_copies_of_one_have_no_form():
    b = GraphBuilder()
    y = b.op("broadcast_to", b.input("x", (1, 3)), shape=(SymDim(), 3))
    assert why_no_onnx(y.producer) == "a dimension of one cannot be repeated N times: nothing in the operand says how large N is"


@EXAMPLES
@given(st.data(), SHAPES, st.sampled_from(ALL), st.sampled_from(sorted(REDUCTIONS)), st.booleans())
def test_reductions(data, shape, dtype, name, keepdims):
    axes = data.draw(st.lists(st.integers(0, len(shape) - 1), min_size=1, unique=True))
    b = GraphBuilder()
    y = b.op(name, source(b, "x", shape, dtype), axes=axes, keepdims=keepdims)
    x = numbers(np.random.default_rng(0), dtype, shape, 0.5, 1.25)  # products neither vanish nor overflow
    if why_no_onnx(y.producer) is not None:
        assert (name == "reduce_prod" and x.dtype.kind in "iu") or (name in ("reduce_sum", "reduce_mean", "reduce_l1") and dtype == "i64")
        return
    terms = int(np.prod([shape[axis] for axis in axes]))
    assert_agrees(finish(b, y), {"x": x}, rtol=EPS.get(dtype, 0) * 2 + (terms * EPS["f32"] if dtype in ("f32", "f16", "bf16") else terms * EPS["f64"]))


@pytest.mark.parametrize(("name", "dtype", "shape", "reason"), [
    ("reduce_prod", "i8", (41,), "products of i8 wrap, and ONNX Runtime, which takes them in f64, does not"),
    ("reduce_prod", "i64", (2,), "products of i64 wrap, and ONNX Runtime, which takes them in f64, does not"),
    ("reduce_sum", "i64", (2,), "reduce_sum of i64 may pass 2^53, and ONNX Runtime takes it in f64"),
    ("reduce_l1", "i64", (2,), "reduce_l1 of i64 may pass 2^53, and ONNX Runtime takes it in f64"),
    ("reduce_mean", "i32", ((1 << 22) + 1,), "reduce_mean of i32 may pass 2^53, and ONNX Runtime takes it in f64"),
    ("reduce_sum", "i32", (1 << 22,), None),
])
def test_reductions_of_integers_that_f64_does_not_hold(name, dtype, shape, reason):
    b = GraphBuilder()
    assert why_no_onnx(b.op(name, b.input("x", shape, dtype), axes=(0,)).producer) == reason


@EXAMPLES
@given(st.data(), SHAPES, st.sampled_from(["f32", "f64", "f16", "bf16"]), st.sampled_from(["softmax", "log_softmax"]))
def test_softmax(data, shape, dtype, name):
    b = GraphBuilder()
    axis, temperature = data.draw(st.integers(-len(shape), len(shape) - 1)), data.draw(st.sampled_from([1.0, 0.5, 3.0]))
    y = b.op(name, source(b, "x", shape, dtype), axis=axis, temperature=temperature)
    # Exponents reach 16: their rounding is that many units of the result.
    assert_agrees(finish(b, y), {"x": numbers(np.random.default_rng(0), dtype, shape)}, rtol=32 * EPS[dtype], atol=32 * EPS[dtype])


@EXAMPLES
@given(st.data(), SHAPES, st.sampled_from(["f32", "f64", "f16", "bf16"]), st.booleans(), st.booleans())
def test_batch_norm(data, shape, dtype, fixed, mixed):
    axis = data.draw(st.integers(-len(shape), len(shape) - 1))
    rng, channels = np.random.default_rng(0), shape[axis]
    kind = np.float32 if mixed or dtype == "bf16" else DTYPES[dtype]
    b = GraphBuilder()
    operands = [b.const(name, rng.uniform(0.5, 1.5, channels).astype(kind)) for name in ("gamma", "beta", "mean", "var")]
    y = b.op("batch_norm", source(b, "x", shape, dtype), *operands, axis=axis, fix_gamma=fixed, eps=1e-3)
    eps = max(EPS[dtype], EPS["f32"] if mixed else 0)
    assert_agrees(finish(b, y), {"x": numbers(rng, dtype, shape)}, rtol=8 * eps, atol=32 * eps)


@EXAMPLES
@given(st.data(), st.integers(1, 3), st.sampled_from(["f32", "f16", "bf16"]), st.sampled_from([1, 3, 5]))
def test_lrn(data, rank, dtype, size):
    shape = (2, data.draw(st.integers(1, 6)), *data.draw(st.tuples(*[st.integers(1, 3)] * rank)))
    b = GraphBuilder()
    y = b.op("lrn", source(b, "x", shape, dtype), size=size, alpha=0.5, knorm=data.draw(st.sampled_from([1.0, 2.0])))
    assert_agrees(finish(b, y), {"x": numbers(np.random.default_rng(0), dtype, shape)}, rtol=16 * max(EPS[dtype], EPS["f32"]))


@EXAMPLES
@given(st.data(), SHAPES, st.sampled_from(["i8", "u8"]), st.sampled_from(["f32", "f16"]), st.booleans())
def test_quantize_and_dequantize(data, shape, dtype, kind, per_axis):
    rng = np.random.default_rng(0)
    axis = data.draw(st.integers(0, len(shape) - 1)) if per_axis else None
    scales = tuple(float(np.float32(scale)) for scale in rng.uniform(0.01, 0.1, shape[axis] if axis is not None else 1))
    zero = data.draw(st.integers(-128, 127)) + (128 if dtype == "u8" else 0)
    b = GraphBuilder()
    q = b.op("quantize", b.input("x", shape, kind), scales=scales, zero_point=zero, axis=axis, dtype=dtype)
    d = b.op("dequantize", q, scales=scales, zero_point=zero, axis=axis, dtype=kind)
    assert_agrees(b.finish([q, d]), {"x": rng.uniform(-20, 20, shape).astype(DTYPES[kind])})
