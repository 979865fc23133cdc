"""What a reduction changes in a graph, and the graph that it leads to.

A graph is not edited in place but made anew: whatever does not lead to an output is left out, and types are inferred again from the inputs on, so that
shapes that an edit makes smaller spread through the graph. Where an operator does not take them the edit leads nowhere.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ngc.errors import VerifyError
from ngc.ir import Graph, Node, TensorType, Value, Weight, clone
from ngc.ir.builder import make_const, make_node


@dataclass(frozen=True)
class Operands:
    """What a node has instead of its own operands, by the names of values, and attributes."""

    names: tuple[str, ...]
    attrs: Mapping[str, Any]


@dataclass(frozen=True)
class Edit:
    """Changes by the names of values.

    Attributes:
        outputs: (value, public name) of what the graph returns; None leaves that as it is.
        fed: results that become inputs of the graph.
        same: values, each with the one that is read in its place.
        types: other types of inputs and constants.
        data: other data of constants, None where seeded random data is to stand for it.
        nodes: other operands and attributes of nodes.
        locations: whether nodes keep the places in the model that they come from.
        ranges: values whose calibrated ranges are kept, None for all that are there.
    """

    outputs: tuple[tuple[str, str], ...] | None = None
    fed: frozenset[str] = frozenset()
    same: Mapping[str, str] = field(default_factory=dict)
    types: Mapping[str, TensorType] = field(default_factory=dict)
    data: Mapping[str, np.ndarray | None] = field(default_factory=dict)
    nodes: Mapping[str, Operands] = field(default_factory=dict)
    locations: bool = True
    ranges: frozenset[str] | None = None

    def stands_for(self, name: str) -> str:
        """Returns the value that is read where `name` was."""
        while name in self.same:
            name = self.same[name]
        return name


def edited(graph: Graph, edit: Edit) -> Graph:
    """Returns the graph that an edit leads to; the original stays as it is, constant data is shared.

    Raises:
        VerifyError: an operator does not take the operands that it would have.
    """
    return _Copy(graph, edit).run()


@dataclass
class _Copy:
    """One edit under way: the new graph and its values by the names of the old ones."""

    graph: Graph
    edit: Edit
    made: dict[str, Value] = field(default_factory=dict)

    def run(self) -> Graph:
        old, edit = self.graph, self.edit
        new = self.new = Graph(old.name)
        new.stage, new.excluded = old.stage, old.excluded
        outputs = edit.outputs if edit.outputs is not None else tuple(zip((value.name for value in old.outputs), old.output_names, strict=True))
        live = self.live([edit.stands_for(name) for name, _ in outputs])
        for value, public in zip(old.inputs, old.input_names, strict=True):
            if value.name in live:
                self.made[value.name] = new._add_input(value.name, edit.types.get(value.name, value.type), public)
        for node in old.nodes:
            for value in node.outputs:
                if value.name in live and value.name in edit.fed:
                    self.made[value.name] = new._add_input(value.name, value.type)
            if any(value.name in live and value.name not in edit.fed for value in node.outputs):
                self.add(node)
        new.outputs = tuple(self.value(name) for name, _ in outputs)
        new.output_names = tuple(public for _, public in outputs)
        new.ranges = {name: limits for name, limits in old.ranges.items()
                      if (edit.ranges is None or name in edit.ranges) and name in self.made and self.made[name].name == name}
        return new

    def live(self, names: list[str]) -> set[str]:
        """Returns the values that the outputs need, behind what becomes an input none."""
        producers = {value.name: node for node in self.graph.nodes for value in node.outputs}
        found: set[str] = set()
        while names:
            name = names.pop()
            if name in found:
                continue
            found.add(name)
            if name not in self.edit.fed and name in producers:
                names += map(self.edit.stands_for, self.operands(producers[name]).names)
        return found

    def operands(self, node: Node) -> Operands:
        """Returns a node's operands and attributes after the edit."""
        return self.edit.nodes.get(node.name) or Operands(tuple(value.name for value in node.inputs), node.attrs)

    def value(self, name: str) -> Value:
        """Returns the new value that stands for an old one."""
        name = self.edit.stands_for(name)
        if name not in self.made:
            raise VerifyError(f"%{name} is not there any more")
        return self.made[name]

    def add(self, node: Node) -> None:
        """Adds a node's counterpart."""
        locs = node.locs if self.edit.locations else ()
        if node.op == "const":
            twin = self.constant(node, locs)
        else:
            operands = self.operands(node)
            inputs = [self.value(name) for name in operands.names]
            twin = make_node(self.new, node.op, inputs, _windows_within(inputs, operands.attrs), locs, node.name, regions=tuple(map(clone, node.regions)),
                             result_names=[value.name for value in node.outputs])
        self.new._append(twin)
        self.new._link(twin)
        for old, new in zip(node.outputs, twin.outputs, strict=False):
            if (old.type.shape, old.type.dtype) == (new.type.shape, new.type.dtype):
                new.type = old.type  # its layout, and what its integers stand for
            self.made.setdefault(old.name, new)

    def constant(self, node: Node, locs: Any) -> Node:
        """Returns a constant's counterpart, with the edit's type and data."""
        weight, type = node.weight, self.edit.types.get(node.name, node.type)
        assert weight is not None
        if node.name in self.edit.data:
            weight = Weight(weight.name, self.edit.data[node.name])
        elif type != node.type:
            weight = Weight(weight.name, None)
        return make_const(self.new, weight, type, node.name, locs)


def _windows_within(inputs: list[Value], attrs: Mapping[str, Any]) -> Mapping[str, Any]:
    """Returns attributes whose pooling windows are no larger than the padded data, as those that took the mean of all of it are once it is smaller."""
    kernel, pad = attrs.get("kernel"), attrs.get("pad")
    if not kernel or not pad or not inputs or len(inputs[0].type.shape) != len(kernel) + 2:
        return attrs
    sizes = inputs[0].type.shape[2:]
    return {**attrs, "kernel": tuple(min(taps, size + 2 * side) if isinstance(size, int) else taps
                                     for taps, size, side in zip(kernel, sizes, pad, strict=False))}
