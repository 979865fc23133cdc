"""Values, nodes, graphs and the builder."""

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings

from ngc.errors import VerifyError
from ngc.ir import Graph, GraphBuilder, Loc, Value, clone, evaluate, verify
from ngc.ir.graph import names_of
from ngc.ir.loc import merge
from tests.strategies import feeds_for, graphs


def diamond() -> Graph:
    b = GraphBuilder("diamond")
    x = b.input("data", (1, 3))
    a = b.op("relu", x, name="a")
    c = b.op("tanh", x, name="c")
    return b.finish([b.op("add", a, c, name="sum")])


def test_uses_and_users() -> None:
    graph = diamond()
    x = graph.inputs[0]
    assert [user.op for user in x.users] == ["relu", "tanh"]
    b = GraphBuilder()
    y = b.input("y", (2,))
    square = b.op("mul", y, y).producer
    assert square is not None
    assert [(use.node, use.operand) for use in y.uses] == [(square, 0), (square, 1)]
    assert y.users == (square,)


def test_looking_around() -> None:
    graph = diamond()
    assert [node.op for node in graph] == ["relu", "tanh", "add"]
    assert len(graph) == 3
    assert graph.count() == {"relu": 1, "tanh": 1, "add": 1}
    assert [value.name for value in graph.values()] == ["data", "a", "c", "sum"]
    assert graph.find("sum").producer in graph
    assert graph.is_output(graph.find("sum"))
    assert not graph.is_output(graph.find("a"))
    with pytest.raises(KeyError):
        graph.find("nothing")
    assert names_of(graph.inputs) == "%data"


def test_networkx_view() -> None:
    view = diamond().to_networkx()
    assert nx.is_directed_acyclic_graph(view)
    assert sorted(node.name for node in view) == ["a", "c", "sum"]
    assert {(left.name, right.name) for left, right in view.edges} == {("a", "sum"), ("c", "sum")}


def test_names_are_free_and_plain() -> None:
    b = GraphBuilder()
    x = b.input("data/0 raw", (1,))
    assert x.name == "data_0_raw"
    values = [b.op("relu", x, name="y") for _ in range(3)]
    assert [value.name for value in values] == ["y", "y_2", "y_3"]
    assert b.op("relu", x, name="y_2").name == "y_2_2"
    assert b.op("relu", x).name == "relu"


def test_sorting_keeps_the_order_where_it_is_legal() -> None:
    graph = diamond()
    last = graph.nodes[-1]
    graph._remove(last)
    graph._insert(last, graph.nodes[0])
    graph._sort()
    assert [node.name for node in graph] == ["a", "c", "sum"]


def test_constants() -> None:
    b = GraphBuilder()
    value = b.const("w", np.arange(3, dtype=np.float32), Loc("w"))
    assert value.is_const
    assert value.type.shape == (3,)
    np.testing.assert_array_equal(value.array, [0, 1, 2])
    with pytest.raises(ValueError, match="read-only"):
        value.array[0] = 5
    with pytest.raises(VerifyError, match="%x has no constant data at hand"):
        _ = b.input("x", (1,)).array
    with pytest.raises(VerifyError, match="constant c has dtype complex64; accepted: float32, float64, float16"):
        b.const("c", np.zeros(2, np.complex64))
    assert b.const("scalar", np.float32(3.0) * np.ones((), np.float32)).type.shape == ()


def test_the_builder_infers_and_checks() -> None:
    b = GraphBuilder()
    x = b.input("x", (2, 3))
    with pytest.raises(VerifyError, match="add has no attribute colour; it takes scalar, reverse"):
        b.op("add", x, x, colour=1)
    with pytest.raises(VerifyError, match=r"unknown operator 'rleu'; did you mean relu"):
        b.op("rleu", x)
    with pytest.raises(VerifyError, match=r"relu takes 1 operands \(x\) besides those of its steps, not 2"):
        b.op("relu", x, x)
    assert b.op("add", x, x).type.shape == (2, 3)
    assert len(b.finish([x]).nodes) == 1


def test_locations_merge_without_repeats() -> None:
    a, c = Loc("a", "f.json", 3), Loc("c")
    assert merge((a, c), (c, a)) == (a, c)
    assert str(a) == "a (node 3 of f.json)"
    assert str(c) == "c"


@settings(deadline=None, max_examples=30)
@given(graphs(), graphs(with_steps=True))
def test_clones_are_equal_and_independent(imported: Graph, fused: Graph) -> None:
    for graph in (imported, fused):
        graph.events.record("pass", "rule", "applied", "node")
        copy = clone(graph)
        verify(copy)
        assert str(copy) == str(graph)
        assert list(copy.events) == list(graph.events)
        assert not {id(value) for value in copy.values()} & {id(value) for value in graph.values()}
        feeds = feeds_for(graph)
        for left, right in zip(evaluate(graph, feeds), evaluate(copy, feeds), strict=True):
            np.testing.assert_array_equal(left, right)


def test_repr() -> None:
    graph = diamond()
    assert repr(graph.nodes[0]) == "<relu %a>"
    assert repr(graph.inputs[0]) == "%data: f32[1,3]"
    assert isinstance(graph.nodes[0].output, Value)
