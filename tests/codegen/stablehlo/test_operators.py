"""Operators with many attributes on XLA's CPU client, against the reference evaluator: shapes and attributes are drawn."""

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ngc.codegen.stablehlo import emit_stablehlo
from ngc.ir import Graph, GraphBuilder, Step, Value
from ngc.ir.tensor_type import DTYPES
from tests.codegen.stablehlo.samples import feeds, node_graph, random_array
from tests.codegen.stablehlo.xla import check, operations, promised
from tests.passes.quantized import quantize
from tests.strategies import feeds_for, graphs

EXAMPLES = settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])

UNIT = 2.0**-24
"""Largest relative error of rounding to f32."""


def sums(terms: int, size: float = 16.0) -> dict[str, float]:
    """Returns the tolerance of sums of `terms` products of at most `size`, in any order: a rounding of the largest possible sum for each term."""
    return {"rtol": 8 * UNIT, "atol": terms * terms * size * UNIT}


def check_node(op: str, types: Any, attrs: dict[str, Any], tolerance: dict[str, float]) -> None:
    """Asserts that a node writes what its row allows and gives what the reference gives."""
    graph = node_graph(op, types, attrs)
    assert operations(graph) <= promised(graph)
    check(graph, feeds(graph), **tolerance)


@st.composite
def convolutions(draw: Callable[..., Any], op: str) -> tuple[str, Any, dict[str, Any]]:
    """Draws the types and attributes of a convolution or deconvolution: odd channels, images of one pixel, groups, padding on one side, dilation."""
    rank = int(op[-2])
    size = st.integers(1, 6 if rank < 3 else 3)
    spatial = [draw(size) for _ in range(rank)]
    groups = draw(st.sampled_from([1, 1, 2, 3]))
    inputs, outputs = groups * draw(st.sampled_from([1, 1, 3])), groups * draw(st.integers(1, 3))
    pad = [draw(st.integers(0, 2)) for _ in spatial]
    end = [draw(st.integers(0, 2)) for _ in spatial] if draw(st.booleans()) else None
    both = [a + b for a, b in zip(pad, end or pad, strict=True)]
    kernel, dilate, stride = [], [], []
    for dim, extra in zip(spatial, both, strict=True):
        kernel.append(draw(st.integers(1, min(3, dim + extra) if op.startswith("conv") else 3)))
        dilate.append(draw(st.sampled_from([1, 2])) if op.startswith("deconv") or 2 * (kernel[-1] - 1) < dim + extra else 1)
        stride.append(draw(st.integers(1, 3)))
    attrs = {"stride": stride, "pad": pad, "pad_end": end, "dilate": dilate, "groups": groups}
    shape = (draw(st.integers(1, 2)), inputs, *spatial)
    if op.startswith("conv"):
        return op, [(shape, "f32"), ((outputs, inputs // groups, *kernel), "f32")], attrs
    attrs["adj"] = [draw(st.integers(0, step - 1)) for step in stride]
    for axis, (dim, extra) in enumerate(zip(spatial, both, strict=True)):
        if stride[axis] * (dim - 1) + dilate[axis] * (kernel[axis] - 1) + 1 - extra + attrs["adj"][axis] < 1:
            attrs["pad"][axis], attrs["pad_end"] = 0, None
    if any(step * (dim - 1) + d * (k - 1) + 1 - 2 * p + adj < 1 for step, dim, d, k, p, adj
           in zip(stride, spatial, dilate, kernel, attrs["pad"], attrs["adj"], strict=True)):
        attrs["pad"], attrs["pad_end"] = [0] * rank, None
    return op, [(shape, "f32"), ((inputs, outputs // groups, *kernel), "f32")], attrs


@pytest.mark.parametrize("op", ["conv1d", "conv2d", "conv3d", "deconv1d", "deconv2d", "deconv3d"])
def test_convolutions(op: str) -> None:
    @EXAMPLES
    @given(convolutions(op))
    def check_one(sample: tuple[str, Any, dict[str, Any]]) -> None:
        op, types, attrs = sample
        check_node(op, types, attrs, sums(prod(types[1][0][1:]) if op.startswith("conv") else prod(types[1][0])))

    check_one()


def test_padding_of_a_deconvolution_beyond_its_kernel_cuts_the_output() -> None:
    check_node("deconv2d", [((1, 2, 5, 4), "f32"), ((2, 3, 2, 1), "f32")], {"pad": (3, 1), "pad_end": (2, 1), "stride": (2, 2)}, sums(8))


def test_a_kernel_of_two_over_data_spread_by_two_does_not_end_the_process() -> None:
    attrs = {"stride": (2, 1, 2), "pad": (0, 0, 2), "dilate": (1, 2, 1)}
    check_node("deconv3d", [((2, 1, 1, 2, 3), "f32"), ((1, 1, 2, 3, 2), "f32")], attrs, sums(12))
    check_node("deconv2d", [((1, 2, 1, 3), "f32"), ((2, 3, 7, 2), "f32")], {"stride": (1, 2), "pad": (0, 1)}, sums(28))


def test_no_convolution_spreads_out_data_and_kernel_at_once() -> None:
    graph = node_graph("deconv2d", [((1, 2, 5, 4), "f32"), ((2, 3, 2, 3), "f32")], {"stride": (2, 1), "dilate": (1, 2)})
    text = emit_stablehlo(graph).text
    assert "lhs_dilation = array<i64: 2, 1>, rhs_dilation = array<i64: 1, 1>" in text
    assert "interior_padding = array<i64: 0, 0, 0, 1>" in text
    check(graph, feeds(graph), **sums(12))


@EXAMPLES
@given(st.data())
def test_pools(data: st.DataObject) -> None:
    draw = data.draw
    rank = draw(st.integers(1, 3))
    spatial = [draw(st.integers(1, 6 if rank < 3 else 3)) for _ in range(rank)]
    pad = [draw(st.integers(0, 2)) for _ in spatial]
    attrs = {"kind": draw(st.sampled_from(["max", "avg", "sum", "lp"])), "p": draw(st.integers(1, 3)), "pad": pad,
             "kernel": [draw(st.integers(1, min(4, size + 2 * p))) for size, p in zip(spatial, pad, strict=True)],
             "stride": [draw(st.integers(1, 4)) for _ in spatial],
             "convention": draw(st.sampled_from(["valid", "full"])), "count_include_pad": draw(st.booleans())}
    graph = node_graph("pool", [((1, draw(st.sampled_from([1, 3])), *spatial), "f32")], attrs)
    # Roots of lp pools have no bounded slope at zero: their data is positive.
    low = 0.5 if attrs["kind"] == "lp" else -4.0
    check(graph, {"x0": random_array(np.random.default_rng(1), graph.inputs[0].type, low)}, rtol=64 * UNIT, atol=64 * 64 * UNIT)


def test_a_window_past_the_end_gives_the_lowest_float_or_zero() -> None:
    for kind in ("max", "avg", "sum"):
        for counted in (False, True):
            check_node("pool", [((1, 2, 4), "f32")], {"kind": kind, "kernel": (1,), "stride": (3,), "pad": (2,), "convention": "full",
                                                      "count_include_pad": counted}, sums(4))


@EXAMPLES
@given(st.data())
def test_slices(data: st.DataObject) -> None:
    draw = data.draw
    shape = tuple(draw(st.integers(1, 5)) for _ in range(draw(st.integers(1, 3))))
    begin, end, step = [], [], []
    for dim in shape:
        taken = draw(st.slices(dim).filter(lambda part, dim=dim: len(range(*part.indices(dim))) > 0))
        begin.append(taken.start), end.append(taken.stop), step.append(taken.step)
    dtype = draw(st.sampled_from(["f32", "i8", "bool", "bf16"]))
    check_node("slice", [(shape, dtype)], {"begin": begin, "end": end, "step": step}, {"rtol": 0, "atol": 0})


@EXAMPLES
@given(st.data())
def test_borders(data: st.DataObject) -> None:
    draw = data.draw
    shape = tuple(draw(st.integers(1, 4)) for _ in range(draw(st.integers(1, 4))))
    mode = draw(st.sampled_from(["constant", "edge", "reflect"]))
    widths = [draw(st.integers(0, dim - 1 if mode == "reflect" else 3)) for dim in shape for _ in range(2)]
    check_node("pad", [(shape, draw(st.sampled_from(["f32", "u8", "f16"])))], {"widths": widths, "mode": mode, "value": 0.5}, {"rtol": 0, "atol": 0})


def test_integers_divide_toward_zero_and_by_zero_to_zero() -> None:
    for dtype in ("u8", "i8", "i32"):
        limits = np.iinfo(DTYPES[dtype])
        values = np.unique(np.clip([limits.min, limits.min + 1, -7, -1, 0, 1, 2, 7, limits.max], limits.min, limits.max)).astype(DTYPES[dtype])
        a, b = (part.reshape(-1).copy() for part in np.meshgrid(values, values))
        for op in ("div", "mod", "add", "sub", "mul", "maximum", "greater", "logical_xor"):
            graph = node_graph(op, [(a.shape, dtype), (b.shape, dtype)], {})
            check(graph, {"x0": a, "x1": b}, rtol=0, atol=0)


def test_casts_of_floats_out_of_range() -> None:
    values = np.array([np.nan, np.inf, -np.inf, 3e9, -3e9, 2.0**31, -(2.0**31), 300.7, -300.7, 0.5, -0.5, 127.9, -1.0], np.float32)
    for dtype in ("u8", "i8", "i32", "bool", "f16"):
        check(node_graph("cast", [(values.shape, "f32")], {"dtype": dtype}), {"x0": values}, rtol=0, atol=0)


def test_rounding_of_halves_and_of_what_is_too_large_to_have_any() -> None:
    halves = np.arange(-4, 4, 0.5, np.float32)
    large = np.array([2**22 + 0.5, 2**23 + 1, 2**24 - 1, -(2**23) - 1, 1e30], np.float32)
    values = np.concatenate([halves, np.nextafter(halves[halves != 0], np.float32(9)), large])
    for op in ("round", "rint", "ceil", "floor", "trunc", "fix"):
        check(node_graph(op, [(values.shape, "f32")], {}), {"x0": values}, rtol=0, atol=0)


def test_nan_and_infinities_go_where_the_reference_sends_them() -> None:
    values = np.array([np.nan, np.inf, -np.inf, 0.0, 1.0], np.float32)
    for op in ("relu", "sigmoid", "tanh", "leaky_relu", "clip", "softrelu", "exp", "sign", "abs", "logical_not"):
        check(node_graph(op, [(values.shape, "f32")], {}), {"x0": values}, rtol=4 * UNIT, atol=0)
    large = np.append(values, np.float32([1e30, -3]))
    for scalar in (0.0, 1e-200, 1e-3):  # the first two squared vanish
        check(node_graph("smooth_l1", [(large.shape, "f32")], {"scalar": scalar}), {"x0": large}, rtol=4 * UNIT, atol=0)
    for op in ("maximum", "minimum", "equal", "logical_and"):
        check(node_graph(op, [(values.shape, "f32")], {"scalar": 0.5}), {"x0": values}, rtol=0, atol=0)


@pytest.mark.parametrize("with_steps", [False, True], ids=["imported", "fused"])
def test_random_graphs(with_steps: bool) -> None:
    @EXAMPLES
    @given(graphs(symbolic=False, with_steps=with_steps))
    def check_one(graph: Graph) -> None:
        assert operations(graph) <= promised(graph)
        # Few terms are summed, but functions amplify: 2e-5 of the largest value is some hundred roundings of f32.
        check(graph, feeds_for(graph), rtol=2e-5, atol=2e-5, of_largest=2e-5)

    check_one()


def test_quantized_layers_sum_integers() -> None:
    builder, rng = GraphBuilder("quantized"), np.random.default_rng(0)

    def weight(name: str, *shape: int) -> Value:
        return builder.const(name, rng.uniform(-0.5, 0.5, shape).astype(np.float32))

    x = builder.input("data", (2, 3, 7, 7))
    first = builder.op("conv2d", x, weight("w1", 8, 3, 3, 3), weight("b1", 8), pad=(1, 1), epilogue=(Step("bias"), Step("relu")), name="first")
    unit = builder.op("conv2d", first, weight("w2", 8, 8, 3, 3), first, pad=(1, 1), epilogue=(Step("add"), Step("relu")), name="unit")
    pooled = builder.op("pool", unit, kind="avg", kernel=(2, 2), stride=(2, 2), pad=(0, 0), name="pooled")
    flat = builder.op("reshape", pooled, shape=(2, 72), name="flat")
    graph = builder.finish([builder.op("dense", flat, weight("w3", 10, 72), name="scores")])
    graph.stage = "fused"
    arrays = feeds_for(graph)
    integers = quantize(graph, arrays, bias_correction=False)
    assert integers.stage == "quantized"
    assert {integers.find(name).type.dtype for name in ("first", "unit", "flat")} == {"u8"}
    assert operations(integers) <= promised(integers)
    # A sum that lies between two integers may go to either one, where XLA joins a product and a sum in one rounding.
    check(integers, arrays, rtol=0, atol=0, of_largest=2 / 255)


@pytest.mark.parametrize("dtype", ["f16", "bf16"])
def test_layers_of_16_bits_sum_in_f32_and_round_once(dtype: str) -> None:
    builder = GraphBuilder("narrow")
    rng = np.random.default_rng(0)
    x = builder.input("data", (2, 8, 6, 6), dtype)
    w = builder.input("w", (4, 8, 3, 3), dtype)
    vector = builder.const("b", rng.uniform(-1, 1, 4).astype(np.float32 if dtype == "bf16" else np.float16))
    y = builder.op("conv2d", x, w, vector, pad=(1, 1), epilogue=(Step("bias"), Step("relu")), name="y")
    graph = builder.finish([y])
    graph.stage = "fused"
    arrays = {value.name: random_array(rng, value.type, -1, 1) for value in graph.inputs}
    half_ulp = 2.0**-8 if dtype == "bf16" else 2.0**-11
    check(graph, arrays, rtol=2 * half_ulp, atol=4 * half_ulp)
