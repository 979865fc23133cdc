"""Writes regions of a symbol as nodes with subgraphs, as MXNet's partitioner does.

Inside, a variable stands for each value that comes from outside: a variable of the symbol keeps its name, the result of an operator has that result's name.
Outside, the node takes these values in the order of the variables.
"""

import itertools
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from ngc.importer.selection import output_names
from ngc.importer.subgraphs import INPUT
from ngc.importer.symbol import OWN_PARAMETERS, VARIABLE, Entry, SymbolGraph, SymbolNode

_OUTSIDE = -1
"""Stands for the owner of what is in no region."""


@dataclass(frozen=True)
class RegionForm:
    """How the node of a region is written.

    Attributes:
        op: its operator.
        prefix: of its name; a number comes behind, the first that makes a free name.
        attrs: its attributes.
        embed: names of parameters that are to be a node's own, and no inputs, where only its region reads them.
        extra: what comes behind a node's name in the names of further variables that it takes.
    """

    op: str
    prefix: str
    attrs: Mapping[str, str] = field(default_factory=dict)
    embed: frozenset[str] = frozenset()
    extra: tuple[str, ...] = ()

    def names(self, symbol: SymbolGraph, count: int) -> list[str]:
        """Returns names for the nodes of regions of a symbol: none of them, nor of their further variables, is a name that the symbol has already."""
        taken = {node.name for node in symbol.nodes}
        free = (name for name in (f"{self.prefix}{number}" for number in itertools.count()) if taken.isdisjoint({name, *(name + end for end in self.extra)}))
        return list(itertools.islice(free, count))


def with_regions(symbol: SymbolGraph, regions: Sequence[Sequence[int]], form: RegionForm) -> SymbolGraph:
    """Returns a symbol in which each region is one node.

    Args:
        symbol: the whole.
        regions: positions of operators; convex, so that the result has no cycle.
        form: how nodes are written.
    """
    return _Writer(symbol, regions, form).write()


def with_inputs(symbol: SymbolGraph, inputs: Collection[str]) -> SymbolGraph:
    """Returns a symbol that says which of its variables are inputs."""
    nodes = (replace(node, hidden={**node.hidden, INPUT: "1"}) if node.is_variable and node.name in inputs else node for node in symbol.nodes)
    return replace(symbol, nodes=tuple(nodes))


@dataclass(frozen=True)
class _Part:
    """A region as a node without its inputs, and the entries of the whole that it takes and gives."""

    node: SymbolNode
    inputs: tuple[Entry, ...]
    outputs: tuple[Entry, ...]


class _Writer:
    """Emits what the heads need, depth first: variables, operators that stay, and regions at the place of the first output that is needed."""

    def __init__(self, symbol: SymbolGraph, regions: Sequence[Sequence[int]], form: RegionForm) -> None:
        self.symbol, self.regions, self.form = symbol, [frozenset(region) for region in regions], form
        self.owner = {position: number for number, region in enumerate(regions) for position in region}
        self.order = list(symbol.reachable())
        self.readers: dict[Entry, set[int]] = {head: {_OUTSIDE} for head in symbol.heads}
        for position in self.order:
            for entry in symbol.nodes[position].inputs:
                self.readers.setdefault(entry, set()).add(self.owner.get(position, _OUTSIDE))
        self.results: dict[int, list[Entry]] = {position: [] for position in self.order}
        for entry in sorted(self.readers):
            self.results[entry.node].append(entry)
        self.nodes: list[SymbolNode] = []
        self.placed: dict[Entry, Entry] = {}
        self.variables = {node.name for node in symbol.nodes if node.is_variable}
        self.names = form.names(symbol, len(regions))
        self.parts = [self.part(number) for number in range(len(regions))]

    def write(self) -> SymbolGraph:
        stack = [(self.unit(head), False) for head in reversed(self.symbol.heads)]
        done: set[tuple[str, int]] = set()
        while stack:
            unit, ready = stack.pop()
            if unit in done:
                continue
            if ready:
                done.add(unit)
                self.emit(unit)
                continue
            stack.append((unit, True))
            stack.extend((self.unit(entry), False) for entry in reversed(self.inputs(unit)))
        return replace(self.symbol, nodes=tuple(self.nodes), heads=tuple(self.placed[head] for head in self.symbol.heads))

    def unit(self, entry: Entry) -> tuple[str, int]:
        """Returns what computes an entry: a region, or a node that stays."""
        return ("region", self.owner[entry.node]) if entry.node in self.owner else ("node", entry.node)

    def inputs(self, unit: tuple[str, int]) -> tuple[Entry, ...]:
        kind, number = unit
        return self.parts[number].inputs if kind == "region" else self.symbol.nodes[number].inputs

    def emit(self, unit: tuple[str, int]) -> None:
        kind, number = unit
        inputs = tuple(self.placed[entry] for entry in self.inputs(unit))
        if kind == "node":
            position = self.add(replace(self.symbol.nodes[number], inputs=inputs, control_deps=()))
            self.placed.update({entry: Entry(position, entry.output) for entry in self.results[number]})
            return
        part = self.parts[number]
        further = tuple(Entry(self.add(SymbolNode(part.node.index, VARIABLE, part.node.name + behind, {}, {})), 0) for behind in self.form.extra)
        position = self.add(replace(part.node, inputs=(*inputs, *further)))
        self.placed.update({entry: Entry(position, output) for output, entry in enumerate(part.outputs)})

    def add(self, node: SymbolNode) -> int:
        self.nodes.append(node)
        return len(self.nodes) - 1

    def part(self, number: int) -> _Part:
        region, symbol = self.regions[number], self.symbol
        nodes: list[SymbolNode] = []
        inside: dict[Entry, Entry] = {}
        fed: dict[str, Entry] = {}
        for position in (position for position in self.order if position in region):
            node = symbol.nodes[position]
            for entry in node.inputs:
                if entry.node not in region and entry not in inside:
                    inside[entry] = Entry(len(nodes), 0)
                    nodes.append(self.variable(entry, fed))
                    fed[nodes[-1].name] = entry
            operands = tuple(inside[entry] for entry in node.inputs)
            inside.update({entry: Entry(len(nodes), entry.output) for entry in self.results[position]})
            nodes.append(replace(node, inputs=operands, control_deps=()))
        outputs = tuple(entry for position in sorted(region) for entry in self.results[position] if self.readers[entry] != {number})
        inner = replace(symbol, nodes=tuple(nodes), heads=tuple(inside[entry] for entry in outputs), quantization=None)
        own = [name for name, entry in fed.items() if name in self.form.embed and self.readers[entry] == {number}]
        attrs = {**self.form.attrs, **({OWN_PARAMETERS: ";".join(own)} if own else {})}
        node = SymbolNode(symbol.nodes[min(region)].index, self.form.op, self.names[number], attrs, {}, (), (inner,))
        return _Part(node, tuple(fed[inner.nodes[position].name] for position in node.fed_variables), outputs)

    def variable(self, entry: Entry, taken: Mapping[str, Entry]) -> SymbolNode:
        """Returns the variable that stands for an entry inside a region."""
        node = self.symbol.nodes[entry.node]
        if node.is_variable:
            return node
        outputs = output_names(node, self.symbol.source)
        name = outputs[entry.output] if entry.output < len(outputs) else f"{node.name}_output{entry.output}"
        while name in taken or name in self.variables:
            name += "_"
        return SymbolNode(node.index, VARIABLE, name, {}, {})
