"""Whole graphs as ONNX: networks of every stage, names, sources, operator sets and the errors."""

import builtins

import numpy as np
import pytest
from hypothesis import assume, given, settings

from ngc.codegen.onnx import emit_onnx
from ngc.codegen.onnx.emit import OPSETS
from ngc.errors import CodegenError, EngineError
from ngc.ir import Graph, GraphBuilder, Loc, Step, SymDim, evaluate, parse
from ngc.ir.random_data import fill_missing_weights
from ngc.passes import PIPELINES, PassContext, PassManager
from ngc.target import parse_target
from tests.onnx_models import assert_agrees, checked, run_onnx, session
from tests.strategies import block_graphs, feeds_for, graphs

pytest.importorskip("onnxruntime")
helper = pytest.importorskip("onnx.helper")

TOLERANCE = 1e-4
"""Random networks of up to twelve layers: sums of up to 200 products of order one, in f32 and in another order."""


@settings(deadline=None, max_examples=25)
@given(graphs())
def test_random_graphs(graph):
    sizes: list[float] = []
    evaluate(graph, feeds_for(graph), observe=lambda _, array: sizes.append(np.abs(array).max(initial=0)))
    assume(max(sizes) < 1e9)  # a window without data has the lowest number, whose square in LRN overflows in f32
    assert_agrees(graph, feeds_for(graph), rtol=TOLERANCE, atol=TOLERANCE)


@settings(deadline=None, max_examples=25)
@given(graphs(with_steps=True))
def test_random_graphs_with_steps(graph):
    assert_agrees(graph, feeds_for(graph), rtol=TOLERANCE, atol=TOLERANCE)


FUSED = PIPELINES["cpu-fp32"].removesuffix(",assign-layout")


@settings(deadline=None, max_examples=25)
@given(block_graphs())
def test_fused_networks_agree_with_what_they_were_made_of(graph):
    assume(len(set(graph.output_names)) == len(graph.outputs))
    feeds = feeds_for(graph)
    expected = evaluate(graph, feeds)
    PassManager(FUSED).run(graph, PassContext())
    for found, wanted in zip(run_onnx(graph, feeds), expected, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=TOLERANCE, atol=TOLERANCE)


NET = """graph @net(%data: f32[N,3,8,8]) {
  %w0 = const @w0 : f32[4,3,1,1]
  %v0 = const @v0 : f32[4]
  %s0 = const @s0 : f32[4]
  %t0 = const @t0 : f32[4]
  %active, %raw = conv2d(%data, %w0, %v0, %s0, %t0) {epilogue=[bias(%v0), tee, affine(%s0,%t0), relu]} : f32[N,4,8,8], f32[N,4,8,8] loc("conv0")
  %small = pool(%active) {kind="max", kernel=[3,3], stride=[2,2], pad=[0,0], convention="full"} : f32[N,4,4,4] loc("pool0")
  %q = eltwise(%small) {epilogue=[scale(50.0,0.0)], result="u8", scales=[0.02], zero_points=[0]} : u8[N,4,4,4]<q scale=[0.02] zero_point=0>
  %w1 = const @w1 : i8[5,4,1,1]
  %s1 = const @s1 : f32[5]
  %t1 = const @t1 : f32[5]
  %layer = conv2d(%q, %w1, %s1, %t1) {epilogue=[affine(%s1,%t1)], result="f32"} : f32[N,5,4,4] loc("conv1")
  %flat = reshape(%layer) {shape=[N,80]} : f32[N,80] loc("flat")
  %w2 = const @w2 : f32[10,80]
  %v2 = const @v2 : f32[10]
  %fc = dense(%flat, %w2, %v2) {epilogue=[bias(%v2)]} : f32[N,10] loc("fc")
  return %fc as "fc_output", %raw
}
"""


def test_what_a_network_of_floats_and_integers_becomes(golden):
    graph = parse(NET)
    fill_missing_weights(graph)
    lines = []
    for node in checked(graph).graph.node:
        attrs = ", ".join(f"{attr.name}={helper.get_attribute_value(attr)}" for attr in node.attribute)
        lines += [f"{node.name}, of {node.doc_string or 'nothing'}", f"    {node.output[0]} = {node.op_type}({', '.join(node.input)})"]
        lines += [f"        {attrs}"] if attrs else []
    golden("onnx/network.txt", "\n".join(lines))
    assert_agrees(graph, feeds_for(graph), rtol=1e-5, atol=1e-5)  # sums of up to 80 products


def small() -> Graph:
    """Returns a network with an input, an output and inner values whose names get in each other's way."""
    b = GraphBuilder("net")
    x = b.graph._add_input("x", b.input("unused", (SymDim(), 2, 4, 4)).type, "data")
    conv = b.op("conv2d", x, b.const("w", np.ones((2, 2, 1, 1), np.float32)), name="data", loc=Loc("conv0"))
    relu = b.op("relu", conv, name="out", loc=Loc("act/0"))
    tanh = b.op("tanh", relu, name="tanh", loc=Loc("tanh0"))
    return b.finish([tanh, relu, relu, x, b.const("k", np.ones(3, np.float32))], ["out", "relu_output", "again", "copy", "k"])


