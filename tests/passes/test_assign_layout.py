"""Layouts: who is blocked, which halo, where reorders stand."""

import numpy as np
import pytest

from ngc.errors import PassError
from ngc.ir import Graph, GraphBuilder, Layout, Step, SymDim, Value
from ngc.ir.verify import verify
from ngc.passes import PassManager
from ngc.passes.assign_layout import AssignLayout


def conv(b: GraphBuilder, x: Value, outputs: int, kernel: int, pad: int = 0, *, stride: int = 1, op: str = "conv2d", **attrs: object) -> Value:
    inputs = x.type.shape[1]
    shape = (outputs, inputs, kernel, kernel) if op == "conv2d" else (inputs, outputs, kernel, kernel)
    return b.op(op, x, b.const("w", np.ones(shape, np.float32)), stride=(stride, stride), pad=(pad, pad), **attrs)


def lowered(b: GraphBuilder, *outputs: Value) -> Graph:
    graph = b.finish(outputs)
    PassManager([AssignLayout(16)]).run(graph)
    verify(graph, "lowered")
    return graph


def test_a_few_channels_become_planes_with_a_border() -> None:
    b = GraphBuilder()
    graph = lowered(b, conv(b, b.input("data", (1, 3, 8, 8)), 32, 3, 1))
    assert [node.op for node in graph if node.op != "const"] == ["reorder", "conv2d", "reorder"]
    assert graph.nodes[1].type.layout == Layout(1, ((1, 1), (1, 1)))
    assert graph.outputs[0].type.layout.is_plain


def test_the_largest_halo_that_a_reader_wants() -> None:
    b = GraphBuilder()
    x = conv(b, b.input("data", (1, 16, 9, 9)), 16, 1)
    lowered(b, conv(b, x, 16, 3, 1), conv(b, x, 16, 5, 2), conv(b, x, 16, 1))
    assert x.type.layout == Layout(16, ((2, 2), (2, 2)))


def test_a_stride_that_never_reaches_the_end_wants_no_border_there() -> None:
    b = GraphBuilder()
    x = conv(b, b.input("data", (1, 16, 8, 8)), 16, 1)
    lowered(b, conv(b, x, 16, 3, 1, stride=2))
    assert x.type.layout == Layout(16, ((1, 0), (1, 0)))


def test_a_deconvolution_reads_ahead_of_its_input() -> None:
    b = GraphBuilder()
    x = conv(b, b.input("data", (1, 16, 4, 4)), 16, 1)
    lowered(b, conv(b, x, 16, 4, 1, stride=2, op="deconv2d"))
    assert x.type.layout == Layout(16, ((1, 1), (1, 1)))


def test_parts_of_a_concat_share_its_halo() -> None:
    b = GraphBuilder()
    x = b.input("data", (1, 16, 6, 6))
    one, two = conv(b, x, 32, 1), conv(b, x, 20, 1)
    joined = b.op("concat", one, two, axis=1)
    lowered(b, conv(b, joined, 16, 3, 1))
    assert one.type.layout == two.type.layout == joined.type.layout == Layout(16, ((1, 1), (1, 1)))


def test_a_concat_of_odd_channels_is_plain() -> None:
    b = GraphBuilder()
    x = b.input("data", (1, 16, 6, 6))
    joined = b.op("concat", conv(b, x, 20, 1), conv(b, x, 32, 1), axis=1)
    graph = lowered(b, joined)
    assert joined.type.layout.is_plain
    assert graph.count()["reorder"] == 3  # the input into blocks, both parts out of them


def test_one_reorder_serves_all_readers() -> None:
    b = GraphBuilder()
    x = conv(b, b.input("data", (SymDim(), 16, 6, 6)), 16, 1)
    graph = lowered(b, b.op("transpose", x, axes=(0, 2, 3, 1)), b.op("exp", x), x)
    assert graph.count()["reorder"] == 2
    assert graph.outputs[2].name == graph.nodes[-1].inputs[0].name or graph.outputs[2].type.layout.is_plain


def test_element_wise_steps_keep_the_layout() -> None:
    b = GraphBuilder()
    x = conv(b, b.input("data", (1, 16, 6, 6)), 16, 1)
    y = conv(b, x, 16, 1)
    graph = b.graph
    graph.stage = "fused"
    z = b.op("eltwise", x, y, epilogue=(Step("add"), Step("relu")))
    lowered(b, z)
    assert z.type.layout == Layout(16)


