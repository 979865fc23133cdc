"""Dead code goes, what is read or returned stays."""

from ngc.ir import Step
from tests.passes.nets import Net, ops, run

PASS = "eliminate-dead-code"


def test_dead_chains_go_with_their_constants() -> None:
    net = Net()
    x = net.input(4, 5, 5)
    net.op("relu", net.batch_norm(net.conv(x, 4)))
    graph = run(net.finish(net.op("tanh", x)), PASS)
    assert [node.op for node in graph] == ["tanh"]


def test_inputs_stay() -> None:
    net = Net()
    net.op("relu", net.input(3, name="unread"))
    graph = run(net.finish(net.input(3)), PASS)
    assert [value.name for value in graph.inputs] == ["unread", "data"]
    assert ops(graph) == []


def test_a_node_stays_for_one_of_its_results() -> None:
    net = Net()
    x = net.conv(net.input(4, 5, 5), 4, epilogue=(Step("tee"), Step("relu")))
    graph = run(net.finish(x.producer.outputs[1]), PASS)
    assert ops(graph) == ["conv2d"]
    assert not list(graph.events)


def test_long_dead_chains_need_no_recursion() -> None:
    net = Net()
    x = y = net.input(3)
    for _ in range(3000):
        y = net.op("tanh", y)
    graph = run(net.finish(x), PASS)
    assert ops(graph) == []
