"""Nodes that hold graphs: their text, their types, their evaluation, and parts taken out of a graph."""

import numpy as np
import pytest

from ngc.errors import ParseError, VerifyError
from ngc.ir import Graph, GraphBuilder, clone, evaluate, load_weights, opdef, parse, save_weights, verify
from ngc.ir.extract import extract
from ngc.ir.random_data import fill_missing_weights
from ngc.ir.rewrite import Rewriter

TEXT = """\
graph @net(%x: f32[2,3]) stage("canonical") {
  %w = const @w : f32[3,3]
  %h, %h_2 = engine.call(%x) {engine="neuron"} : f32[2,4], f32[2,4] loc("fc", "act") {
    graph @Neuron0(%x: f32[2,3]) stage("canonical") {
      %w = const @v : f32[4,3]
      %fc = dense(%x, %w) : f32[2,4] loc("fc")
      %act = relu(%fc) : f32[2,4] loc("act")
      return %act, %fc as "raw"
    }
  }
  %sum = add(%h, %h_2) : f32[2,4]
  return %sum
}"""


def test_text_and_back() -> None:
    graph = parse(TEXT)
    verify(graph)
    assert str(graph) == TEXT
    assert str(clone(graph)) == TEXT
    assert [part.name for part in graph.with_regions()] == ["net", "Neuron0"]


def test_regions_within_regions() -> None:
    inner = TEXT
    for _ in range(2):
        body = "\n".join("    " + line for line in inner.split("\n"))
        inner = ('graph @outer(%x: f32[2,3]) stage("canonical") {\n  %y = engine.call(%x) {engine="neuron"} : f32[2,4] {\n' + body + "\n  }\n  return %y\n}")
    assert str(parse(inner)) == inner


def test_evaluation_goes_through_the_region() -> None:
    graph = parse(TEXT)
    assert fill_missing_weights(graph) == 2
    x = np.arange(-3, 3, dtype=np.float32).reshape(2, 3)
    data = {node.attrs["name"]: node.output.array for part in graph.with_regions() for node in part.nodes if node.op == "const"}
    # Three products, a sum of two results.
    np.testing.assert_allclose(evaluate(graph, {"x": x})[0], np.maximum(x @ data["v"].T, 0) + x @ data["v"].T, rtol=1e-6, atol=1e-6)


def test_weights_of_regions_are_saved_and_read(tmp_path_factory: pytest.TempPathFactory) -> None:
    graph = parse(TEXT)
    fill_missing_weights(graph)
    path = tmp_path_factory.mktemp("weights") / "net.npz"
    save_weights(graph, path)
    again = parse(str(graph), load_weights(path))
    x = np.ones((2, 3), np.float32)
    np.testing.assert_array_equal(evaluate(again, {"x": x})[0], evaluate(graph, {"x": x})[0])


@pytest.mark.parametrize(("old", "new", "message"), [
    ("engine.call(%x)", "engine.call()", "3:14: engine.call: the region Neuron0 takes (f32[2,3]), not ()"),
    ("engine.call(%x)", "engine.call(%w)", "3:14: engine.call: the region Neuron0 takes (f32[2,3]), not (f32[3,3])"),
    ('"act") {\n', '"act") { x\n', "3:88: expected the end of the line before a region"),
    ("    }\n  }\n", "    }\n", "10:3: expected a graph: graph @name(%input: f32[1,3,224,224]) {"),
    ("    }\n  }\n", "    }\n  } x\n", "10:5: expected the end of the line"),
    ("  %sum = add(%h, %h_2) : f32[2,4]\n  return %sum\n}", "", "11:1: the text ends; expected a return line"),
    ("  }\n  %sum = add(%h, %h_2) : f32[2,4]\n  return %sum\n}", "", "10:1: the text ends; expected '}' after a node's regions"),
    ('"act") {', '"act")', "3:14: engine.call has one region, not 0"),
    ("dense(%x, %w)", "dense(%x, %h)", "6:23: %h is not defined above"),
    ("%sum = add(%h, %h_2) : f32[2,4]", "%sum = add(%h, %h_2) : f32[2,4] {\n graph @g(%x: f32[1]) {\n return %x\n }\n }", "11:10: add has no region, not 1"),
])
def test_texts_that_do_not_fit(old: str, new: str, message: str) -> None:
    assert old in TEXT
    with pytest.raises(ParseError) as error:
        parse(TEXT.replace(old, new))
    assert message in str(error.value)


def test_regions_nest_only_so_deep() -> None:
    text = "graph @g(%x: f32[1]) {\n"
    for _ in range(18):
        text += '%y = engine.call(%x) {engine="neuron"} : f32[1] {\ngraph @g(%x: f32[1]) {\n'
    with pytest.raises(ParseError, match="regions nest at most 16 deep"):
        parse(text)


def test_a_broken_region_is_found() -> None:
    graph = parse(TEXT)
    region = graph.nodes[1].regions[0]
    region.nodes[1].attrs = {**region.nodes[1].attrs, "x_zero": "no"}  # type: ignore[dict-item]  # broken on purpose
    with pytest.raises(VerifyError, match="in its region, one thing is wrong in graph Neuron0"):
        verify(graph)
    graph = parse(TEXT)
    graph.nodes[1].regions = ()
    with pytest.raises(VerifyError, match=r"engine\.call has one region, not 0"):
        verify(graph)


def test_the_operator_by_itself_has_no_types_and_no_values() -> None:
    definition = opdef("engine.call")
    with pytest.raises(VerifyError, match="its results' types are those that its regions return"):
        definition.infer((), {})
    with pytest.raises(VerifyError, match="it is evaluated through its regions"):
        definition.evaluate((), {})


def make_chain() -> Graph:
    b = GraphBuilder("chain")
    x = b.input("x", (2, 3))
    w = b.const("w", np.ones((3, 3), np.float32))
    h = b.op("relu", b.op("dense", x, w, name="fc"), name="act")
    return b.finish([b.op("dense", h, w, name="last")])


def test_a_part_taken_out_shares_data_and_leaves_the_graph_alone() -> None:
    graph = make_chain()
    before = str(graph)
    nodes = [node for node in graph.nodes if node.name in ("fc", "act")]
    part = extract(graph, nodes, [graph.find("x")], [graph.find("act")], "part")
    verify(part)
    assert str(graph) == before
    assert (part.input_names, part.output_names) == (("x",), ("act",))
    assert part.find("w").producer.weight is graph.find("w").producer.weight  # type: ignore[union-attr]


def test_a_call_is_placed_with_its_region() -> None:
    graph = make_chain()
    nodes = [node for node in graph.nodes if node.name in ("fc", "act")]
    part = extract(graph, nodes, [graph.find("x")], [graph.find("act")], "part")
    rewriter = Rewriter(graph)
    call = rewriter.insert("engine.call", [graph.find("x")], {"engine": "neuron"}, before=nodes[-1], name="call", regions=(part,))
    rewriter.replace_uses(nodes[-1].output, call.output)
    for node in reversed(nodes):
        rewriter.erase(node)
    verify(graph)
    assert graph.count() == {"engine.call": 1, "dense": 1}
