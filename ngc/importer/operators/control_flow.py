"""Control flow of `mx.sym.contrib`: `foreach`, `while_loop` and `cond`, whose bodies are subgraphs of the node.

A subgraph's variables, in the order in which its heads need them, are fed as the node's `*_locs` say: those of `_foreach` name variables of the subgraph by
the node's inputs, those of `_while_loop` and `_cond` the node's inputs by variables. What a subgraph takes from outside becomes an operand of the IR's node,
and where it is a constant, a constant of the region.

Of MXNet 1.9.1: rows of a `while_loop`'s outputs that no step writes are whatever the memory held, and an output of a loop that never ran has no shape; the IR
says zeros for both. A state may change its shape from step to step there, which types of the IR do not say; such loops are refused.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ngc.importer.attributes import Attributes, Field
from ngc.importer.operators.conversion import MAX_OUTPUTS, Conversion, Operator, RegionInput, numbered_outputs
from ngc.importer.source_bytes import Array
from ngc.importer.symbol import SymbolGraph
from ngc.ir import Graph, SymDim, TensorType, Value

_COUNTS = {"num_args": Field("int", 0, low=0), "num_outputs": Field("int", 1, low=1, high=MAX_OUTPUTS)}


@dataclass(frozen=True)
class _Subgraph:
    """A subgraph of a node, what feeds each of its variables, and the node that it belongs to.

    `feeds` has, by the place of a variable, which of the node's inputs it takes; variables that the loop itself feeds are left out.
    """

    conversion: Conversion
    inner: SymbolGraph
    feeds: Mapping[int, int]

    def captured(self) -> dict[int, Value]:
        """Returns the operands that the subgraph takes from outside and that are no constants, by the node's input."""
        values = {slot: self.conversion.inputs[slot] for slot in self.feeds.values()}
        return {slot: value for slot, value in values.items() if not value.is_const}

    def region(self, role: str, own: Sequence[tuple[TensorType, int | None]], captured: Mapping[int, Value], heads: Sequence[int]) -> Graph:
        """Returns the region: inputs for what the loop feeds, each with the place of its variable, then for what is captured.

        Args:
            role: what the region is to its node.
            own: types and variables of what the loop feeds; no variable where the subgraph does not look at it.
            captured: operands by the node's input, those that other regions of the node take included.
            heads: which heads it returns, in order.
        """
        variables, names = self.inner.variables, set()
        fed: list[tuple[TensorType, tuple[int, ...]]] = [(type, () if place is None else (place,)) for type, place in own]
        fed += [(value.type, tuple(place for place, taken in self.feeds.items() if taken == slot)) for slot, value in captured.items()]
        inputs = []
        for number, (type, places) in enumerate(fed):
            name = self.inner.nodes[variables[places[0]]].name if places else f"unused{number}"
            if name in names:
                raise self.conversion.fail(f"two inputs of its subgraph {role} are called {name!r}")
            names.add(name)
            inputs.append(RegionInput(type, tuple(variables[place] for place in places), name))
        constants: dict[int, Array] = {
            variables[place]: self.conversion.inputs[slot].array for place, slot in self.feeds.items() if self.conversion.inputs[slot].is_const}
        return self.conversion.subgraphs.region(self.inner, f"{self.conversion.node.name}_{role}", inputs, constants, heads)


def _subgraphs(conversion: Conversion, count: int) -> tuple[SymbolGraph, ...]:
    found = conversion.node.subgraphs
    if len(found) != count:
        raise conversion.fail(f"{len(found)} subgraphs, expected {count}")
    return found


def _places(conversion: Conversion, key: str, bound: int, count: int | None = None) -> tuple[int, ...]:
    """Returns the numbers of an attribute; each is below `bound`, and there are `count` of them."""
    places: tuple[int, ...] = conversion.attrs[key]
    if count is not None and len(places) != count:
        raise conversion.fail(f"{key} has {len(places)} places for {count} inputs of its subgraph")
    if any(not 0 <= place < bound for place in places):
        raise conversion.fail(f"{key} = {list(places)}: expected places from 0 to {bound - 1}")
    return places


def _split_heads(conversion: Conversion, inner: SymbolGraph, carried: int) -> tuple[list[int], list[int]]:
    """Returns the heads of a body that are carried to the next step, and those that are stacked; MXNet has these first."""
    stacked, total = conversion.attrs["num_out_data"], conversion.attrs["num_outputs"]
    if len(inner.heads) != total or total - stacked != carried:
        raise conversion.fail(f"num_outputs is {total} and num_out_data {stacked}; its body returns {len(inner.heads)} values and carries {carried}")
    return list(range(stacked, total)), list(range(stacked))


