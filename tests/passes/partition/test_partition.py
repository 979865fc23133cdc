"""The partition pass: what is outlined computes the same, names are held to, weights move."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ngc.engines import support
from ngc.errors import InputError, PassError
from ngc.ir import Graph, GraphBuilder, Loc, Node, Value, clone, evaluate, parse, verify
from ngc.ir.weights_file import collect_weights
from ngc.passes import PassManager
from ngc.passes.partition import PartitionOptions, outline, plan_by, sources_of
from ngc.passes.partition import plan as plan_module
from tests.strategies import feeds_for, graphs

DEFAULTS = PartitionOptions()


def check(graph: Graph, why_not: Callable[[Node], str | None], options: PartitionOptions = DEFAULTS) -> Graph:
    """Returns the partitioned copy of a graph, which computes the same bits: the same evaluations in another order."""
    divided = clone(graph)
    PassManager("canonicalize,eliminate-dead-code", verify_each=False).run(divided)
    whole = clone(divided)
    outline(divided, plan_by(divided, why_not, options), "neuron")
    verify(divided)
    feeds = feeds_for(graph)
    for actual, wanted in zip(evaluate(divided, feeds), evaluate(whole, feeds), strict=True):
        np.testing.assert_array_equal(actual, wanted)
    return divided


@given(graphs(max_nodes=12), st.sets(st.integers(0, 30)), st.integers(1, 3))
def test_random_graphs_compute_the_same(graph: Graph, numbers: set[int], size: int) -> None:
    position = {}
    divided = check(graph, lambda node: "not today" if position.setdefault(node.name, len(position)) in numbers else None, PartitionOptions(size))
    text = str(divided)
    assert str(parse(text, collect_weights(divided))) == text
    for node in divided.nodes:
        for region in node.regions:
            assert len({name for part in region.nodes if part.op != "const" for name in sources_of(part)}) >= size
            assert not any(value.is_const for value in node.inputs)


def three_layers(shared: bool = False) -> Graph:
    """dense -> relu -> softmax -> dense -> tanh -> dense; with `shared` the last two read one weight."""
    b = GraphBuilder("net")
    x = b.input("data", (2, 4))
    weights = [b.const(f"w{i}", np.random.default_rng(i).normal(size=(4, 4)).astype(np.float32)) for i in range(3)]

    def op(name: str, op: str, *inputs: Value, **attrs: Any) -> Value:
        return b.op(op, *inputs, name=name, loc=Loc(name), **attrs)

    h = op("act", "relu", op("fc0", "dense", x, weights[0]))
    h = op("soft", "softmax", h)
    h = op("squash", "tanh", op("fc1", "dense", h, weights[1]))
    graph = b.finish([op("fc2", "dense", h, weights[1 if shared else 2])])
    graph.stage = "canonical"
    return graph


def no_softmax(node: Node) -> str | None:
    return "softmax has no form" if node.op == "softmax" else None


def test_what_is_left_and_why() -> None:
    graph = three_layers()
    plan = plan_by(graph, no_softmax, PartitionOptions(excl_node_names=("fc2",), min_subgraph_size=2))
    assert [[node.name for node in region] for region in plan.regions] == [["fc0", "act"], ["fc1", "squash"]]
    assert {node.name: reason for node, reason in plan.left.items()} == {"soft": "softmax has no form", "fc2": "excluded by name"}
    plan = plan_by(graph, no_softmax, PartitionOptions(excl_node_names=("squash",)))
    assert {node.name: reason for node, reason in plan.left.items()} == {
        "soft": "softmax has no form", "squash": "excluded by name", "fc1": "its region has one operator, fewer than min_subgraph_size=2",
        "fc2": "its region has one operator, fewer than min_subgraph_size=2"}


def test_forced_nodes_go_whatever_the_table_says() -> None:
    plan = plan_by(three_layers(), no_softmax, PartitionOptions(force_incl_node_names=("soft",)))
    assert len(plan.regions) == 1
    assert not plan.left


@pytest.mark.parametrize(("options", "message"), [
    (PartitionOptions(excl_node_names=("fc",)), "excl_node_names: the model has no node 'fc'; did you mean 'fc2' or 'fc1' or 'fc0'?"),
    (PartitionOptions(force_incl_node_names=("nothing",)), "force_incl_node_names: the model has no node 'nothing'"),
    (PartitionOptions(excl_node_names=("soft",), force_incl_node_names=("soft",)), "'soft': both in excl_node_names and in force_incl_node_names"),
])
def test_names_that_do_not_fit(options: PartitionOptions, message: str) -> None:
    with pytest.raises(InputError) as error:
        plan_by(three_layers(), no_softmax, options)
    assert str(error.value) == message


def test_weights_used_only_inside_move_in() -> None:
    divided = check(three_layers(), no_softmax)
    assert [node.op for node in divided.nodes] == ["engine.call", "softmax", "engine.call"]
    assert [node.attrs["name"] for node in divided.nodes[0].regions[0].nodes if node.op == "const"] == ["w0"]


def test_weights_used_on_both_sides_are_in_both_and_share_their_data() -> None:
    graph = three_layers(shared=True)
    divided = clone(graph)
    outline(divided, plan_by(divided, no_softmax, PartitionOptions(excl_node_names=("fc2",))), "neuron")
    verify(divided)
    outside = next(node for node in divided.nodes if node.op == "const")
    inside = next(node for node in divided.nodes[-2].regions[0].nodes if node.op == "const")
    assert outside.weight is not None
    assert outside.weight is inside.weight


def test_ranges_go_with_their_values() -> None:
    graph = three_layers()
    graph.ranges = {"data": (-1.0, 1.0), "act": (0.0, 2.0), "squash": (-1.0, 1.0), "soft": (0.0, 1.0)}
    outline(graph, plan_by(graph, no_softmax, PartitionOptions()), "neuron")
    verify(graph)
    first, _, second = graph.nodes
    assert first.regions[0].ranges == {"data": (-1.0, 1.0), "act": (0.0, 2.0)}
    assert second.regions[0].ranges == {"soft": (0.0, 1.0), "squash": (-1.0, 1.0)}
    assert graph.ranges == {"data": (-1.0, 1.0), "act": (0.0, 2.0), "soft": (0.0, 1.0)}


def test_the_pass_records_its_decisions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan_module, "why_not_on", lambda engine: no_softmax)
    graph = three_layers()
    assert PassManager("partition{engine=neuron}").run(graph)
    assert [(event.rule, event.status, event.node, event.reason) for event in graph.events] == [
        ("support", "refused", "soft", "softmax has no form"),
        ("outline", "applied", "act", "2 operators become Neuron0 on neuron"),
        ("outline", "applied", "fc2", "3 operators become Neuron1 on neuron")]
    assert [node.regions[0].name for node in graph.nodes if node.regions] == ["Neuron0", "Neuron1"]


def test_nothing_supported_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan_module, "why_not_on", lambda engine: lambda node: "no")
    assert not PassManager("partition{engine=neuron}").run(three_layers())


def test_an_unknown_engine() -> None:
    with pytest.raises(PassError, match="pass partition: unknown engine 'tpu'; known: tensorrt, tensorrt-rtx, neuron"):
        PassManager("partition{engine=tpu}").run(three_layers())
    with pytest.raises(support.EngineError, match="unknown engine 'tpu'; known: tensorrt, tensorrt-rtx, neuron"):
        support.why_not_on("tpu")
