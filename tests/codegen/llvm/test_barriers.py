"""Calls with no barrier between them: none may write where another reads, wherever the memory plan puts things."""

from itertools import permutations

import pytest
from hypothesis import HealthCheck, given, note, settings

from ngc.codegen.llvm.calls import Call, barrier_groups, buffer_size
from ngc.codegen.llvm.kernels.halo import HaloKernel
from ngc.codegen.llvm.lower import Lowering, lower
from ngc.codegen.llvm.placement import Placement, place
from ngc.ir import Graph, GraphBuilder, Value, parse
from ngc.passes import PassContext, PassManager
from ngc.target import parse_target
from tests.control_graphs import control_graphs
from tests.strategies import graphs

TARGET = parse_target("cpu")


def lowered(graph: Graph, pipeline: str = "@cpu-fp32") -> Lowering:
    PassManager(pipeline).run(graph, PassContext(target=TARGET))
    return lower(graph, TARGET)


def hazards(lowering: Lowering) -> list[str]:
    """Places a lowered graph; returns the pairs of calls of one group of which one writes into a buffer that the other reads or writes."""
    own = {value: lowering.root(value) for call in lowering.calls for value in (*call.reads, *call.writes)}
    placement = place(lowering)
    groups: dict[int, list[Call]] = {}
    for group, call in zip(barrier_groups(lowering.calls), lowering.calls, strict=True):
        if isinstance(call, Call):
            groups.setdefault(group, []).append(call)
    found = []
    for calls in groups.values():
        for writer, other in permutations(calls, 2):
            for written in writer.writes:
                for used in (*other.reads, *other.writes):
                    a, b = own.get(written, written), own.get(used, used)
                    # Parts of one buffer are those of a concat; a halo is filled with what the buffer that is taken over has there.
                    if a is not b and not (isinstance(writer.spec, HaloKernel) and span(placement, a) == span(placement, b)) and overlap(placement, a, b):
                        found.append(f"{writer.node.name} writes %{written.name} beside {other.node.name}, which has %{used.name}")
    return found


def span(placement: Placement, value: Value) -> tuple[object, int, int]:
    """Returns the region of memory of a buffer, and its first and last byte there."""
    at, (size, per_image) = placement.address(value), buffer_size(value.type)
    begin = at.per_image if at.space == "arena" and per_image else at.fixed
    return (at.space, at.index, per_image), begin, begin + size


def overlap(placement: Placement, a: Value, b: Value) -> bool:
    (one, begin, end), (other, first, last) = span(placement, a), span(placement, b)
    return one == other and begin < last and first < end


@settings(deadline=None, max_examples=30, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(control_graphs())
def test_random_loops_and_conditionals(graph: Graph) -> None:
    note(str(graph))
    assert not hazards(lowered(graph))


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(graphs())
def test_random_networks(graph: Graph) -> None:
    note(str(graph))
    assert not hazards(lowered(graph))


STATES = """graph @net(%x: f32[30], %y: f32[240]) {
  %a = sin(%x) : f32[30]
  %b = relu(%y) : f32[240]
  %s, %t = loop(%a, %b) {carried=2, steps=2} : f32[30], f32[240] {
    graph @body(%i: f32[30], %j: f32[240]) {
      %p = add(%i) {scalar=1.0} : f32[30]
      %q = add(%j) {scalar=1.0} : f32[240]
      return %p, %q
    }
  }
  %u = sin(%s) : f32[30]
  %v = relu(%t) : f32[240]
  return %u, %v
}"""


def test_states_are_not_set_up_where_other_initial_values_lie() -> None:
    lowering = lowered(parse(STATES))
    copies = [call for call in lowering.kernel_calls if call.node.op == "loop"]
    assert [call.joined for call in copies] == [True, False]
    assert not hazards(lowering)


@pytest.mark.parametrize("joined", [False, True])
def test_what_a_call_beside_reads_is_not_taken_over(joined: bool) -> None:
    b = GraphBuilder("net")
    a = b.op("sin", b.input("x", (8,)))
    sums, last = b.op("cumsum", a, axis=0), b.op("softmax", a, axis=0)
    lowering = lowered(b.finish([b.op("sin", sums), b.op("sin", last)]))
    beside, call = lowering.kernel_calls[1:3]
    assert (beside.node.op, call.node.op, call.inplace) == ("cumsum", "softmax", call.node.inputs)
    beside.joined = joined
    assert not hazards(lowering)
    assert (lowering.root(call.writes[0]) is call.writes[0]) == joined
