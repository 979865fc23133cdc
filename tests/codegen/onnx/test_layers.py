"""Convolutions, deconvolutions and dense layers as ONNX, with steps, in floats and in integers."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ngc.engines.onnx_forms import why_no_onnx
from ngc.ir import GraphBuilder, Step, Value
from ngc.ir.tensor_type import DTYPES
from tests.onnx_models import EPS, EXAMPLES, assert_agrees, checked, finish, source

pytest.importorskip("onnxruntime")

FLOATS = ("f32", "f16", "bf16")


def weight(b: GraphBuilder, name: str, array: np.ndarray, dtype: str) -> Value:
    """Returns a constant, for bf16 as the cast of one."""
    value = b.const(name, array.astype(np.float16 if dtype == "f16" else np.float32))
    return b.op("cast", value, dtype="bf16") if dtype == "bf16" else value


def tolerance(dtype: str, terms: int) -> float:
    """Returns by how much sums of products of numbers up to one may differ: rounded once in the element type, and at each addition in f32."""
    return terms * EPS[dtype] + terms * terms * EPS["f32"] / 2


@pytest.mark.parametrize("biased", [False, True])
@pytest.mark.parametrize(("stride", "pad", "adj"), [((1, 4), (1, 3), (2, 5)), ((1, 4), (0, 3), (2, 5)), ((1, 2), (0, 0), (1, 2)), ((1, 2), (4, 1), (0, 3))])
def test_deconvolutions_whose_crop_leaves_only_what_is_added(stride, pad, adj, biased):
    rng = np.random.default_rng(0)
    b = GraphBuilder()
    w = b.const("w", rng.uniform(-1, 1, (6, 3, 2, 2)).astype(np.float32))
    bias = [b.const("v", rng.uniform(-1, 1, 18).astype(np.float32))] * biased
    y = b.op("deconv2d", b.input("x", (2, 6, 6, 1)), w, *bias, stride=stride, pad=pad, dilate=(3, 2), groups=6, adj=adj, epilogue=[Step("bias")] * biased)
    assert_agrees(b.finish([y]), {"x": rng.uniform(-1, 1, (2, 6, 6, 1)).astype(np.float32)}, atol=tolerance("f32", 5))


@EXAMPLES
@given(st.data(), st.integers(1, 3), st.sampled_from(FLOATS), st.booleans())
def test_convolutions(data, rank, dtype, transposed):
    draw = data.draw
    groups, per_group, outputs = draw(st.integers(1, 3)), draw(st.integers(1, 3)), draw(st.integers(1, 3))
    kernel, dilate, stride = (draw(st.tuples(*[st.integers(1, 3)] * rank)) for _ in range(3))
    pad = draw(st.tuples(*[st.integers(0, 2)] * rank))
    pad_end = draw(st.one_of(st.none(), st.tuples(*[st.integers(0, 2)] * rank)))
    padding = [before + after for before, after in zip(pad, pad_end or pad, strict=True)]
    extent = [(k - 1) * d + 1 for k, d in zip(kernel, dilate, strict=True)]
    least = [1 + border if transposed else max(1, size - border) for size, border in zip(extent, padding, strict=True)]
    spatial = tuple(low + draw(st.integers(0, 2)) for low in least)
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    channels = groups * per_group
    shape = (channels, outputs, *kernel) if transposed else (groups * outputs, per_group, *kernel)
    attrs = {"stride": stride, "pad": pad, "pad_end": pad_end, "dilate": dilate, "groups": groups}
    if transposed:
        attrs["adj"] = draw(st.tuples(*[st.integers(0, 3)] * rank))
    b = GraphBuilder()
    x = source(b, "x", (2, channels, *spatial), dtype)
    steps = draw(st.sampled_from([(), (Step("bias"),), (Step("relu"), Step("bias")), (Step("bias"), Step("tee"), Step("affine"), Step("leaky_relu", (0.5,)))]))
    count, vector = sum(step.operands for step in steps), "f32" if dtype == "bf16" else dtype
    vectors = [weight(b, f"v{k}", rng.uniform(-1, 1, groups * outputs), vector) for k in range(count)]
    if steps and dtype == "bf16" and draw(st.booleans()):
        attrs["result"] = "f32"
    y = b.op(f"{'de' * transposed}conv{rank}d", x, weight(b, "w", rng.uniform(-1, 1, shape), dtype), *vectors, epilogue=steps, **attrs)
    graph = finish(b, *y.producer.outputs)
    feeds = {"x": rng.uniform(-1, 1, (2, channels, *spatial)).astype(np.float16 if dtype == "f16" else np.float32)}
    terms = per_group * int(np.prod(kernel)) + 2
    assert_agrees(graph, feeds, atol=3 * tolerance(dtype, terms), rtol=2 * EPS[dtype])


@EXAMPLES
@given(st.integers(1, 4), st.sampled_from((*FLOATS, "f64")), st.booleans(), st.booleans())
def test_dense(rank, dtype, constant, biased):
    rng = np.random.default_rng(rank)
    kind = {"f16": np.float16, "f64": np.float64}.get(dtype, np.float32)
    shape = (2, 3, 2, 5)[-rank:]
    feeds = {"x": rng.uniform(-1, 1, shape).astype(kind)}
    b = GraphBuilder()
    x = source(b, "x", shape, dtype)
    matrix = rng.uniform(-1, 1, (4, 5)).astype(kind)
    if constant and dtype != "bf16":
        w = b.const("w", matrix)
    else:
        w, feeds["w"] = source(b, "w", (4, 5), dtype), matrix
    bias = [b.const("v", rng.uniform(-1, 1, 4).astype(np.float32 if dtype == "bf16" else kind))] if biased else []
    y = b.op("dense", x, w, *bias, epilogue=(Step("bias"), Step("relu")) if biased else ())
    assert_agrees(finish(b, y), feeds, atol=tolerance(dtype, 6) if dtype != "f64" else 36 * EPS["f64"], rtol=EPS[dtype])


def test_a_first_bias_is_an_operand_of_its_layer():
    b = GraphBuilder()
    rng = np.random.default_rng(0)
    conv = b.op("conv2d", b.input("x", (1, 3, 4, 4)), b.const("w", rng.random((2, 3, 1, 1), np.float32)), b.const("v", np.ones(2, np.float32)),
                epilogue=(Step("bias"), Step("relu")))
    dense = b.op("dense", b.op("reshape", conv, shape=(1, 32)), b.const("m", rng.random((3, 32), np.float32)), b.const("u", np.ones(3, np.float32)),
                 epilogue=(Step("bias"),))
    nodes = checked(b.finish([dense])).graph.node
    assert [node.op_type for node in nodes] == ["Conv", "Relu", "Reshape", "Gemm"]
    assert list(nodes[0].input) == ["x", "w", "v"]
    assert list(nodes[3].input) == ["reshape", "m", "u"]


@EXAMPLES
@given(st.data(), st.sampled_from(["conv", "dense"]), st.sampled_from(["f32", "u8", "channels"]))
def test_layers_of_integers(data, layer, result):
    draw = data.draw
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    zero, groups = draw(st.integers(0, 255)), draw(st.sampled_from([1, 2]))
    b = GraphBuilder()
    shape, outputs = ((2, 4, 5, 5), (6, 4 // groups, 3, 3)) if layer == "conv" else ((2, 12), (6, 12))
    x = rng.integers(0, 256, shape, np.uint8)
    w = b.const("w", rng.integers(-128, 128, outputs).astype(np.int8))
    scale, shift = b.const("s", rng.uniform(1e-3, 2e-2, 6).astype(np.float32)), b.const("t", rng.uniform(-20, 200, 6).astype(np.float32))
    steps = (Step("affine"), Step("tee"), Step("relu")) if result != "channels" else (Step("affine"),)
    count = 2 if result == "u8" else 6
    scales = {} if result == "f32" else {"scales": (0.5,) * count, "zero_points": (3,) * (2 if result == "u8" else 1)}
    attrs = {"pad": (1, 1), "groups": groups} if layer == "conv" else {}
    y = b.op("conv2d" if layer == "conv" else "dense", b.input("x", shape, "u8"), w, scale, shift, x_zero=zero, epilogue=steps,
             result="f32" if result == "f32" else "u8", **scales, **attrs)
    # Sums stay below 2**24, where f32 is exact, so only the order of steps could tell, which is the same.
    assert_agrees(b.finish(y.producer.outputs), {"x": x}, rtol=EPS["f32"])


@pytest.mark.parametrize("dtype", FLOATS)
def test_separable_convolutions(dtype):
    rng = np.random.default_rng(0)
    b = GraphBuilder()
    x = source(b, "x", (2, 5, 6, 6), dtype)
    vector = "f32" if dtype == "bf16" else dtype
    operands = [weight(b, f"v{k}", rng.uniform(-1, 1, 5), vector) for k in range(3)]
    bias = weight(b, "c", rng.uniform(-1, 1, 7), vector)
    y = b.op("separable_conv2d", x, weight(b, "d", rng.uniform(-1, 1, (5, 1, 3, 3)), dtype), weight(b, "p", rng.uniform(-1, 1, (7, 5, 1, 1)), dtype),
             *operands, bias, groups=5, pad=(1, 1), stride=(2, 2), prologue=(Step("bias"), Step("affine"), Step("relu")), epilogue=(Step("bias"), Step("tee"),
                                                                                                                                   Step("tanh")))
    feeds = {"x": rng.uniform(-1, 1, (2, 5, 6, 6)).astype(np.float16 if dtype == "f16" else np.float32)}
    # Nine products, twice rounded, feed five more of up to ten.
    assert_agrees(finish(b, *y.producer.outputs), feeds, atol=5 * 10 * 2 * EPS[dtype] + 5 * tolerance(dtype, 9), rtol=EPS[dtype])


@EXAMPLES
@given(st.lists(st.sampled_from(["bias", "affine", "prelu", "add", "multiply", "add_scaled", "scale", "tee", "relu", "clip", "swish"]), min_size=1, max_size=5),
       st.sampled_from(["f32", "f16", "f64", "bf16", "u8"]), st.integers(2, 5), st.booleans())
def test_groups_of_steps(kinds, dtype, rank, planar):
    rng = np.random.default_rng(len(kinds))
    shape = (2, 3, 2, 4, 2)[:rank]
    plane = (*shape[:2], *(1,) * (rank - 2)) if planar else shape
    register = dtype if dtype in ("f16", "f64") else "f32"
    kind, vector = {"f16": np.float16, "f64": np.float64, "u8": np.uint8}.get(dtype, np.float32), DTYPES[register]
    feeds = {"x": rng.integers(0, 9, shape).astype(kind) if dtype == "u8" else rng.uniform(-2, 2, shape).astype(kind)}
    b = GraphBuilder()
    x = source(b, "x", shape, dtype)
    operands, steps = [], []
    for step in kinds:
        for operand in range({"affine": 2, "bias": 1, "prelu": 1}.get(step, 0)):
            operands.append(b.const(f"{step}{len(operands)}{operand}", rng.uniform(-1, 1, 3).astype(vector)))
        if step in ("add", "multiply", "add_scaled"):
            name, other = f"y{len(operands)}", "bf16" if dtype == "bf16" and step != "add_scaled" else "u8" if step == "add_scaled" else register
            where = plane if step != "add_scaled" else shape
            operands.append(source(b, name, where, other))
            feeds[name] = rng.integers(0, 5, where).astype(np.uint8) if other == "u8" else rng.uniform(-1, 1, where).astype(
                {"f16": np.float16, "f64": np.float64}.get(other, np.float32))
        steps.append(Step(step, {"scale": (0.5, 0.25), "clip": (-1.0, 2.0), "add_scaled": (0.125,), "swish": (1.0,)}.get(step, ())))
    y = b.op("eltwise", x, *operands, epilogue=tuple(steps), **({"result": "f32"} if dtype == "u8" else {}))
    assert why_no_onnx(y.producer) is None
    # A few roundings of numbers that may grow to a hundred.
    assert_agrees(finish(b, *y.producer.outputs), feeds, rtol=16 * EPS.get(dtype, EPS["f32"]), atol=64 * EPS.get(dtype, EPS["f32"]))
