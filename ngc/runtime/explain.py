"""Finds out what became of a node: from the compiled graph, the stream of decisions, the program's calls, and if asked a profile."""

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ngc.errors import InputError
from ngc.ir import Event, Graph, Node
from ngc.runtime.explanation import Explanation, Holder, KernelUse

if TYPE_CHECKING:
    from ngc.runtime.executable import Executable
    from ngc.runtime.profile import Profile


def explain(executable: "Executable", name: str, feeds: Mapping[str, Any] | None = None, runs: int = 50) -> Explanation:
    """Returns what became of a node.

    Args:
        executable: fresh or loaded; of one that was saved by an ngc that kept no decisions, these are missing.
        name: of an MXNet node, a value of the IR, a constant or an input, or a pattern: `stage1_*`, `re:...`, `op:Convolution`.
        feeds: inputs to measure with; without them nothing is run.
        runs: how many runs to measure.

    Raises:
        InputError: nothing has that name, with near matches; or feeds do not fit.
    """
    graph = executable.graph
    found = _find(graph, name)
    profile = executable.profile(feeds, runs) if feeds is not None else None
    holders = tuple(_holder(executable, place, profile) for place in found.places)
    missing = []
    if not len(graph.events):
        missing.append("what passes decided: no record of it came with the graph; compile the model again with this version of ngc")
    if profile is None:
        missing.append("how long it takes: no feeds were given")
    return Explanation(name, found.subject, holders, tuple(_decisions(graph, found)), tuple(missing))


@dataclass(frozen=True)
class _Place:
    """A node of the compiled graph, what stands around it, and the call whose region it lies in where an engine executes it."""

    node: Node
    scope: str = ""
    call: Node | None = None

    @property
    def region(self) -> Graph | None:
        return self.call.regions[0] if self.call is not None else None


@dataclass(frozen=True)
class _Found:
    """What a name stands for: a text for users, where it is now, and the MXNet names by which events speak of it."""

    subject: str
    places: tuple[_Place, ...]
    names: frozenset[str]


def _places(graph: Graph) -> list[_Place]:
    outer = [_Place(node, scope) for scope, node in graph.scoped_nodes()]
    calls = [place.node for place in outer if place.node.op == "engine.call"]
    return [*outer, *(_Place(node, call=call) for call in calls for node in call.regions[0].nodes)]


def _find(graph: Graph, name: str) -> _Found:
    """Returns what a name stands for, the first of: MXNet nodes, values, constants and inputs, MXNet nodes that are gone, a pattern."""
    places = _places(graph)
    work = [place for place in places if place.node.op != "const"]
    # A call stands for what its region holds; where the region says which node that is, the call says nothing more.
    by_source = [place for place in work if not place.node.regions and any(loc.name == name for loc in place.node.locs)]
    if by_source:
        return _Found("an MXNet node", tuple(by_source), frozenset({name}))
    by_value = [place for place in work if any(value.name == name for value in place.node.outputs)]
    if by_value:
        return _Found("a value of the compiled graph", tuple(by_value), frozenset())
    constants = {value for place in places if place.node.op == "const" and name in (place.node.name, place.node.attrs["name"]) for value in place.node.outputs}
    if constants:
        return _Found("a constant; what reads it:", _readers(work, constants), frozenset({name}))
    inputs = {value for value, public in zip(graph.inputs, graph.input_names, strict=True) if name in (value.name, public)}
    if inputs:
        return _Found("an input; what reads it:", _readers(work, inputs), frozenset())
    if any(loc.name == name for event in graph.events for loc in event.locs):
        return _Found("an MXNet node", (), frozenset({name}))
    return _Found("a pattern", _matching(graph, work, name), frozenset())


def _readers(work: Iterable[_Place], values: Iterable[Any]) -> tuple[_Place, ...]:
    wanted = set(values)
    return tuple(place for place in work if wanted & set(place.node.inputs))


def _matching(graph: Graph, work: Iterable[_Place], pattern: str) -> tuple[_Place, ...]:
    """Returns the nodes that a pattern matches; InputError with near matches where there is none."""
    from ngc.passes.quantize.exclusion import node_matcher  # only patterns need it

    try:
        matches = node_matcher(pattern)
    except re.error as error:
        raise InputError(f"{pattern!r} is no regular expression: {error}") from error
    found = tuple(place for place in work if not place.node.regions and matches(place.node))
    if found:
        return found
    known = {loc.name for node in graph.nodes for loc in node.locs} | {value.name for value in graph.values()} | set(graph.input_names)
    known |= {loc.name for event in graph.events for loc in event.locs}
    near = difflib.get_close_matches(pattern, sorted(known), n=3, cutoff=0.6)
    raise InputError(f"{pattern!r} names no node of the model, no value and no constant of the compiled graph"
                     + (f"; did you mean {' or '.join(map(repr, near))}?" if near else ""))


def _decisions(graph: Graph, found: _Found) -> Iterable[Event]:
    """Yields events that speak of what was asked, of what it was fused with, or of the nodes that hold it."""
    held = [place.node for place in found.places if not place.node.regions]
    names = found.names | {loc.name for node in held for loc in node.locs}
    values = {value.name for node in held for value in node.outputs}
    for event in graph.events:
        if event.node in values or any(loc.name in names for loc in event.locs):
            yield event


def _holder(executable: "Executable", place: _Place, profile: "Profile | None") -> Holder:
    node, graph = place.node, executable.graph
    layers = {layer.node: layer for layer in executable.quantization}
    caller = place.call or node
    reasons = {event.reason for event in graph.events if event.pass_name == "codegen" and event.node == caller.name}
    kernels = []
    for index, call in enumerate(executable.program.calls):
        if call.node == place.scope + caller.name:
            why = next((reason.removeprefix(f"{call.note}: ") for reason in sorted(reasons) if call.note and reason.startswith(f"{call.note}: ")), "")
            timed = profile.kernels[index] if profile is not None else None
            kernels.append(KernelUse(call.symbol, call.op, call.note, why, call.flops, call.bytes, timed.ms if timed else None, timed.share if timed else None))
    data = next((value for value in node.inputs if not value.is_const), node.output)
    return Holder(node.name, node.op, tuple(loc.name for loc in node.locs), tuple(str(value.type) for value in node.inputs if not value.is_const),
                  tuple(str(value.type) for value in node.outputs), data.type.dtype, layers.get(node.name),
                  str(caller.attrs["engine"]) if caller.op == "engine.call" else "", place.region.name if place.region is not None else "", tuple(kernels))
