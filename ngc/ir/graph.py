"""Values, nodes and the graph that holds them in topological order.

Graphs change only through `ngc.ir.rewrite.Rewriter` (and grow through `ngc.ir.builder.GraphBuilder`): `Node.inputs` is a tuple and use lists
are ordered, so everything that walks a graph is deterministic.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from ngc.errors import VerifyError
from ngc.ir.events import EventStream
from ngc.ir.loc import Loc
from ngc.ir.order import NodeOrder
from ngc.ir.tensor_type import TensorType
from ngc.ir.weight import Weight

if TYPE_CHECKING:
    import os
    from pathlib import Path

    import networkx as nx

    from ngc.ir.opdef import OpDef

STAGES = ("imported", "canonical", "fused", "quantized", "lowered")


class Use(NamedTuple):
    """One operand of one node that reads a value."""

    node: Node
    operand: int


class Value:
    """One tensor: a graph input (`producer` is None) or a result of a node. Compared by identity."""

    __slots__ = ("_uses", "index", "name", "producer", "type")

    def __init__(self, name: str, type: TensorType, producer: Node | None = None, index: int = 0) -> None:
        self.name, self.type, self.producer, self.index = name, type, producer, index
        self._uses: dict[tuple[int, int], Use] = {}

    @property
    def uses(self) -> tuple[Use, ...]:
        """Readers of the value, in the order in which they came."""
        return tuple(self._uses.values())

    @property
    def users(self) -> tuple[Node, ...]:
        """Nodes that read the value, each once."""
        return tuple(dict.fromkeys(use.node for use in self._uses.values()))

    @property
    def is_const(self) -> bool:
        """Whether a `const` node makes the value."""
        return self.producer is not None and self.producer.op == "const"

    @property
    def array(self) -> Any:
        """The data of a constant (numpy array); a VerifyError for other values or where only text was read."""
        weight = self.producer.weight if self.producer is not None else None
        array = weight.array if weight is not None else None
        if array is None:
            raise VerifyError(f"%{self.name} has no constant data at hand")
        return array

    def __repr__(self) -> str:
        return f"%{self.name}: {self.type}"


class Node:
    """One operation: an operator's name, its operands, its attributes, its results and where it comes from."""

    __slots__ = ("attrs", "inputs", "locs", "op", "outputs", "regions", "weight")

    def __init__(self, op: str, inputs: tuple[Value, ...], attrs: Mapping[str, Any], locs: tuple[Loc, ...], weight: Weight | None = None,
                 regions: tuple[Graph, ...] = ()) -> None:
        self.op, self.inputs, self.attrs, self.locs, self.weight, self.regions = op, inputs, attrs, locs, weight, regions
        self.outputs: tuple[Value, ...] = ()

    @property
    def output(self) -> Value:
        """The first result."""
        return self.outputs[0]

    @property
    def name(self) -> str:
        """The first result's name, which stands for the node in messages."""
        return self.outputs[0].name if self.outputs else self.op

    @property
    def definition(self) -> OpDef:
        """The operator's record."""
        from ngc.ir.opdef import opdef  # opdef builds on graph's types

        return opdef(self.op)

    @property
    def type(self) -> TensorType:
        """The first result's type."""
        return self.outputs[0].type

    def has_trait(self, trait: str) -> bool:
        """Whether the operator carries a trait."""
        return trait in self.definition.traits

    def __repr__(self) -> str:
        return f"<{self.op} %{self.name}>"


