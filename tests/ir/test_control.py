"""Loops and conditionals: their text, what the verifier says of them, their meaning, copies with fewer inputs."""

import numpy as np
import pytest

from ngc.errors import ParseError, VerifyError
from ngc.ir import Graph, clone, evaluate, parse, verify
from ngc.ir.extract import extract, specialize
from ngc.ir.printer import print_graph

LOOP = """\
graph @net(%s: f32[2], %x: f32[4,2], %c: f32[2]) {
  %last, %rows = loop(%s, %x, %c) {carried=1, scanned=1, steps=4} : f32[2], f32[4,2] loc("foreach0") {
    graph @body(%s: f32[2], %row: f32[2], %c: f32[2]) {
      %moved = add(%s, %row) : f32[2]
      %scaled = mul(%moved, %c) : f32[2]
      return %moved as "next", %scaled as "out"
    }
  }
  return %last, %rows
}"""

WHILE = """\
graph @net(%s: f32[1], %c: f32[1]) {
  %last, %rows = loop(%s, %c) {carried=1, steps=5} : f32[1], f32[5,1] {
    graph @body(%s: f32[1], %c: f32[1]) {
      %next = add(%s) {scalar=1.0} : f32[1]
      return %next, %s as "row"
    }
    graph @condition(%s: f32[1], %c: f32[1]) {
      %goes_on = lesser(%s, %c) : f32[1]
      return %goes_on
    }
  }
  return %last, %rows
}"""

COND = """\
graph @net(%p: i32[1,1], %x: f32[3]) {
  %y, %z = cond(%p, %x) : f32[3], f32[3] {
    graph @then(%x: f32[3]) {
      %up = add(%x) {scalar=1.0} : f32[3]
      return %up, %x as "same"
    }
    graph @else(%x: f32[3]) {
      %down = sub(%x) {scalar=1.0} : f32[3]
      return %x as "same", %down
    }
  }
  return %y, %z
}"""


@pytest.mark.parametrize("text", [LOOP, WHILE, COND])
def test_text_and_back(text: str) -> None:
    graph = parse(text)
    verify(graph)
    assert str(graph) == text
    assert str(clone(graph)) == text
    generic = print_graph(graph, generic=True)
    assert print_graph(parse(generic), generic=True) == generic


def test_a_loop_carries_scans_captures_and_stacks() -> None:
    rng = np.random.default_rng(3)
    s, x, c = (rng.integers(-9, 9, shape).astype(np.float32) for shape in ((2,), (4, 2), (2,)))
    last, rows = evaluate(parse(LOOP), {"s": s, "x": x, "c": c})
    sums = s + np.cumsum(x, axis=0)
    np.testing.assert_array_equal(last, sums[-1])
    np.testing.assert_array_equal(rows, sums * c)


@pytest.mark.parametrize(("limit", "last", "rows"), [(2.5, 3, [0, 1, 2, 0, 0]), (9, 5, [0, 1, 2, 3, 4]), (0, 0, [0, 0, 0, 0, 0]), (np.nan, 0, [0] * 5)])
def test_a_condition_is_asked_before_each_step(limit: float, last: float, rows: list[float]) -> None:
    found = evaluate(parse(WHILE), {"s": np.zeros(1, np.float32), "c": np.full(1, limit, np.float32)})
    assert found[0] == last
    np.testing.assert_array_equal(found[1][:, 0], rows)


@pytest.mark.parametrize("predicate", [0, 1, -2])
def test_a_conditional_goes_one_way(predicate: int) -> None:
    x = np.arange(3, dtype=np.float32)
    y, z = evaluate(parse(COND), {"p": np.full((1, 1), predicate, np.int32), "x": x})
    np.testing.assert_array_equal(y, x + 1 if predicate else x)
    np.testing.assert_array_equal(z, x if predicate else x - 1)


def test_rows_of_a_loop_that_never_ran_have_the_batch_of_the_run() -> None:
    text = WHILE.replace("%s: f32[1]", "%s: f32[N,1]").replace(": f32[1], f32[5,1]", ": f32[N,1], f32[5,N,1]")
    text = text.replace("scalar=1.0} : f32[1]", "scalar=1.0} : f32[N,1]").replace("%goes_on = lesser(%s, %c) : f32[1]", "%goes_on = identity(%c) : f32[1]")
    _, rows = evaluate(parse(text), {"s": np.zeros((3, 1), np.float32), "c": np.zeros(1, np.float32)})
    assert rows.shape == (5, 3, 1)
    assert not rows.any()