def test_names_are_the_public_ones_outside_and_the_values_inside():
    model = checked(small())
    graph = model.graph
    assert [value.name for value in graph.input] == ["unused", "data"]
    assert [value.name for value in graph.output] == ["out", "relu_output", "again", "copy", "k"]
    assert [dim.dim_param or dim.dim_value for dim in graph.input[1].type.tensor_type.shape.dim] == ["N", 2, 4, 4]
    assert [(node.op_type, list(node.output), node.doc_string) for node in graph.node] == [
        ("Conv", ["data_2"], "conv0"), ("Relu", ["relu_output"], "act/0"), ("Tanh", ["out"], "tanh0"),
        ("Identity", ["again"], ""), ("Identity", ["copy"], ""), ("Identity", ["k"], "")]
    assert [node.name for node in graph.node][:3] == ["data", "out", "tanh"]
    assert [tensor.name for tensor in graph.initializer] == ["w", "k_2"]
    feeds = feeds_for(small())
    for found, wanted in zip(run_onnx(small(), feeds), evaluate(small(), feeds), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-6)  # two products


@pytest.mark.parametrize("opset", OPSETS)
def test_operator_sets(opset):
    graph = small()
    model = checked(graph, opset)
    assert (model.opset_import[0].version, model.producer_name) == (opset, "ngc")
    assert len(session(model).get_outputs()) == 5


def test_unknown_operator_sets():
    with pytest.raises(CodegenError, match="ONNX models are written for the operator sets 18, 19, 20, 21, not 17"):
        emit_onnx(small(), opset=17)


def test_repeated_public_names():
    b = GraphBuilder()
    x = b.input("data", (1, 2))
    with pytest.raises(CodegenError, match="ONNX tells inputs and outputs apart by their names, and 'data' names several"):
        emit_onnx(b.finish([b.op("relu", x)], ["data"]))


def test_all_nodes_without_a_form_are_listed():
    b = GraphBuilder()
    x = b.input("x", (1, 2))
    y = b.op("gammaln", b.op("erfinv", b.op("erfinv", x, name="first"), name="second"), name="third")
    with pytest.raises(CodegenError) as caught:
        emit_onnx(b.finish([y]))
    assert str(caught.value) == ("some operators have no form in ONNX:\n  ONNX has no inverse error function: 2 nodes (%first, %second)\n"
                                 "  ONNX has no logarithm of the gamma function: 1 node (%third)")


def test_lowered_graphs_have_layouts_that_onnx_does_not_have():
    graph = small()
    PassManager(PIPELINES["cpu-fp32"]).run(graph, PassContext(parse_target("cpu:x86-64-v3")))
    with pytest.raises(CodegenError, match=r"memory layouts are those of ngc's CPU kernels, and only lowered graphs have them: \d node"):
        emit_onnx(graph)


def test_the_missing_package_is_named(monkeypatch):
    plain = builtins.__import__

    def without_onnx(name, *args, **kwargs):
        if name == "onnx":
            raise ImportError("No module named 'onnx'")
        return plain(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without_onnx)
    with pytest.raises(EngineError, match=r"ONNX models need the package onnx: pip install 'onnx<1\.19'"):
        emit_onnx(small())


def test_weights_of_half_precision_keep_their_bits():
    b = GraphBuilder()
    half = b.const("half", np.array([1.0, 2**-14, 65504, 0.1], np.float16))
    b.op("add", half, half)
    graph = b.finish([b.op("add", half, half)])
    assert_agrees(graph, {})
    narrow = PassManager("fold-constants")
    b = GraphBuilder()
    bf16 = b.op("cast", b.const("w", np.array([1.0, 0.1, -3e38, 1e-40], np.float32)), dtype="bf16")
    graph = b.finish([b.op("cast", b.op("mul", bf16, b.op("cast", b.input("x", (4,)), dtype="bf16")), dtype="f32")])
    feeds = {"x": np.array([1, 3, 0.5, 1], np.float32)}
    expected = evaluate(graph, feeds)
    narrow.run(graph, PassContext())
    [weight] = checked(graph).graph.initializer
    assert (weight.data_type, len(weight.raw_data)) == (16, 8)
    np.testing.assert_array_equal(run_onnx(graph, feeds), expected)


def test_one_constant_of_many_readers_is_written_once():
    b = GraphBuilder()
    w = b.const("w", np.ones((3, 3), np.float32))
    x = b.op("dense", b.op("dense", b.input("x", (2, 2, 3)), w), w)
    v = b.const("v", np.ones(2, np.float32))
    x = b.op("eltwise", b.op("eltwise", x, v, epilogue=(Step("bias"),)), v, epilogue=(Step("bias"),))
    assert [tensor.name for tensor in checked(b.finish([x])).graph.initializer] == ["w.transposed", "v.arranged"]
