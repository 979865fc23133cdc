"""The numbers of a graph: against counts by hand, and against what the code generator plans."""

import json

import pytest
from hypothesis import given, settings

from ngc.codegen.llvm.calls import buffer_size
from ngc.ir import Graph, parse
from ngc.opt.stats import graph_stats, peak_activations
from tests.strategies import block_graphs
from tests.visualize.test_pictures import DIVIDED

NET = """graph @net(%x: f32[N,3,8,8]) {
  %w = const @w : f32[4,3,3,3]
  %c = conv2d(%x, %w) {pad=[1,1]} : f32[N,4,8,8] loc("conv0")
  %r = reshape(%c) {shape=[N,256]} : f32[N,256]
  %v = const @v : f32[10,256]
  %d = dense(%r, %v) : f32[N,10]
  return %d
}"""


def test_counts_bytes_and_operations() -> None:
    stats = graph_stats(parse(NET))
    assert (stats.operators, stats.constants, stats.constant_bytes) == ({"conv2d": 1, "reshape": 1, "dense": 1}, 2, 4 * (108 + 2560))
    assert [(layer.node, layer.mxnet, layer.flops) for layer in stats.layers] == [("c", ("conv0",), 2 * 64 * 108), ("d", (), 2 * 2560)]
    assert stats.flops == sum(layer.flops for layer in stats.layers)
    assert sum(layer.share for layer in stats.layers) == pytest.approx(1, abs=1e-12)
    assert (stats.peak_bytes, stats.peak_node) == (4 * (192 + 256), "c")  # the reshaped value has the convolution's bytes
    assert json.loads(stats.to_json())["layers"][0]["node"] == "c"
    assert stats.table().startswith("net, stage imported: 3 nodes, for N = 1\n")
    assert graph_stats(parse(NET.replace("[N", "[1"))).table().startswith("net, stage imported: 3 nodes\n")


def test_a_graph_without_layers() -> None:
    stats = graph_stats(parse("graph @g(%x: f32[2,3]) {\n  return %x\n}"))
    assert (stats.operators, stats.flops, stats.layers, stats.peak_bytes, stats.peak_node) == ({}, 0, (), 24, "")
    assert "operators    none\n" in stats.table()
    assert "activations  0.000 MB at most\n" in stats.table()


def test_regions_count() -> None:
    stats = graph_stats(parse(DIVIDED))
    assert stats.operators == {"exp": 1, "engine.call": 1, "tanh": 1, "relu": 1}
    convolution = parse(DIVIDED.replace("%y = relu(%a) : f32[2,3]", "%w = const @w : f32[3,3]\n      %y = dense(%a, %w) : f32[2,3]"))
    assert [(layer.node, layer.flops) for layer in graph_stats(convolution).layers] == [("part/y", 36)]


@settings(deadline=None, max_examples=30)
@given(block_graphs())
def test_the_peak_lies_between_one_node_and_all_values(graph: Graph) -> None:
    peak, where = peak_activations(graph)
    made = [value for value in graph.values() if not value.is_const]
    for node in graph.nodes:
        if node.op not in ("const", "identity", "reshape", "dropout"):
            together = {value for value in (*node.inputs, *node.outputs) if not value.is_const}
            own = [value for value in together if value.producer is None or value.producer.op not in ("identity", "reshape", "dropout")]
            assert sum(buffer_size(value.type)[0] for value in own) <= peak
    assert peak <= sum(buffer_size(value.type)[0] for value in made)
    assert where in {"", *(node.name for node in graph.nodes)}
