"""The page's data: lines that say what the printer says, each once, and decisions at their passes."""

import json

import pytest

from ngc.ir import Event, Graph, Loc, parse
from ngc.ir.printer import print_graph
from ngc.passes.instruments.page import EngineFiles, History, Kernel, Line, PassRecord, snapshot
from tests.passes.instruments.page.dumped import TEXT

RANGES = """graph @r(%x as "the input": f32[N,16,4,4]) stage("fused") excluded("head*") {
  %w = const @w : f32[16,16,1,1]
  %a, %b = conv2d(%x, %w) {epilogue=[tee, relu]} : f32[N,16,4,4], f32[N,16,4,4] loc("a")
  range %a [0.0,1.0]
  return %a as "one", %b as "two"
}"""

CALL = """graph @net(%data: f32[2,4]) {
  %relu0 = engine.call(%data) {engine="neuron"} : f32[2,4] {
    graph @Neuron0(%data: f32[2,4]) stage("canonical") {
      %exp0 = exp(%data) : f32[2,4]
      %relu0 = relu(%exp0) : f32[2,4]
      return %relu0
    }
  }
  return %relu0
}"""


def printed(line: Line) -> str:
    """Returns a line of a graph without regions as the printer writes it."""
    return ("" if line.kind in ("graph", "end") else "  ") + line.text + (f" : {line.types}" if line.types else "")


def record(index: int, graph: Graph, **changes: object) -> PassRecord:
    return PassRecord(**{"index": index, "name": f"pass{index}", "spec": "", "file": "", "seconds": 0.001234567, "changed": True,
                         "operators": graph.count(), "lines": snapshot(graph), **changes})


@pytest.mark.parametrize("text", [TEXT, RANGES, "graph @empty() {\n  return\n}"])
def test_lines_are_those_of_the_printer(text: str) -> None:
    graph = parse(text)
    assert "\n".join(map(printed, snapshot(graph))) == print_graph(graph, locations=False)


def test_what_a_line_knows() -> None:
    lines = {line.results: line for line in snapshot(parse(TEXT))}
    conv = lines["conv0",]
    assert (conv.kind, conv.scope, conv.op, conv.operands, conv.types) == ("node", "", "conv2d", ("data", "w0"), "f32[1,16,8,8]")
    assert conv.locs == (Loc("conv0", "net-symbol.json", 2),)
    assert lines["data",].kind == "graph"
    assert snapshot(parse(TEXT))[-2].operands == ("sum",)


def test_long_lists_are_cut() -> None:
    assert "[1,... 1 more]" in "".join(line.text for line in snapshot(parse(TEXT), elide_larger_than=1))


def test_regions_have_scopes() -> None:
    lines = snapshot(parse(CALL))
    assert [(line.kind, line.results) for line in lines if line.scope == "Neuron0/"] == [
        ("graph", ("data",)), ("node", ("exp0",)), ("node", ("relu0",)), ("return", ()), ("end", ())]
    assert [line.kind for line in lines[:2]] == ["graph", "node"], "a region follows its node"


def test_each_line_is_kept_once() -> None:
    first, second = parse(TEXT), parse(TEXT.replace("relu(%conv1)", "tanh(%conv1)"))
    history = History("net")
    for index, graph in enumerate((first, first, second)):
        history.add(record(index, graph), [])
    data = history.data()
    lines = [entry[8] for entry in data["passes"]]
    assert lines[1] is None
    assert [a == b for a, b in zip(lines[0], lines[2], strict=True)].count(False) == 1
    assert len(data["lines"]) == len(snapshot(first)) + 1
    assert data["passes"][2][:7] == [2, "pass2", "", "", 1.235, True, ""]
    assert data["locs"].count(["conv0", "net-symbol.json", 2]) == 1


def test_events_stand_at_their_pass() -> None:
    history = History("net")
    locs = (Loc("conv0", "net-symbol.json", 2),)
    history.add(record(0, parse(TEXT)), [])
    history.add(record(1, parse(TEXT)), [Event(1, "fuse-conv", "Rule", "applied", "conv0", "x = y", locs),
                                         Event(2, "fuse-conv", "Rule", "refused", "conv1", "no")])
    history.hear([Event(3, "late", "-", "skipped", "-", "no")])
    data = history.data()
    assert data["rules"] == [("fuse-conv", "Rule"), ("late", "-")]
    assert data["reasons"] == ["x = y", "no"]
    [loc] = data["events"][0][6]
    assert data["locs"][loc] == ["conv0", "net-symbol.json", 2]
    assert [event[:6] for event in data["events"]] == [[1, 1, 0, "applied", "conv0", 0], [1, 2, 0, "refused", "conv1", 1], [1, 3, 1, "skipped", "-", 1]]
    assert [history.counts(position) for position in (0, 1)] == [{}, {"applied": 1, "refused": 1, "skipped": 1}]


def test_code() -> None:
    history = History("net", kernels=[Kernel("conv0", "k_1", "conv2d", "direct"), Kernel("call", "k_2", "engine.call", has_files=False)],
                      engines=[EngineFiles("call", "neuron", ("Neuron0.hlo",))])
    data = json.loads(json.dumps(history.data()))
    assert data["kernels"] == [["conv0", "k_1", "conv2d", "direct", True], ["call", "k_2", "engine.call", "", False]]
    assert data["engines"] == [["call", "neuron", ["Neuron0.hlo"]]]
