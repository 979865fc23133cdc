"""Strides move up to the convolutions that need not compute what nobody reads."""

import pytest

from ngc.ir import Graph, Step, Value
from tests.passes.nets import Net, fired, ops, refusals, run

PASS = "hoist-strides"


def strides(graph: Graph) -> dict[str, tuple[int, ...]]:
    return {node.name: node.attrs["stride"] for node in graph if "stride" in node.attrs}


def bottleneck(net: Net, x: Value) -> Value:
    """The last block of a stage of ResNet-v1, its output read by the next stage's first convolution and projection."""
    y = net.op("relu", net.conv(x, 4, name="c1", bias=True))
    y = net.op("relu", net.conv(y, 4, 3, name="c2", pad=1, bias=True))
    return net.op("relu", net.op("add", net.conv(y, 8, name="c3", bias=True), x))


@pytest.mark.parametrize("size", [8, 7])
def test_a_stage_of_resnet_v1_runs_its_last_layers_at_half_resolution(size: int) -> None:
    net = Net()
    x = net.op("sin", net.input(8, size, size))
    y = bottleneck(net, x)
    graph = run(net.finish(net.conv(y, 6, name="next", stride=2), net.conv(y, 16, name="projection", stride=2)), PASS)
    assert strides(graph) == {"c1": (1, 1), "c2": (2, 2), "c3": (1, 1), "sin_strided": (2, 2), "next": (1, 1), "projection": (1, 1)}
    assert graph.find("c3").type.shape[2:] == (4, 4)
    assert (fired(graph, "StrideRises"), fired(graph, "ConvTakesStride")) == (3, 2)


@pytest.mark.parametrize("rank", [1, 3])
def test_other_ranks_and_uneven_strides(rank: int) -> None:
    net = Net()
    x = net.conv(net.input(4, *(7,) * rank), 4, 3, name="first", pad=1, groups=2)
    stride = (3,) * rank if rank == 1 else (1, 2, 3)
    graph = run(net.finish(net.conv(net.batch_norm(x), 6, name="second", stride=stride)), PASS)
    assert strides(graph) == {"first": stride, "second": (1,) * rank}


def test_strides_multiply() -> None:
    net = Net()
    x = net.conv(net.input(4, 12, 12), 4, 3, name="first", stride=2, dilate=2)
    graph = run(net.finish(net.conv(x, 6, name="second", stride=(2, 1))), PASS)
    assert strides(graph) == {"first": (4, 2), "second": (1, 1)}


def test_fused_operands_are_subsampled_and_vectors_are_not() -> None:
    net = Net()
    x = net.input(4, 6, 6)
    gate = net.op("reduce_max", x, axes=(2, 3), keepdims=True)
    y = net.op("conv2d", x, net.const("w", 4, 4, 1, 1), net.const("b", 4), x, gate, name="first",
               epilogue=(Step("bias"), Step("add"), Step("multiply")))
    graph = run(net.finish(net.conv(y, 6, name="second", stride=2)), PASS)
    assert strides(graph) == {"first": (2, 2), "data_strided": (2, 2), "second": (1, 1)}


def test_element_wise_operands_without_spatial_dimensions_stay() -> None:
    net = Net()
    x = net.conv(net.input(4, 6, 6), 4, name="first")
    y = net.op("mul", net.op("prelu", x, net.const("slope", 4)), net.const("c", 4, 1, 1))
    graph = run(net.finish(net.conv(y, 6, name="second", stride=2)), PASS)
    assert ops(graph) == ["conv2d", "prelu", "mul", "conv2d"]
    assert strides(graph) == {"first": (2, 2), "second": (1, 1)}


def test_refuses_a_reader_of_every_position() -> None:
    net = Net()
    x = net.conv(net.input(4, 6, 6), 4, name="first")
    y = net.op("relu", net.conv(net.input(4, 6, 6, name="more"), 4, name="other"), name="y")
    graph = run(net.finish(net.conv(x, 6, stride=2), net.op("sin", x, name="sin"), net.conv(y, 6, stride=2), net.conv(y, 6, 3, name="k", stride=2)), PASS)
    assert refusals(graph, "ConvTakesStride") == ["%sin reads every position of %first"]
    assert refusals(graph, "StrideRises") == ["%k reads every position of %y"]


def test_refuses_different_strides() -> None:
    net = Net()
    x = net.conv(net.input(4, 6, 6), 4, name="first")
    graph = run(net.finish(net.conv(x, 6, stride=2), net.conv(x, 6, stride=3)), PASS)
    assert refusals(graph, "ConvTakesStride") == ["%first is read with strides (2, 2) and (3, 3)"]


def test_refuses_a_graph_output() -> None:
    net = Net()
    x = net.conv(net.input(4, 6, 6), 4, name="first")
    graph = run(net.finish(net.conv(x, 6, stride=2), x), PASS)
    assert refusals(graph, "ConvTakesStride") == ["%first is a graph output"]


def test_refuses_further_results() -> None:
    net = Net()
    x = net.conv(net.input(4, 6, 6), 4, name="first", epilogue=(Step("tee"),))
    graph = run(net.finish(net.conv(x, 6, stride=2), x.producer.outputs[1]), PASS)
    assert refusals(graph, "ConvTakesStride") == ["%first stores further results"]


def test_refuses_where_no_convolution_would_shrink() -> None:
    net = Net()
    x = net.op("relu", net.input(4, 6, 6))
    graph = run(net.finish(net.conv(x, 6, stride=2)), PASS)
    assert refusals(graph, "StrideRises") == ["no convolution before it would shrink"]


def test_refuses_operands_broadcast_along_space_and_normalization_along_it() -> None:
    net = Net()
    x = net.conv(net.input(4, 6, 6), 4, name="first")
    y = net.op("add", x, net.const("row", 1, 6))
    z = net.batch_norm(net.conv(net.input(4, 6, 6, name="more"), 4), axis=2)
    graph = run(net.finish(net.conv(y, 6, stride=2), net.conv(z, 6, stride=2)), PASS)
    assert refusals(graph, "StrideRises") == ["%row: f32[1,6] is broadcast along a spatial dimension",
                                              "the normalization does not run along the channels"]


def test_padded_and_larger_kernels_do_not_subsample() -> None:
    net = Net()
    x = net.conv(net.input(4, 6, 6), 4, name="first")
    graph = run(net.finish(net.conv(x, 6, 2, stride=2), net.conv(x, 6, pad=1, stride=2)), PASS)
    assert not list(graph.events)
