"""The tee: one epilogue writes a sum raw and activated."""

import pytest

from ngc.ir import Step
from tests.passes.nets import EPS, Net, ops, refusals, run, steps

PASS = "fuse-conv,fuse-preactivation"
TOLERANCE = 16 * EPS
"""The normalization's scale and shift are rounded to single precision before they are used."""


def test_a_residual_block_of_the_second_kind() -> None:
    net = Net()
    x = net.input(4, 6, 6)
    total = net.op("add", net.conv(x, 4, 3, pad=1, name="c3", bias=True), x, name="sum")
    active = net.op("relu", net.batch_norm(total), name="active")
    following = net.op("add", net.conv(active, 4, name="next"), total)
    graph = run(net.finish(following), PASS, TOLERANCE)
    assert ops(graph) == ["conv2d", "conv2d"]
    node = graph.find("active").producer
    assert [step.kind for step in node.attrs["epilogue"]] == ["bias", "add", "tee", "affine", "relu"]
    assert [value.name for value in node.outputs] == ["active", "c3"]
    assert [use.node.name for use in node.outputs[1].uses] == ["next"]


def test_the_raw_value_may_be_an_output() -> None:
    net = Net()
    raw = net.conv(net.input(4, 6, 6), 4)
    graph = run(net.finish(net.op("relu", net.batch_norm(raw), name="active"), raw), PASS, TOLERANCE)
    assert ops(graph) == ["conv2d"]
    assert [value.name for value in graph.outputs] == ["active", "conv"]
    assert [value.index for value in graph.outputs] == [0, 1]


def test_a_chain_read_at_two_places_gets_two_tees() -> None:
    net = Net()
    raw = net.conv(net.input(4, 6, 6), 4)
    norm = net.batch_norm(raw)
    graph = run(net.finish(net.op("sin", net.op("relu", norm, name="active")), net.op("cos", norm), net.op("sin", raw)), PASS, TOLERANCE)
    assert ops(graph) == ["conv2d", "sin", "cos", "sin"]
    assert steps(graph, "active") == ["tee", "affine", "tee", "relu"]
    assert [value.name for value in graph.find("active").producer.outputs] == ["active", "conv", "bn"]


def test_a_second_tee_comes_after_the_first() -> None:
    net = Net()
    x = net.conv(net.input(4, 6, 6), 4, epilogue=(Step("tee"), Step("tanh")))
    graph = run(net.finish(net.op("relu", x, name="active"), x, x.producer.outputs[1]), PASS, TOLERANCE)
    assert [value.index for value in graph.outputs] == [0, 2, 1]
    assert steps(graph, "active") == ["tee", "tanh", "tee", "relu"]


def test_dense_layers_and_prelu_too() -> None:
    net = Net()
    raw = net.dense(net.input(7), 5)
    graph = run(net.finish(net.op("prelu", net.op("mul", raw, scalar=0.5), net.const("slope", 5)), raw), PASS, TOLERANCE)
    assert ops(graph) == ["dense"]


def test_refuses_several_chains() -> None:
    net = Net()
    raw = net.conv(net.input(4, 6, 6), 4)
    graph = run(net.finish(net.op("relu", raw, name="a"), net.op("tanh", raw, name="b")), PASS)
    assert refusals(graph, "LayerThenChainAndOthers") == ["2 chains begin at %conv: %a, %b"]


def test_refuses_a_chain_that_meets_the_raw_value_again() -> None:
    net = Net()
    raw = net.conv(net.input(4, 6, 6), 4)
    gate = net.op("clip", net.op("add", raw, scalar=3.0, name="shifted"), a_min=0.0, a_max=6.0)
    graph = run(net.finish(net.op("mul", raw, gate, name="swish")), PASS)
    assert refusals(graph, "LayerThenChainAndOthers") == ["the chain from %shifted meets %conv again in %swish"]


def test_refuses_an_operand_that_is_no_constant() -> None:
    net = Net()
    raw = net.conv(net.input(4, 6, 6), 4)
    graph = run(net.finish(net.op("prelu", raw, net.b.input("slope", (4,)), name="act"), raw), PASS)
    assert refusals(graph, "LayerThenChainAndOthers") == ["an operand of the chain from %act is no constant"]


@pytest.mark.parametrize("reader", ["sin", "softmax"])
def test_readers_that_are_no_steps_begin_no_chain(reader: str) -> None:
    net = Net()
    raw = net.conv(net.input(4, 6, 6), 4)
    graph = run(net.finish(net.op(reader, raw), raw), PASS)
    assert refusals(graph, "LayerThenChainAndOthers") == []
    assert ops(graph) == ["conv2d", reader]
