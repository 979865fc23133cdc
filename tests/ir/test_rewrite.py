"""The rewriter, the rules and the driver that applies them."""

from typing import ClassVar

import numpy as np
import pytest

from ngc.errors import PassError, VerifyError
from ngc.ir import Graph, GraphBuilder, Layout, Node, Step, evaluate, parse, verify
from ngc.ir.rewrite import Match, Rewriter, Rule, RuleHooks, apply_rules

TEXT = """graph @net(%data: f32[1,4]) {
  %a = relu(%data) : f32[1,4] loc("a")
  %b = relu(%a) : f32[1,4] loc("b")
  %c = relu(%b) : f32[1,4] loc("c")
  %t = tanh(%data) : f32[1,4] loc("t")
  %s = add(%c, %t) : f32[1,4] loc("s")
  return %s
}"""


class ReluTwice(Rule):
    equation = "relu(relu(x)) = relu(x)"
    roots: ClassVar[frozenset[str]] = frozenset({"relu"})

    def match(self, node: Node, graph: Graph) -> Match | None:
        inner = node.inputs[0].producer
        return {"root": node, "inner": inner} if inner is not None and inner.op == "relu" else None

    def check(self, match: Match, graph: Graph) -> str | None:
        return "the inner value is an output" if graph.is_output(match["inner"].output) else None

    def rewrite(self, match: Match, rewriter: Rewriter) -> None:
        rewriter.replace_uses(match["root"].output, match["inner"].output)
        rewriter.erase_dead(match["root"])


class Swap(Rule):
    """Undoes itself for ever."""

    equation = "add(a, b) = add(b, a)"
    roots: ClassVar[frozenset[str]] = frozenset({"add"})

    def match(self, node: Node, graph: Graph) -> Match | None:
        return {"root": node}

    def rewrite(self, match: Match, rewriter: Rewriter) -> None:
        rewriter.set_inputs(match["root"], match["root"].inputs[::-1])


def test_rules_apply_until_none_fires() -> None:
    graph = parse(TEXT)
    assert apply_rules(graph, [ReluTwice()], "test")
    verify(graph)
    assert graph.count() == {"relu": 1, "tanh": 1, "add": 1}
    assert [str(event) for event in graph.events] == [
        "#1 test/ReluTwice applied %b [b]: relu(relu(x)) = relu(x)", "#2 test/ReluTwice applied %c [c]: relu(relu(x)) = relu(x)"]
    assert not apply_rules(graph, [ReluTwice()], "test")


def test_refusals_are_events_and_change_nothing() -> None:
    graph = parse(TEXT.replace("return %s", "return %s, %a, %b"))
    before = str(graph)
    assert not apply_rules(graph, [ReluTwice()], "test")
    assert str(graph) == before
    assert [(event.status, event.node, event.reason) for event in graph.events] == [
        ("refused", "b", "the inner value is an output"), ("refused", "c", "the inner value is an output")]


def test_hooks_veto_and_watch() -> None:
    graph = parse(TEXT)
    seen: list[str] = []
    hooks = RuleHooks([lambda pass_name, rule, node: node.name != "b"], [lambda event, graph: seen.append(event.node)])
    assert apply_rules(graph, [ReluTwice()], "test", hooks)
    assert seen == ["c"]
    assert next(event.status for event in graph.events) == "skipped"


def test_rules_that_undo_one_another_are_stopped() -> None:
    with pytest.raises(PassError, match="test: more than 50 rule firings, the last one Swap at <add %s>; the rules undo one another"):
        apply_rules(parse(TEXT), [Swap()], "test", limit=50)


def test_insert_places_and_names() -> None:
    graph = parse(TEXT)
    rewriter = Rewriter(graph)
    target = graph.find("s").producer
    assert target is not None
    constant = rewriter.constant("ones", np.ones((1, 4), np.float32), before=target)
    node = rewriter.insert("mul", [graph.find("c"), constant], before=target, name="c")
    rewriter.set_inputs(target, [node.output, target.inputs[1]])
    verify(graph)
    assert node.name == "c_2"
    assert rewriter.changed
    assert [item.name for item in graph][-3:] == ["ones", "c_2", "s"]