def _foreach(conversion: Conversion) -> list[Value]:
    (inner,) = _subgraphs(conversion, 1)
    variables = len(inner.variables)
    data, states, remaining = (_places(conversion, key, variables) for key in ("in_data_locs", "in_state_locs", "remain_locs"))
    places = [*data, *states, *remaining]
    if sorted(places) != list(range(variables)) or len(places) != len(conversion.inputs):
        raise conversion.fail(f"{len(conversion.inputs)} inputs, and in_data_locs, in_state_locs and remain_locs with {len(places)} places for the "
                              f"{variables} variables of its subgraph")
    scanned = [_scanned(conversion, value) for value in conversion.inputs[:len(data)]]
    initial = list(conversion.inputs[len(data):len(data) + len(states)])
    steps = _steps(conversion, scanned)
    body = _Subgraph(conversion, inner, {place: len(data) + len(states) + number for number, place in enumerate(remaining)})
    captured = body.captured()
    own = [*((value.type, place) for value, place in zip(initial, states, strict=True)),
           *((value.type.with_shape(value.type.shape[1:]), place) for value, place in zip(scanned, data, strict=True))]
    carried_heads, stacked_heads = _split_heads(conversion, inner, len(states))
    region = body.region("body", own, captured, [*carried_heads, *stacked_heads])
    results = conversion.region_op("loop", [*initial, *scanned, *captured.values()], [region], carried=len(states), scanned=len(data), steps=steps)
    return [*results[len(states):], *results[:len(states)]]


def _scanned(conversion: Conversion, value: Value) -> Value:
    """Returns what a loop scans; a slice of data of one dimension is an array of one element, under numpy's semantics too."""
    if value.type.rank != 1:
        return value
    return conversion.reshape(value, (*value.type.shape, 1), part=f"{value.name}_column")


def _steps(conversion: Conversion, scanned: Sequence[Value]) -> int:
    if not scanned:
        raise conversion.fail("it has no data to go over")
    steps = scanned[0].type.shape[0]
    if isinstance(steps, SymDim):
        raise conversion.fail(f"it goes over the first dimension of {scanned[0].name!r}, which is the batch N; compile with a fixed number of steps, "
                              "and the batch in another dimension")
    return steps


def _while_loop(conversion: Conversion) -> list[Value]:
    condition_graph, body_graph = _subgraphs(conversion, 2)
    slots = len(conversion.inputs)
    condition_slots = _places(conversion, "cond_input_locs", slots, len(condition_graph.variables))
    body_slots = _places(conversion, "func_input_locs", slots, len(body_graph.variables))
    states = _places(conversion, "func_var_locs", len(body_slots))
    state_slots = [body_slots[place] for place in states]
    initial = [conversion.inputs[slot] for slot in state_slots]
    body = _Subgraph(conversion, body_graph, {place: slot for place, slot in enumerate(body_slots) if place not in states})
    condition = _Subgraph(conversion, condition_graph, {place: slot for place, slot in enumerate(condition_slots) if slot not in state_slots})
    captured = {**condition.captured(), **body.captured()}
    carried_heads, stacked_heads = _split_heads(conversion, body_graph, len(states))
    carried = [value.type for value in initial]
    step = body.region("body", list(zip(carried, states, strict=True)), captured, [*carried_heads, *stacked_heads])
    seen = [condition_slots.index(slot) if slot in condition_slots else None for slot in state_slots]
    test = condition.region("condition", list(zip(carried, seen, strict=True)), captured, [0])
    results = conversion.region_op("loop", [*initial, *captured.values()], [step, test], carried=len(states), steps=conversion.attrs["max_iterations"])
    return [*results[len(states):], *results[:len(states)]]


def _cond(conversion: Conversion) -> list[Value]:
    predicate, *branches = _subgraphs(conversion, 3)
    slots = len(conversion.inputs)
    fed = _places(conversion, "cond_input_locs", slots, len(predicate.variables))
    (condition,) = conversion.subgraphs.inline(predicate, {variable: conversion.inputs[slot] for variable, slot in zip(predicate.variables, fed, strict=True)})
    parts = {}
    for role, inner in zip(("then", "else"), branches, strict=True):
        parts[role] = _Subgraph(conversion, inner, dict(enumerate(_places(conversion, f"{role}_input_locs", slots, len(inner.variables)))))
        if len(inner.heads) != conversion.attrs["num_outputs"]:
            raise conversion.fail(f"its subgraph {role} returns {len(inner.heads)} values, not {conversion.attrs['num_outputs']}")
    captured = {slot: value for part in parts.values() for slot, value in part.captured().items()}
    heads = range(conversion.attrs["num_outputs"])
    regions = [part.region(role, [], captured, heads) for role, part in parts.items()]
    return list(conversion.region_op("cond", [condition, *captured.values()], regions))


def _outputs(attrs: Attributes) -> tuple[str, ...]:
    return numbered_outputs(attrs["num_outputs"])


OPERATORS = {
    "_foreach": Operator(
        _foreach,
        {**_COUNTS, "num_out_data": Field("int", low=0), "in_data_locs": Field("shape"), "in_state_locs": Field("shape"), "remain_locs": Field("shape")},
        most_inputs=None, outputs=_outputs, becomes=("loop", "reshape"),
    ),
    "_while_loop": Operator(
        _while_loop,
        {**_COUNTS, "num_out_data": Field("int", low=0), "max_iterations": Field("int", low=1), "cond_input_locs": Field("shape"),
         "func_input_locs": Field("shape"), "func_var_locs": Field("shape")},
        most_inputs=None, outputs=_outputs, becomes=("loop",),
    ),
    "_cond": Operator(
        _cond,
        {**_COUNTS, "cond_input_locs": Field("shape"), "then_input_locs": Field("shape"), "else_input_locs": Field("shape")},
        most_inputs=None, outputs=_outputs, becomes=("cond",),
    ),
}  # fmt: skip
