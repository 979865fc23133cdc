"""Dense layers that read the same data: which become one, which stay and why."""

from ngc.ir import Graph, Step, SymDim, Value, parse
from ngc.passes import PIPELINES, PassManager
from tests.passes.nets import EPS, Net, ops, refusals, run
from tests.passes.test_fuse_attention import HEADS, LENGTH, Mask

PASS = "merge-parallel-dense"
TOLERANCE = 32 * EPS
"""Sums of up to eight products in another order, and attention of them."""


def projections(net: Net, *, read: Mask = lambda net, value: value) -> list[Value]:
    """Returns attention over heads of three dense layers of one input, and those layers."""
    x = net.input(LENGTH, 6)
    layers = [net.dense(x, 8, name=name) for name in "qkv"]
    heads = [net.op("transpose", net.op("reshape", read(net, layer), shape=(SymDim(), LENGTH, HEADS, 4)), axes=(0, 2, 1, 3)) for layer in layers]
    weights = net.op("softmax", net.op("matmul", heads[0], heads[1], transpose_b=True))
    return [net.op("matmul", weights, heads[2]), *layers]


def test_layers_of_one_input_become_one() -> None:
    net = Net()
    context, *_ = projections(net)
    graph = run(net.finish(context), PASS, TOLERANCE)
    assert ops(graph).count("dense") == 1
    assert [graph.find(name).producer.op for name in "qkv"] == ["slice"] * 3
    assert graph.find("q_merged").type.shape == (SymDim(), LENGTH, 24)


def test_refuses_layers_that_others_read_or_that_differ() -> None:
    net = Net()
    context, q, *_ = projections(net)
    graph = run(net.finish(context, net.op("relu", q, name="other")), PASS, TOLERANCE)
    assert refusals(graph, "ParallelDense") == ["%other reads %q, and no slice of it"]
    net = Net()
    context, _, k, _ = projections(net)
    graph = run(net.finish(context, k), PASS, TOLERANCE)
    assert refusals(graph, "ParallelDense") == ["the caller reads %k, and no slice of it"]
    net = Net()
    context, *_ = projections(net, read=lambda net, value: net.op("relu", value))
    graph = run(net.finish(context), PASS, TOLERANCE)
    assert refusals(graph, "ParallelDense") == ["%relu reads %q, and no slice of it"]


def test_refuses_steps_with_tensors_and_weights_that_are_not_there() -> None:
    graph = run_text("%q = dense(%x, %w, %y) {epilogue=[add(%y)]} : f32[2,8]\n  %k = dense(%x, %u, %y) {epilogue=[add(%y)]} : f32[2,8]",
                     "%y: f32[2,8], ")
    assert refusals(graph, "ParallelDense") == ["a step of %q reads or stores a tensor"]
    graph = run_text("%q = dense(%x, %w) : f32[2,8]\n  %k = dense(%x, %u) : f32[2,8]")
    assert refusals(graph, "ParallelDense") == ["%w is no constant whose data is at hand"]


def run_text(layers: str, inputs: str = "") -> Graph:
    """Returns the graph of two layers whose product is returned, after the pass; its weights have no data."""
    graph = parse(f"""graph @layers({inputs}%x: f32[2,6]) {{
  %w = const @w : f32[8,6]
  %u = const @u : f32[8,6]
  {layers}
  %out = matmul(%q, %k) {{transpose_b=true}} : f32[2,2]
  return %out
}}""")
    PassManager(PASS).run(graph)
    return graph


def test_biases_that_are_added_are_merged_with_their_layers() -> None:
    """As exporters write a layer: the steps are there before the layers are looked at, and attention is."""
    net = Net()
    x = net.input(LENGTH, 6)
    q, k, v = (net.op("reshape", net.op("add", net.dense(x, 8, name=name), net.const(f"{name}_bias", 8)), shape=(SymDim(), 1, LENGTH, 8)) for name in "qkv")
    context = net.op("matmul", net.op("softmax", net.op("matmul", q, k, transpose_b=True)), v)
    graph = run(net.finish(context), PIPELINES["cpu-fp32"].removesuffix(",assign-layout"), TOLERANCE)
    assert ops(graph).count("dense") == ops(graph).count("attention") == 1
    assert "eltwise" not in ops(graph)


def test_layers_are_merged_with_their_vectors() -> None:
    net = Net()
    x = net.input(LENGTH, 6)
    q, k = (net.op("dense", x, net.const(f"{name}_weight", size, 6), net.const(f"{name}_bias", size), name=name, epilogue=(Step("bias"), Step("relu")))
            for name, size in (("q", 8), ("k", 8)))
    graph = run(net.finish(net.op("matmul", q, k, transpose_b=True)), PASS)
    assert ops(graph) == ["dense", "slice", "slice", "matmul"]
    assert graph.find("q_merged").producer.inputs[2].type.shape == (16,)
