"""The form that Netron's reader of MXNet models opens: the keys that it looks for, and what it makes of names and texts."""

import json
from typing import Any

from hypothesis import given, settings

from ngc.ir import Graph, parse
from ngc.visualize import netron_json
from tests.strategies import graphs
from tests.visualize.test_pictures import DIVIDED

NET = """graph @net(%x: f32[N,3,8,8]) {
  %w = const @conv0_weight : f32[4,3,3,3]
  %conv0_fwd, %raw = conv2d(%x, %w) {epilogue=[tee, relu]} : f32[N,4,6,6], f32[N,4,6,6] loc("conv0", "relu0")
  %y = conv2d(%conv0_fwd, %v) : f32[N,2,6,6]
  return %y, %raw
}""".replace("  %y", "  %v = const @v : bf16[2,4,1,1]\n  %v2 = cast(%v) {dtype=\"f32\"} : f32[2,4,1,1]\n  %y").replace("%conv0_fwd, %v)", "%conv0_fwd, %v2)")


def check(text: str, graph: Graph) -> dict[str, Any]:
    """Holds a file against what the reader needs, and returns its content."""
    content: dict[str, Any] = json.loads(text)
    # The reader takes a .json file for MXNet's where these three are there and not empty.
    assert set(content) == {"nodes", "arg_nodes", "heads"}
    assert content["nodes"]
    assert content["arg_nodes"]
    assert content["heads"]
    nodes = content["nodes"]
    for number, node in enumerate(nodes):
        assert set(node) == {"op", "name", "attrs", "inputs"}
        assert all(isinstance(name, str) and isinstance(value, str) for name, value in node["attrs"].items())
        assert all(0 <= source < number and output >= 0 for source, output, _ in node["inputs"])  # it reads the first two numbers
        assert (node["op"] == "null") == (number in content["arg_nodes"])
        assert node["op"] != "null" or not node["inputs"]
        assert int(node["attrs"].get("__dtype__", "-1")) in range(-1, 7)  # other types it refuses, with the whole file
    # Constants whose names begin so are drawn in their reader's box; the rest of arg_nodes are the model's inputs.
    first_reader = {source: node["name"] for node in reversed(nodes) for source, _, _ in node["inputs"]}
    inputs = [nodes[number]["name"] for number in content["arg_nodes"]
              if number in first_reader and not nodes[number]["name"].startswith(first_reader[number].removesuffix("fwd") + ".")
              and not nodes[number]["name"].startswith(first_reader[number] + ".")]
    assert inputs == [name for value, name in zip(graph.inputs, graph.input_names, strict=True) if value.uses]
    assert [nodes[number]["op"] for number in range(len(nodes)) if number not in content["arg_nodes"]] == [node.op for node in graph if node.op != "const"]
    return content


def test_names_types_and_attributes() -> None:
    graph = parse(NET)
    content = check(netron_json(graph), graph)
    x, weight, conv, v, cast, _ = content["nodes"]
    assert x == {"op": "null", "name": "x", "attrs": {"__dtype__": "0", "__shape__": "(0, 3, 8, 8)"}, "inputs": []}
    assert (weight["name"], weight["attrs"]) == ("conv0_.conv0_weight", {"__dtype__": "0", "__shape__": "(4, 3, 3, 3)"})
    assert (v["name"], v["attrs"]["__dtype__"]) == ("v2.v", "-1")  # the reader knows no bf16
    assert {name: conv["attrs"][name] for name in ("stride", "pad_end", "groups", "epilogue", "ngc_type", "ngc_from")} == {
        "stride": "(1, 1)", "pad_end": "None", "groups": "1", "epilogue": "[tee, relu]", "ngc_type": "f32[N,4,6,6], f32[N,4,6,6]", "ngc_from": "conv0, relu0"}
    assert cast["attrs"]["dtype"] == "f32"
    assert content["heads"] == [[5, 0, 0], [2, 1, 0]]


def test_booleans_are_spelled_as_the_reader_knows_them() -> None:
    graph = parse("graph @g(%x: f32[2,3]) {\n  %y = reduce_sum(%x) {axes=[1], keepdims=true} : f32[2,1]\n  return %y\n}")
    assert check(netron_json(graph), graph)["nodes"][1]["attrs"]["keepdims"] == "True"


def test_regions_are_one_box_and_long_lists_are_cut() -> None:
    graph = parse(DIVIDED)
    assert check(netron_json(graph), graph)["nodes"][2]["attrs"]["ngc_region"] == "part: 2 nodes"
    shape = parse("graph @g(%x: f32[1,2,3,4]) {\n  %y = reshape(%x) {shape=[4,3,2,1]} : f32[4,3,2,1]\n  return %y\n}")
    assert json.loads(netron_json(shape, elide_larger_than=2))["nodes"][1]["attrs"]["shape"] == "(4, 3, ... 2 more)"


@settings(deadline=None, max_examples=30)
@given(graphs(with_steps=True))
def test_random_graphs(graph: Graph) -> None:
    check(netron_json(graph), graph)