class Graph:
    """A typed dataflow graph: inputs, nodes in topological order, outputs with their public names.

    Attributes:
        ranges: by the names of values, the (smallest, largest) number that calibration found in them. It speaks of values that are in the graph:
            the rewriter lets a range follow its value to another name and drops it with the value.
        excluded: patterns of the nodes that quantization is to leave in floating point.
    """

    def __init__(self, name: str = "graph") -> None:
        self.name = name
        self.stage = "imported"
        self.outputs: tuple[Value, ...] = ()
        self.output_names: tuple[str, ...] = ()
        self.ranges: dict[str, tuple[float, float]] = {}
        self.excluded: tuple[str, ...] = ()
        self.events = EventStream()
        self._inputs: list[Value] = []
        self._input_names: list[str] = []
        self._frozen_inputs: tuple[tuple[Value, ...], tuple[str, ...]] | None = ((), ())
        self._nodes = NodeOrder()
        self._order: tuple[Node, ...] | None = None
        self._names: set[str] = set()
        self._suffixes: Counter[str] = Counter()  # per base: where the search for a free number begins

    @property
    def inputs(self) -> tuple[Value, ...]:
        """Values that callers feed, in order."""
        return self._interface()[0]

    @property
    def input_names(self) -> tuple[str, ...]:
        """What callers feed them under."""
        return self._interface()[1]

    def _interface(self) -> tuple[tuple[Value, ...], tuple[str, ...]]:
        if self._frozen_inputs is None:  # made when somebody asks: a tuple for each of many new inputs would take quadratic time
            self._frozen_inputs = tuple(self._inputs), tuple(self._input_names)
        return self._frozen_inputs

    @property
    def nodes(self) -> tuple[Node, ...]:
        """All nodes, each after those it reads."""
        if self._order is None:
            self._order = tuple(self._nodes)
        return self._order

    def __iter__(self) -> Iterator[Node]:
        return iter(self.nodes)

    def __len__(self) -> int:
        return len(self._nodes)

    def __contains__(self, node: object) -> bool:
        return node in self._nodes

    def values(self) -> Iterator[Value]:
        """Yields the inputs and every result, in order."""
        yield from self.inputs
        for node in self.nodes:
            yield from node.outputs

    def precedes(self, node: Node, other: Node) -> bool:
        """Whether a node stands before another, in constant time."""
        return self._nodes.precedes(node, other)

    def with_regions(self) -> Iterator[Graph]:
        """Yields the graph, then the regions of its nodes and what is in those."""
        yield self
        for node in self.nodes:
            for region in node.regions:
                yield from region.with_regions()

    def scoped_nodes(self, scope: str = "") -> Iterator[tuple[str, Node]]:
        """Yields the nodes, and those in the regions of loops and conditionals, each behind the names of what stands around it: `loop/body/`."""
        for node in self.nodes:
            yield scope, node
            rule = node.definition.regions if node.regions else None
            if rule is not None and node.has_trait("control"):
                for role, region in zip(rule.names, node.regions, strict=False):
                    yield from region.scoped_nodes(region_scope(scope, node, role))

    def find(self, name: str) -> Value:
        """Returns the value of that name; KeyError where there is none."""
        for value in self.values():
            if value.name == name:
                return value
        raise KeyError(name)

    def is_output(self, value: Value) -> bool:
        """Whether the graph returns the value."""
        return any(value is output for output in self.outputs)

    def count(self) -> dict[str, int]:
        """Returns how often each operator occurs, constants left out, most frequent first."""
        return dict(Counter(node.op for node in self.nodes if node.op != "const").most_common())

    def to_networkx(self) -> nx.DiGraph:
        """Returns the nodes as a directed graph, an edge from producer to reader: the one view that graph algorithms work on."""
        import networkx as nx  # slow to import, and most uses of a graph do without

        view: nx.DiGraph = nx.DiGraph()
        view.add_nodes_from(self.nodes)
        view.add_edges_from((value.producer, node) for node in self.nodes for value in node.inputs if value.producer is not None)
        return view

    def __str__(self) -> str:
        from ngc.ir.printer import print_graph  # the printer builds on graph

        return print_graph(self)

    def show(self, path: str | os.PathLike[str] | None = None, *, browser: bool = False) -> Path | None:
        """Shows the graph as a picture: in a notebook at once; from a script as an HTML page, whose path is printed and returned.

        Args:
            path: where the page goes; a temporary file unless given.
            browser: open the page in the system's browser.

        Raises:
            InputError: the page cannot be written.
        """
        from ngc.visualize import graph_diagram, html_page  # pictures build on graphs
        from ngc.visualize.show import show

        diagram = graph_diagram(self)
        return show(self, html_page(diagram.title, [diagram]), self.name, path, browser=browser)

    def _repr_html_(self) -> str:
        """Returns the picture that a notebook displays."""
        from ngc.visualize import graph_diagram, svg_text  # pictures build on graphs

        return f'<div style="overflow: auto; max-height: 60em; background: #ffffff">{svg_text(graph_diagram(self))}</div>'

    # -- changed by the rewriter and the builder only ------------------------------------------------------------------

    def _fresh(self, wanted: str) -> str:
        """Returns a value name that is free, made of letters, digits, `_`, `.`, `-` and `$`, with the lowest number that makes it so."""
        base = re.sub(r"[^A-Za-z0-9_.$-]", "_", wanted) or "v"
        name, number = base, self._suffixes[base]
        while name in self._names:
            number += 1
            name = f"{base}_{number + 1}"
        if name != base:
            self._suffixes[base] = number
        self._names.add(name)
        return name

    def _release(self, name: str) -> None:
        """Frees the name of a value that is gone, whose range goes with it."""
        self._names.discard(name)
        self.ranges.pop(name, None)
        base, _, number = name.rpartition("_")
        if base in self._suffixes and number.isdigit():
            self._suffixes[base] = min(self._suffixes[base], max(int(number) - 2, 0))

    def _add_input(self, name: str, type: TensorType, public: str | None = None) -> Value:
        """Adds an input that callers feed under `public`, or under `name` as it was given."""
        value = Value(self._fresh(name), type)
        self._inputs.append(value)
        self._input_names.append(name if public is None else public)
        self._frozen_inputs = None
        return value

    def _append(self, node: Node) -> None:
        self._nodes.append(node)
        self._order = None

    def _insert(self, node: Node, before: Node) -> None:
        self._nodes.insert(node, before)
        self._order = None

    def _remove(self, node: Node) -> None:
        self._nodes.remove(node)
        self._order = None

    def _link(self, node: Node) -> None:
        for operand, value in enumerate(node.inputs):
            value._uses[id(node), operand] = Use(node, operand)

    def _unlink(self, node: Node) -> None:
        for operand, value in enumerate(node.inputs):
            del value._uses[id(node), operand]

    def _sort(self) -> None:
        """Restores topological order, keeping the present order wherever it is legal."""
        if all(value.producer is None or self.precedes(value.producer, node) for node in self._nodes for value in node.inputs):
            return
        import networkx as nx  # as in to_networkx

        position = {node: number for number, node in enumerate(self._nodes)}
        self._nodes = NodeOrder(nx.lexicographical_topological_sort(self.to_networkx(), key=position.__getitem__))
        self._order = None