def quantize(b: GraphBuilder, x: Value, zero: int = 3, *operands: Value, steps: tuple[Step, ...] = ()) -> Value:
    b.graph.stage = "quantized"
    return b.op("eltwise", x, *operands, epilogue=(*steps, Step("scale", (2.0, zero))), result="u8", scales=(0.5,), zero_points=(zero,))


def int8_conv(b: GraphBuilder, x: Value, outputs: int, kernel: int, pad: int = 0, groups: int = 1, **result: object) -> Value:
    zero = x.type.quant.zero_point if x.type.quant is not None else 0
    w = b.const("w", np.ones((outputs, x.type.shape[1] // groups, kernel, kernel), np.int8))
    return b.op("conv2d", x, w, pad=(pad, pad), groups=groups, x_zero=zero, **(result or {"result": "u8", "scales": (1.0,), "zero_points": (7,)}))


def test_the_border_of_integers_holds_their_zero_point() -> None:
    b = GraphBuilder()
    x = int8_conv(b, quantize(b, b.input("data", (1, 16, 8, 8))), 16, 1)
    y = int8_conv(b, x, 16, 3, 1, result="f32")
    z = b.op("pool", y, kind="max", kernel=(2, 2), stride=(2, 2), pad=(0, 0))
    lowered(b, z)
    assert x.type.layout == Layout(16, ((1, 1), (1, 1)), 7.0)
    assert y.type.layout == z.type.layout == Layout(16)


def test_a_tensor_is_quantized_straight_into_the_blocks_that_its_reader_wants() -> None:
    for channels, groups, block in ((3, 1, 4), (4, 1, 4), (5, 1, 16), (3, 3, 16)):
        b = GraphBuilder()
        x = quantize(b, b.input("data", (1, channels, 8, 8)))
        graph = lowered(b, int8_conv(b, x, 6, 3, 1, groups))
        assert x.type.layout == Layout(block, ((1, 1), (1, 1)), 3.0)
        assert [node.op for node in graph if node.op != "const"] == ["eltwise", "conv2d", "reorder"]


def test_two_readers_of_a_quantized_tensor_get_their_own_blocks() -> None:
    b = GraphBuilder()
    x = quantize(b, b.input("data", (1, 3, 8, 8)))
    graph = lowered(b, int8_conv(b, x, 16, 3, 1), b.op("pool", x, kind="max", kernel=(2, 2), stride=(2, 2), pad=(0, 0)))
    assert x.type.layout.is_plain
    reorders = [node.type.layout for node in graph if node.op == "reorder" and not node.type.layout.is_plain]
    assert reorders == [Layout(4, ((1, 1), (1, 1)), 3.0), Layout(16, fill=3.0)]


def test_plain_sums_and_integers_are_reordered_before_a_convolution_reads_them() -> None:
    b = GraphBuilder()
    data = b.input("data", (1, 16, 8, 8))
    total = quantize(b, data, 3, data, steps=(Step("add"),))
    again = b.op("eltwise", total, result="u8", scales=(0.5,), zero_points=(3,))
    graph = lowered(b, int8_conv(b, again, 16, 1))
    assert total.type.layout.is_plain
    assert again.type.layout.is_plain
    assert graph.count()["reorder"] == 2


def test_blocked_floats_are_quantized_in_their_blocks_and_back() -> None:
    b = GraphBuilder()
    x = conv(b, b.input("data", (1, 16, 8, 8)), 16, 1)
    y = quantize(b, x)
    z = b.op("eltwise", y, epilogue=(Step("scale", (1.0, -3.0)), Step("scale", (0.5, 0.0))), result="f32")
    graph = lowered(b, conv(b, z, 16, 1))
    assert y.type.layout == Layout(16, fill=3.0)
    assert z.type.layout == Layout(16)
    assert graph.count()["reorder"] == 2


def test_integers_are_joined_in_blocks() -> None:
    b = GraphBuilder()
    x = quantize(b, b.input("data", (1, 16, 6, 6)))
    one, two = int8_conv(b, x, 32, 1), int8_conv(b, x, 20, 1)
    joined = b.op("concat", one, two, axis=1)
    lowered(b, int8_conv(b, joined, 16, 3, 1))
    assert one.type.layout == two.type.layout == joined.type.layout == Layout(16, ((1, 1), (1, 1)), 7.0)


def test_unknown_options_are_refused() -> None:
    with pytest.raises(PassError, match="pass assign-layout has no option 'width'; it takes lanes"):
        PassManager("assign-layout{width=3}")


def test_options_round_trip() -> None:
    assert str(PassManager("assign-layout{lanes=8}")) == "assign-layout{lanes=8}"
    assert str(PassManager([AssignLayout()])) == "assign-layout"
