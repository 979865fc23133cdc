"""Equal values are computed once; what only looks equal is not."""

import numpy as np

from ngc.ir import parse
from ngc.passes import PassManager
from tests.passes.nets import Net, ops, run

PASS = "eliminate-common-subexpressions"


def test_equal_trees_become_one() -> None:
    net = Net()
    x = net.input(4)
    left, right = (net.op("tanh", net.op("add", x, scalar=1.0)) for _ in range(2))
    graph = run(net.finish(net.op("add", left, right)), PASS)
    assert ops(graph) == ["add", "tanh", "add"]


def test_constants_are_equal_by_type_and_content() -> None:
    net = Net()
    x = net.input(3)
    same = [net.b.const(name, np.arange(3, dtype=np.float32)) for name in ("a", "b")]
    other = net.b.const("c", np.arange(3, dtype=np.float32).reshape(1, 3))
    graph = run(net.finish(*(net.op("add", x, c) for c in (*same, other))), PASS)
    assert [node.name for node in graph if node.op == "const"] == ["a", "c"]
    assert graph.outputs[0] is graph.outputs[1]
    assert len(set(graph.outputs)) == 2


def test_large_constants_that_agree_in_the_sampled_places_only_stay_apart() -> None:
    net = Net()
    a = np.zeros(1000, np.float32)
    b = a.copy()
    b[1] = 1
    x = net.input(1000)
    graph = run(net.finish(net.op("add", x, net.b.const("a", a)), net.op("add", x, net.b.const("b", b))), PASS)
    assert ops(graph) == ["add", "add"]


def test_operands_of_operators_that_commute_may_be_exchanged() -> None:
    net = Net()
    x, y = net.input(4), net.input(4, name="more")
    graph = run(net.finish(net.op("add", x, y), net.op("add", y, x), net.op("sub", x, y), net.op("sub", y, x)), PASS)
    assert ops(graph) == ["add", "sub", "sub"]


def test_zeros_of_either_sign_differ() -> None:
    net = Net()
    x = net.input(4)
    graph = run(net.finish(net.op("add", x, scalar=0.0), net.op("add", x, scalar=-0.0), net.op("mul", x, scalar=float("nan"))), PASS)
    assert ops(graph) == ["add", "add", "mul"]


def test_text_without_data_goes_by_the_hash() -> None:
    net = Net()
    x = net.input(3)
    graph = net.finish(*(net.op("add", x, net.b.const(name, np.ones(3, np.float32))) for name in ("a", "b")))
    graph = parse(str(graph))
    PassManager(PASS).run(graph)
    assert ops(graph) == ["add"]