def region_scope(scope: str, node: Node, role: str) -> str:
    """Returns what stands before the names of nodes in a region, by what stands before that of the node which holds it."""
    return f"{scope}{node.name}/{role.removesuffix('?')}/"


def clone(graph: Graph) -> Graph:
    """Returns an independent copy; constant data is shared, the events so far are copied."""
    copy = Graph(graph.name)
    copy.stage = graph.stage
    copy.events.events.extend(graph.events)
    mapped: dict[Value, Value] = {}
    for value, public in zip(graph.inputs, graph.input_names, strict=True):
        mapped[value] = copy._add_input(value.name, value.type, public)
    for node in graph.nodes:
        append_copy(copy, node, mapped)
    copy.outputs = tuple(mapped[value] for value in graph.outputs)
    copy.output_names = graph.output_names
    copy.ranges, copy.excluded = dict(graph.ranges), graph.excluded
    return copy


def copy_node(graph: Graph, node: Node, mapped: MutableMapping[Value, Value]) -> Node:
    """Returns a copy of a node of any graph, not yet placed in its own: the weight is shared, regions are copied. Its results join `mapped`, which has its
    operands."""
    twin = Node(node.op, tuple(mapped[value] for value in node.inputs), node.attrs, node.locs, node.weight, tuple(map(clone, node.regions)))
    twin.outputs = tuple(Value(graph._fresh(value.name), value.type, twin, value.index) for value in node.outputs)
    mapped.update(zip(node.outputs, twin.outputs, strict=True))
    return twin


def append_copy(graph: Graph, node: Node, mapped: MutableMapping[Value, Value]) -> None:
    """Appends a copy of a node, as `copy_node` makes it."""
    twin = copy_node(graph, node, mapped)
    graph._append(twin)
    graph._link(twin)


def names_of(values: Sequence[Value]) -> str:
    """Returns `%a, %b`, the form of messages."""
    return ", ".join(f"%{value.name}" for value in values)
