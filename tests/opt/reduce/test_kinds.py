"""The kinds of reduction: what their candidates are, and that each leads to valid IR or nowhere."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ngc.errors import VerifyError
from ngc.ir import Graph, evaluate, parse, print_graph, verify
from ngc.ir.random_data import random_feeds
from ngc.opt.reduce.case import Case, chunks, fractions, renewed
from ngc.opt.reduce.edit import Edit, edited
from ngc.opt.reduce.kinds import KINDS, NOTES
from ngc.passes import parse_pipeline
from tests.strategies import block_graphs, graphs

TEXT = """graph @g(%data: f32[N,4,16,16], %other: f32[N,4,16,16]) {
  %w = const @w : f32[4,4,3,3]
  %b = const @b : f32[4]
  %c = conv2d(%data, %w, %b, %other) {pad=[1,1], epilogue=[bias(%b), relu, add(%other)]} : f32[N,4,16,16] loc("conv0")
  %d = conv2d(%c, %w) {pad=[1,1]} : f32[N,4,16,16]
  %s = add(%c, %d) : f32[N,4,16,16]
  %p = pool(%s) {kind="avg", kernel=[16,16], stride=[1,1], pad=[0,0]} : f32[N,4,1,1]
  %f = reshape(%p) {shape=[N,4]} : f32[N,4]
  range %c [-1.0,2.0]
  range %s [-1.0,3.0]
  return %f, %s as "sum"
}"""


def candidates(kind: str, text: str = TEXT, passes: str = "") -> dict[str, Case]:
    """Returns the valid candidates of a kind by what they say, in order."""
    case = Case(parse(text), tuple(parse_pipeline(passes)))
    listed = (KINDS | NOTES)[kind](case)
    return {candidate.what: made for candidate in listed if (made := candidate.of(case)) is not None}


def counts(case: Case) -> dict[str, int]:
    return case.graph.count()


@pytest.mark.parametrize("kind", [*KINDS, *NOTES])
@given(graph=graphs() | block_graphs(), data=st.data())
@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_candidate_is_valid_or_nothing_and_leaves_the_graph_alone(kind: str, graph: Graph, data: st.DataObject) -> None:
    text = print_graph(graph)
    case = Case(graph, tuple(parse_pipeline("canonicalize,fuse-conv{acts=relu}")))
    listed = list((KINDS | NOTES)[kind](case))
    assert all(before.key <= after.key for before, after in pairwise(listed))
    for candidate in data.draw(st.lists(st.sampled_from(listed), max_size=4)) if listed else []:
        made = candidate.of(case)
        assert print_graph(graph) == text
        if made is None:
            continue
        verify(made.graph)
        assert made.size <= case.size
        again = parse(print_graph(made.graph))
        assert print_graph(again) == print_graph(made.graph)
        ready = made.ready()
        assert len(evaluate(ready, random_feeds(ready, 0, 1))) == len(made.graph.outputs)


def test_outputs() -> None:
    found = candidates("outputs")
    assert {what: case.graph.output_names for what, case in found.items()} == {"not returning %f": ("sum",), "not returning %s": ("f",)}
    assert candidates("outputs", TEXT.replace(', %s as "sum"', "")) == {}


def test_returned_values() -> None:
    found = candidates("returned values")
    assert list(found) == ["returning %c", "returning %d", "returning %s", "returning %p", "returning %f"]
    assert counts(found["returning %c"]) == {"conv2d": 1}
    assert found["returning %s"].graph.output_names == ("s",)


def test_fed_values() -> None:
    found = candidates("fed values")
    assert list(found) == ["feeding 2 values", "feeding %s", "feeding %c", "feeding %p", "feeding %d"]
    assert found["feeding %c"].graph.input_names == ("c",)
    assert counts(found["feeding %c"]) == {"conv2d": 1, "add": 1, "pool": 1, "reshape": 1}


def test_bypassed_nodes() -> None:
    found = candidates("bypassed nodes")
    assert list(found) == ["without 3 nodes", "without 2 nodes", "without %s", "without %c", "without %d"]
    assert counts(found["without 3 nodes"]) == {"pool": 1, "reshape": 1}
    assert counts(found["without %d"]) == {"conv2d": 1, "add": 1, "pool": 1, "reshape": 1}


def test_inputs() -> None:
    assert candidates("inputs")["without the input %other"].graph.input_names == ("data",)


def test_steps() -> None:
    found = candidates("steps")
    assert list(found) == ["without bias of %c", "without relu of %c", "without add of %c"]
    lines = [next(line for line in print_graph(case.graph).split("\n") if "%c =" in line) for case in found.values()]
    assert "epilogue=[relu, add(%other)]" in lines[0]
    assert "epilogue=[bias(%b), add(%other)]" in lines[1]
    assert "conv2d(%data, %w, %b) {pad=[1,1], epilogue=[bias(%b), relu]}" in lines[2]


def test_a_step_whose_result_is_read_stays() -> None:
    text = """graph @g(%x: f32[1,4,8,8]) {
  %w = const @w : f32[4,4,1,1]
  %a, %t = conv2d(%x, %w) {epilogue=[relu, tee, tanh]} : f32[1,4,8,8], f32[1,4,8,8]
  %s = add(%a, %t) : f32[1,4,8,8]
  return %s
}"""
    assert list(candidates("steps", text)) == ["without relu of %a", "without tanh of %a"]


def test_attributes() -> None:
    text = """graph @g(%x: f32[1,4,8,8]) {
  %p = pool(%x) {kind="avg", kernel=[3,3], stride=[1,1], pad=[1,1], count_include_pad=false} : f32[1,4,8,8]
  return %p
}"""
    found = candidates("attributes", text)
    assert "count_include_pad" not in print_graph(found["with defaults for count_include_pad of %p"].graph)


def test_shapes() -> None:
    assert candidates("batch")["sizes N as 1"].graph.find("f").type.shape == (1, 4)
    small = candidates("spatial sizes")["sizes 16 as 1"].graph
    assert [value.type.shape[2:] for value in small.inputs] == [(1, 1), (1, 1)]
    assert small.find("p").producer.attrs["kernel"] == (1, 1)  # type: ignore[union-attr]  # a pool makes %p
    narrow = candidates("channels")["sizes 4 as 1"].graph
    assert (narrow.find("w").type.shape, narrow.find("b").type.shape, narrow.find("f").type.shape[1]) == ((1, 1, 3, 3), (1,), 1)
    points = candidates("kernels")["sizes 3 as 1"].graph
    assert (points.find("w").type.shape, points.find("d").producer.attrs["pad"]) == ((4, 4, 1, 1), (0, 0))  # type: ignore[union-attr]  # a layer makes %d


def test_data_is_cut_with_its_shape() -> None:
    weights = np.arange(4 * 4 * 9, dtype=np.float32).reshape(4, 4, 3, 3)
    case = Case(parse(TEXT, {"w": weights}), ())
    made = next(candidate for candidate in KINDS["channels"](case) if candidate.what == "sizes 4 as 2").of(case)
    assert made is not None
    np.testing.assert_array_equal(made.graph.find("w").array, weights[:2, :2])


def test_constants() -> None:
    case = Case(parse(TEXT, {"w": np.full((4, 4, 3, 3), 5, np.float32), "b": np.full(4, 6, np.float32)}), ())
    found = {candidate.what: candidate.of(case) for candidate in KINDS["constants"](case)}
    assert list(found) == ["random data for 2 constants", "random data for %w", "random data for %b", "ones for 2 constants", "ones for %w", "ones for %b",
                           "zeros for 2 constants", "zeros for %w", "zeros for %b"]
    random, ones = found["random data for %w"], found["ones for %w"]
    assert random is not None
    assert ones is not None
    assert random.graph.find("w").producer.weight.array is None  # type: ignore[union-attr]  # a constant makes %w
    assert (ones.graph.find("w").array == 1).all()
    assert (ones.graph.find("b").array == 6).all()


def test_pipelines() -> None:
    found = candidates("passes", passes="canonicalize,fold-batch-norm,fuse-conv{acts=relu}")
    assert {what: len(case.passes) for what, case in found.items()} == {
        "without 3 passes": 0, "without 2 passes": 1, "without fuse-conv": 2, "without canonicalize": 2, "without fold-batch-norm": 2}
    found = candidates("pass options", passes="canonicalize,fuse-conv{acts=relu}")
    assert [case.passes[1].spec for case in found.values()] == ["fuse-conv"]


def test_notes() -> None:
    assert [sorted(case.graph.ranges) for case in candidates("ranges").values()] == [[], ["s"], ["c"]]
    assert list(candidates("ranges")) == ["without the range of 2 values", "without the range of %c", "without the range of %s"]
    assert "loc(" not in print_graph(candidates("locations")["without locations"].graph)
    assert candidates("locations", TEXT.replace(' loc("conv0")', "")) == {}


def test_renewed_ranges_are_those_of_the_values() -> None:
    case = Case(parse(TEXT), ())
    graph = case.ready()
    seen: dict[str, np.ndarray] = {}
    evaluate(graph, random_feeds(graph, 3, 1), observe=lambda value, array: seen.__setitem__(value.name, array))
    assert renewed(case, 3).graph.ranges == {name: (float(seen[name].min()), float(seen[name].max())) for name in ("c", "s")}
    assert case.graph.ranges == {"c": (-1.0, 2.0), "s": (-1.0, 3.0)}


def test_a_value_that_is_gone_is_said() -> None:
    with pytest.raises(VerifyError, match="%nothing is not there any more"):
        edited(parse(TEXT), Edit(outputs=(("nothing", "nothing"),)))


@given(st.lists(st.integers(), max_size=40))
def test_chunks_halve_down_to_single_items_with_keys_in_order(items: list[int]) -> None:
    listed = list(chunks(items))
    assert all(before < after for (before, _), (after, _) in pairwise(listed))
    by_size: dict[int, list[int]] = {}
    for (size, _), part in listed:
        by_size.setdefault(size, []).extend(part)
    assert all(parts == items for parts in by_size.values())
    assert not items or [[item] for item in items] == [list(part) for (size, _), part in listed if size == -1]


@given(st.integers(0, 1000))
def test_fractions_lie_between(count: int) -> None:
    found = fractions(count)
    assert found == sorted(set(found))
    assert all(0 < number < count for number in found)