def test_update_keeps_names_and_readers() -> None:
    graph = parse(TEXT)
    rewriter = Rewriter(graph)
    node = graph.find("t").producer
    assert node is not None
    fresh = rewriter.update(node, "eltwise", node.inputs, {"epilogue": (Step("tanh"), Step("tee"), Step("relu"))})
    graph.stage = "fused"
    verify(graph)
    assert [value.name for value in fresh.outputs] == ["t", "t_2"]
    assert graph.find("s").producer.inputs[1] is fresh.output  # type: ignore[union-attr]
    assert fresh.locs == node.locs
    again = rewriter.update(fresh, "tanh", fresh.inputs[:1], {})
    verify(graph)
    assert again.name == "t"


def test_names_are_free_again_after_erasing() -> None:
    graph = parse(TEXT)
    rewriter = Rewriter(graph)
    for _ in range(3):
        node = rewriter.insert("relu", [graph.inputs[0]], before=graph.nodes[-1], name="fresh")
        assert node.name == "fresh"
        rewriter.erase(node)


def test_erase_refuses_what_is_read() -> None:
    graph = parse(TEXT)
    rewriter = Rewriter(graph)
    for name in ("a", "s"):
        node = graph.find(name).producer
        assert node is not None
        with pytest.raises(VerifyError, match=f"cannot be erased: %{name} is still read"):
            rewriter.erase(node)
        rewriter.erase_dead(node)
        assert node in graph


def test_erase_dead_takes_what_only_it_read() -> None:
    graph = parse(TEXT)
    rewriter = Rewriter(graph)
    rewriter.replace_uses(graph.find("c"), graph.inputs[0])
    rewriter.erase_dead(graph.nodes[2])
    verify(graph)
    assert [node.name for node in graph] == ["t", "s"]


def test_replace_uses_wants_the_same_type_and_moves_outputs() -> None:
    graph = parse(TEXT)
    rewriter = Rewriter(graph)
    with pytest.raises(VerifyError, match=r"%s: f32\[1,4\] cannot be replaced by %w: f32\[4\]"):
        rewriter.replace_uses(graph.find("s"), rewriter.constant("w", np.ones(4, np.float32), before=graph.nodes[0]))
    rewriter.replace_uses(graph.find("s"), graph.find("t"))
    assert graph.outputs == (graph.find("t"),)
    assert graph.output_names == ("s",)


def test_replace_uses_only_where_told() -> None:
    graph = parse(TEXT)
    rewriter = Rewriter(graph)
    rewriter.replace_uses(graph.inputs[0], graph.find("a"), only=lambda node: node.op == "tanh")
    verify(graph)
    assert graph.find("t").producer.inputs == (graph.find("a"),)  # type: ignore[union-attr]
    assert graph.find("a").producer.inputs == (graph.inputs[0],)  # type: ignore[union-attr]


def test_moving_and_sorting() -> None:
    graph = parse(TEXT)
    rewriter = Rewriter(graph)
    first, last = graph.nodes[0], graph.nodes[-1]
    rewriter.move_before(last, first)
    with pytest.raises(VerifyError, match="topological order"):
        verify(graph)
    rewriter.sort()
    verify(graph)


def test_layouts_and_stages() -> None:
    graph = parse(TEXT)
    rewriter = Rewriter(graph)
    rewriter.set_stage("imported")
    rewriter.set_layout(graph.find("a"), Layout())
    assert not rewriter.changed
    rewriter.set_stage("lowered")
    rewriter.set_layout(graph.find("a"), Layout(16))
    assert rewriter.changed
    verify(graph)


def test_rules_keep_the_meaning() -> None:
    before, after = parse(TEXT), parse(TEXT)
    apply_rules(after, [ReluTwice()], "test")
    feeds = {"data": np.array([[-1, 0, 1, 2]], np.float32)}
    np.testing.assert_array_equal(evaluate(before, feeds)[0], evaluate(after, feeds)[0])


def test_a_builder_graph_is_ready_for_rules() -> None:
    b = GraphBuilder()
    x = b.input("x", (1,))
    graph = b.finish([b.op("relu", b.op("relu", x))])
    assert apply_rules(graph, [ReluTwice()], "test")
    assert len(graph) == 1
