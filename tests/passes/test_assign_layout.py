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


def test_unknown_options_are_refused() -> None:
    with pytest.raises(PassError, match="pass assign-layout has no option 'width'; it takes lanes"):
        PassManager("assign-layout{width=3}")


def test_options_round_trip() -> None:
    assert str(PassManager("assign-layout{lanes=8}")) == "assign-layout{lanes=8}"
    assert str(PassManager([AssignLayout()])) == "assign-layout"