def test_what_regions_hold_is_observed() -> None:
    seen = []
    evaluate(parse(LOOP), {"s": np.zeros(2), "x": np.ones((4, 2)), "c": np.ones(2)}, observe=lambda value, array: seen.append(value.name))
    assert seen.count("moved") == seen.count("scaled") == 4


@pytest.mark.parametrize(("text", "old", "new", "message"), [
    (LOOP, "carried=1, scanned=1, steps=4", "carried=3, scanned=1, steps=4", "loop: 3 operands do not begin with 3 carried and 1 scanned ones"),
    (LOOP, "carried=1, scanned=1, steps=4", "carried=-1, scanned=1, steps=4", "loop: 3 operands do not begin with -1 carried and 1 scanned ones"),
    (LOOP, "steps=4", "steps=0", "loop: steps is 1 or more, not 0"),
    (LOOP, "steps=4", "steps=3", "loop: a scanned operand has the first dimension 3, which is the number of steps, not the type f32[4,2]"),
    (LOOP, "%x: f32[4,2]", "%x: f32[N,2]", "loop: a scanned operand has the first dimension 4, which is the number of steps, not the type f32[N,2]"),
    (LOOP, "loop(%s, %x, %c)", "loop(%s, %x)", "loop: the region body takes (f32[2], f32[2], f32[2]), not (f32[2], f32[2])"),
    (LOOP, 'return %moved as "next", %scaled as "out"', "return", "loop: the region body carries () to the next step, not (f32[2])"),
    (WHILE, "return %goes_on", "return %goes_on, %s", "loop: the region condition returns one predicate, not 2 values"),
    (WHILE, "@condition(%s: f32[1], %c: f32[1])", "@condition(%s: f32[1], %c: f32[1], %d: f32[1])",
     "loop: the region condition takes (f32[1], f32[1], f32[1]), not"),
    (WHILE.replace("[1]", "[2]").replace("f32[5,1]", "f32[5,2]"), "@net", "@wide", "loop: a predicate has one element, not the type f32[2]"),
    (COND, "%p: i32[1,1]", "%p: i32[N]", "cond: a predicate has one element, not the type i32[N]"),
    (COND, "return %x as \"same\", %down", "return %x", "cond: the regions then and else return (f32[3], f32[3]) and (f32[3]), which must be alike"),
    (COND, "cond(%p, %x)", "cond(%p)", "cond: the region then takes (f32[3]), not ()"),
    (COND, "cond(%p, %x)", "loop(%x) {steps=2}", "loop: the region else returns one predicate, not 2 values"),
])
def test_what_does_not_fit(text: str, old: str, new: str, message: str) -> None:
    assert old in text
    with pytest.raises(ParseError) as error:
        parse(text.replace(old, new))
    assert message in str(error.value)


def test_a_wrong_number_of_regions() -> None:
    for text, region, message in ((COND, 1, "cond has 2 regions (then, else), not 1"), (LOOP, 0, "loop has 1 to 2 regions (body, condition?), not 0")):
        graph = parse(text)
        node = graph.nodes[0]
        node.regions = node.regions[:region]
        with pytest.raises(VerifyError) as error:
            verify(graph)
        assert message in str(error.value)


def test_regions_are_lowered_with_their_graph() -> None:
    with pytest.raises(VerifyError, match="its region body is in stage lowered, the graph around it in stage imported: they are lowered as one"):
        verify(parse(LOOP.replace("%c: f32[2]) {\n      %moved", '%c: f32[2]) stage("lowered") {\n      %moved')))


def test_a_part_taken_out_has_regions_of_its_own() -> None:
    graph = parse(LOOP)
    part = extract(graph, graph.nodes, graph.inputs, graph.outputs, "part")
    assert part.nodes[0].regions[0] is not graph.nodes[0].regions[0]
    assert str(part.nodes[0].regions[0]) == str(graph.nodes[0].regions[0])


def test_a_region_with_fewer_inputs_and_outputs() -> None:
    region = parse(LOOP).nodes[0].regions[0]
    constant = parse('graph @g() {\n%two = const @two : f32[2]\nreturn %two\n}').nodes[0]
    part = specialize(region, {2: constant}, outputs=[1])
    verify(part)
    assert (part.input_names, part.output_names) == (("s", "row"), ("out",))
    assert part.count() == {"add": 1, "mul": 1}
    assert [node.weight for node in part if node.op == "const"] == [constant.weight]


def names(graph: Graph) -> list[str]:
    return [scope + node.name for scope, node in graph.scoped_nodes()]


def test_nodes_are_named_by_what_stands_around_them() -> None:
    assert names(parse(WHILE)) == ["last", "last/body/next", "last/condition/goes_on"]
    assert names(parse(COND)) == ["y", "y/then/up", "y/else/down"]
