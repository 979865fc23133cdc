"""Constant folding: chains fold, and what must not be computed stays."""

import numpy as np

from ngc.ir import GraphBuilder, SymDim, parse
from ngc.passes import PassManager
from tests.passes.nets import Net, ops, refusals, run

PASS = "fold-constants"


def test_chains_of_constants_become_one() -> None:
    net = Net()
    c = net.op("reshape", net.op("transpose", net.op("add", net.const("a", 3, 2), net.const("b", 3, 2)), axes=(1, 0)), shape=(6, 1, 1), name="c")
    graph = run(net.finish(net.op("add", net.input(6, 5, 5), c)), PASS)
    assert ops(graph) == ["add"]
    assert [node.name for node in graph if node.op == "const"] == ["c"]


def test_results_of_several_results_fold() -> None:
    net = Net()
    graph = run(net.finish(net.conv(net.const("x", 1, 2, 3, 3), 4), net.op("relu", net.input(2))), PASS)
    assert ops(graph) == ["relu"]


def test_refuses_results_much_larger_than_their_operands() -> None:
    net = Net()
    graph = run(net.finish(net.op("broadcast_to", net.const("c", 1, 1), shape=(600, 600))), f"{PASS}{{limit-mib=1}}")
    assert refusals(graph, "OfConstants") == ["the result is 1439996 bytes larger than the operands"]
    assert ops(run(graph, PASS)) == []


def test_refuses_results_that_are_much_larger_together() -> None:
    """Each of the four is 1 MiB less than four bytes larger than what it comes from, which the others read too."""
    net = Net()
    c = net.const("c", 1, 1)
    graph = run(net.finish(*(net.op("broadcast_to", c, shape=(512, 512 + index), name=f"wide{index}") for index in range(4))), f"{PASS}{{total-mib=2}}")
    assert ops(graph) == ["broadcast_to", "broadcast_to", "broadcast_to"]
    assert refusals(graph, "OfConstants") == [f"the results of this run would be {size} bytes more than they may be" for size in (2048, 4096, 6144)]
    assert ops(run(graph, PASS)) == []


def test_what_replaces_its_operand_counts_for_nothing() -> None:
    net = Net()
    value = net.op("broadcast_to", net.const("c", 1, 1), shape=(512, 512))
    for _ in range(6):
        value = net.op("negative", value)
    assert ops(run(net.finish(value), f"{PASS}{{total-mib=1}}")) == []


def test_refuses_shapes_that_depend_on_n() -> None:
    net = Net()
    x = net.input(3)
    graph = run(net.finish(net.op("add", x, net.op("broadcast_to", net.const("c", 1, 3), shape=(SymDim(), 3), name="wide"))), PASS)
    assert refusals(graph, "OfConstants") == ["the shape of %wide depends on N"]


def test_bf16_is_held_as_the_floats_that_it_rounds_to() -> None:
    net = Net()
    graph = run(net.finish(net.op("cast", net.const("c", 3), dtype="bf16", name="narrow")), PASS)
    assert ops(graph) == []
    assert graph.outputs[0].type.dtype == "bf16"
    assert graph.outputs[0].array.dtype == np.float32
    assert not (graph.outputs[0].array.view(np.uint32) & 0xFFFF).any()


def test_refuses_data_that_is_not_at_hand() -> None:
    net = Net()
    graph = parse(str(net.finish(net.op("relu", net.const("c", 3)))))
    PassManager(PASS).run(graph)
    assert refusals(graph, "OfConstants") == ["the data of %c is not at hand"]


def test_nan_and_infinity_fold_as_they_compute() -> None:
    net = Net()
    graph = run(net.finish(net.op("div", net.b.const("a", np.array([0, 1, -1], np.float32)), net.b.const("b", np.zeros(3, np.float32)))), PASS)
    np.testing.assert_array_equal(graph.outputs[0].array, np.array([np.nan, np.inf, -np.inf], np.float32))


def test_integers_that_an_engine_stores_stay_integers() -> None:
    b = GraphBuilder("net")
    weights = b.op("dequantize", b.const("w", np.ones((3, 4), np.int8)), scales=(0.5,), name="w_f32")
    graph = b.finish([b.op("dense", b.input("data", (2, 4)), weights)])
    run(graph, "fold-constants")
    assert ops(graph).count("dequantize") == 1
    assert refusals(graph, "OfConstants") == ["an engine is to store the integers"]
