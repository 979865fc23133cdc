"""Tests of the modules that PyTorch compiles in benchmarks: they compute what the graphs mean. They need PyTorch."""

from importlib.util import find_spec

import numpy as np
import pytest

import ngc
from ngc.ir import evaluate
from ngc.ir.random_data import fill_missing_weights
from tests import checkpoints

pytestmark = pytest.mark.skipif(find_spec("torch") is None, reason="PyTorch is not installed")


def parse(node: str, output: str, **constants: str) -> ngc.Graph:
    """Returns a graph of one node, %y, that reads %data and constants, with random weights."""
    consts = "\n".join(f"  %{name} = const @{name} : {type}" for name, type in constants.items())
    graph = ngc.parse(f'graph @g(%data: f32[2,6,9,11]) stage("canonical") {{\n{consts}\n  %y = {node} : {output}\n  return %y\n}}')
    fill_missing_weights(graph)
    return graph


def check(graph: ngc.Graph, tolerance: float) -> None:
    """Compares the module with the reference evaluator, relative to the largest value."""
    import torch

    from bench.torch_model import to_module

    x = np.random.default_rng(0).normal(0, 1, graph.inputs[0].type.shape).astype(np.float32)
    [expected] = evaluate(graph, {"data": x})
    with torch.inference_mode():
        answer = to_module(graph)(torch.from_numpy(x)).numpy()
    assert answer.shape == expected.shape
    assert np.abs(answer - expected).max() <= tolerance * np.abs(expected).max()


EXACT, ROUNDED = 0.0, 4e-6
"""Selections are exact; some roundings to fp32, and sums of up to 81 values, cost a few units in the last place."""


@pytest.mark.parametrize(("node", "output", "tolerance"), [
    ('pool(%data) {kind="max", kernel=[3,3], stride=[2,2], pad=[0,0], convention="full"}', "f32[2,6,4,5]", EXACT),
    ('pool(%data) {kind="max", kernel=[2,2], stride=[2,2], pad=[0,0], convention="full"}', "f32[2,6,5,6]", EXACT),
    ('pool(%data) {kind="max", kernel=[3,3], stride=[2,2], pad=[1,1]}', "f32[2,6,5,6]", EXACT),
    ('pool(%data) {kind="avg", kernel=[3,3], stride=[2,2], pad=[1,1], convention="full"}', "f32[2,6,5,6]", ROUNDED),
    ('pool(%data) {kind="avg", kernel=[3,3], stride=[2,2], pad=[1,1], count_include_pad=false}', "f32[2,6,5,6]", ROUNDED),
    ('pool(%data) {kind="avg", kernel=[2,4], stride=[2,3], pad=[0,1], convention="full"}', "f32[2,6,5,4]", ROUNDED),
    ('pool(%data) {kind="avg", kernel=[9,11], stride=[1,1], pad=[0,0]}', "f32[2,6,1,1]", ROUNDED),
    ('pool(%data) {kind="max", kernel=[9,11], stride=[1,1], pad=[0,0]}', "f32[2,6,1,1]", EXACT),
    ("lrn(%data) {size=3, alpha=0.1, beta=0.75, knorm=2.0}", "f32[2,6,9,11]", ROUNDED),
    ("softmax(%data) {axis=1, temperature=2.0}", "f32[2,6,9,11]", ROUNDED),
    ("clip(%data) {a_min=-0.5, a_max=0.25}", "f32[2,6,9,11]", EXACT),
    ("leaky_relu(%data) {slope=0.125}", "f32[2,6,9,11]", EXACT),
    ("sigmoid(%data)", "f32[2,6,9,11]", ROUNDED),
    ("tanh(%data)", "f32[2,6,9,11]", ROUNDED),
    ("add(%data) {scalar=1.5}", "f32[2,6,9,11]", EXACT),
    ("mul(%data, %data)", "f32[2,6,9,11]", EXACT),
    ("concat(%data, %data) {axis=2}", "f32[2,6,18,11]", EXACT),
    ("reshape(%data) {shape=[2,594]}", "f32[2,594]", EXACT),
])
def test_an_operator_computes_what_it_means(node, output, tolerance):
    check(parse(node, output), tolerance)


def test_a_network_computes_what_it_means():
    graph = ngc.import_model(checkpoints.symbol_json(), checkpoints.make_params(), shapes={"data": checkpoints.SHAPE})
    ngc.PassManager("@canonical").run(graph)
    assert {"conv2d", "batch_norm", "dense"} <= set(graph.count())
    check(graph, ROUNDED)


CONV = {"w": "f32[8,3,3,3]", "b": "f32[8]"}
NORM = {"g": "f32[6]", "b": "f32[6]", "m": "f32[6]", "v": "f32[6]"}


@pytest.mark.parametrize(("node", "output", "constants"), [
    ("conv2d(%data, %w, %b) {stride=[2,1], pad=[1,2], dilate=[1,2], groups=2, epilogue=[bias(%b)]}", "f32[2,8,5,11]", CONV),
    ("batch_norm(%data, %g, %b, %m, %v) {eps=0.5, fix_gamma=false}", "f32[2,6,9,11]", NORM),
    ("batch_norm(%data, %g, %b, %m, %v) {eps=0.5, fix_gamma=true}", "f32[2,6,9,11]", NORM),
    ("dense(%data, %w) {}", "f32[2,6,9,5]", {"w": "f32[5,11]"}),
])
def test_an_operator_with_weights_computes_what_it_means(node, output, constants):
    check(parse(node, output, **constants), ROUNDED)


@pytest.mark.parametrize(("node", "output", "message", "constants"), [
    ("exp(%data)", "f32[2,6,9,11]", "exp has no counterpart in PyTorch here; these have: conv2d, dense", {}),
    ('pool(%data) {kind="lp", kernel=[3,3], stride=[2,2], pad=[0,0]}', "f32[2,6,4,5]", r"a pool of kind lp with kernel \(3, 3\)$", {}),
    ('pool(%data) {kind="max", kernel=[2,2], stride=[5,5], pad=[1,1], convention="full"}', "f32[2,6,3,4]",
     "windows that begin in the padding at the end, which PyTorch leaves out$", {}),
    ("conv2d(%data, %w) {pad=[1,1], pad_end=[0,1], groups=2}", "f32[2,8,8,11]",
     r"padding of \(1, 1\) at the beginning and \(0, 1\) at the end$", CONV),
    ("conv2d(%data, %w, %b) {pad=[1,1], groups=2, epilogue=[bias(%b), relu]}", "f32[2,8,9,11]", "conv2d with steps other than a bias: bias, relu$", CONV),
    ("batch_norm(%data, %g, %b, %m, %v) {axis=0}", "f32[2,6,9,11]", "a batch norm along axis 0$", dict.fromkeys("gbmv", "f32[2]")),
])
def test_what_has_no_counterpart_is_named(node, output, message, constants):
    from bench.torch_model import UnsupportedNode, to_module

    with pytest.raises(UnsupportedNode, match=f"^%y: {message}"):
        to_module(parse(node, output, **constants))
