"""Nodes that hold a part of the symbol, for an engine: `_neuron_subgraph_op` of MXNet-Neuron and `_TensorRT` of MXNet's integration.

    y0, y1 = node(a, b, ...){ f(x0, x1, w) }      =      y0, y1 = f(a, b, w)

The subgraph's variables, in the order in which its heads need them, are fed by the node's first inputs; parameters that the node names as its own are fed by
none and stand for themselves (w). What follows the fed inputs, such as the compiled engine, is no operand.
"""

from collections.abc import Iterator
from dataclasses import replace

from ngc.errors import ImportFailure
from ngc.importer.operator_names import ENGINE_OPERATORS, parameter_inputs
from ngc.importer.selection import without_labels
from ngc.importer.sources import ModelSource
from ngc.importer.symbol import OWN_PARAMETERS, Entry, SymbolGraph, SymbolNode

IMAGE_PARAMETER = "_neuronbin"
"""What comes behind a node's name in the name of the parameter that holds what was compiled, as MXNet-Neuron named it."""

INPUT = "__ngc_input__"
"""A hidden attribute of variables that are inputs of a divided symbol."""


def labels(symbol: SymbolGraph) -> frozenset[str]:
    """Returns the variables that only labels of training losses are."""
    flat = inline_subgraphs(ModelSource(symbol)).symbol
    return frozenset(flat.arguments) - frozenset(without_labels(flat).arguments)


def input_variables(symbol: SymbolGraph) -> list[str]:
    """Returns the arguments that are no parameters: those that a divided symbol says are inputs, else those that stand where data stands."""
    marked = {node.name for node in symbol.nodes if INPUT in node.hidden}
    if not marked:
        flat = inline_subgraphs(ModelSource(symbol)).symbol
        parameters = {flat.nodes[node.inputs[slot].node].name for node in flat.nodes for slot in parameter_inputs(node.op, node.attrs)
                      if slot < len(node.inputs)}
        images = {node.name + IMAGE_PARAMETER for node in engine_nodes(symbol)}
        marked = set(flat.arguments) - parameters - images
    return [name for name in symbol.arguments if name in marked]


def engine_nodes(symbol: SymbolGraph, family: str | None = None) -> Iterator[SymbolNode]:
    """Yields the nodes that hold a part of the symbol for a kind of engine, for any unless given."""
    return (node for node in symbol.nodes if node.op in ENGINE_OPERATORS and family in (None, ENGINE_OPERATORS[node.op]))


def own_parameters(symbol: SymbolGraph) -> frozenset[str]:
    """Returns the parameters that engine nodes name as their own: no arguments of the symbol."""
    return frozenset(name for node in engine_nodes(symbol) for name in node.attrs.get(OWN_PARAMETERS, "").split(";") if name)


def inline_subgraphs(source: ModelSource, keep: str | None = None) -> ModelSource:
    """Returns the model with the operators of every such subgraph in place of its node.

    Args:
        source: the model.
        keep: a kind of engine whose nodes stay as they are.

    Raises:
        ImportFailure: a node does not fit its subgraph.
    """
    if not any(ENGINE_OPERATORS[node.op] != keep for node in engine_nodes(source.symbol)):
        return source
    return _Inliner(source.symbol, keep).run(source)


def without_idle_inputs(symbol: SymbolGraph) -> SymbolGraph:
    """Returns the symbol whose engine nodes take the operands of their subgraphs that inference looks at and nothing else: no labels, no compiled engine."""
    nodes = []
    for node in symbol.nodes:
        if node.op in ENGINE_OPERATORS:
            inner = subgraph_of(node, symbol.source)
            fed, wanted = dict(zip(node.fed_variables, node.inputs, strict=False)), without_labels(inner)
            inputs = tuple(fed[position] for position in wanted.variables if position in fed)
            node = replace(node, inputs=inputs, subgraphs=(wanted,))
        nodes.append(node)
    return replace(symbol, nodes=tuple(nodes))


def subgraph_of(node: SymbolNode, source: str) -> SymbolGraph:
    """Returns the subgraph of an engine node.

    Raises:
        ImportFailure: it has none or several, or fewer inputs than the subgraph needs.
    """
    if len(node.subgraphs) != 1:
        raise ImportFailure(f"{source}: {node}: {len(node.subgraphs)} subgraphs, expected one")
    if len(node.inputs) < len(node.fed_variables):
        raise ImportFailure(f"{source}: {node}: {len(node.inputs)} inputs for a subgraph that needs {len(node.fed_variables)}")
    return node.subgraphs[0]


class _Inliner:
    """Walks a symbol in its order; `placed` maps entries of it to what they became."""

    def __init__(self, symbol: SymbolGraph, keep: str | None) -> None:
        self.symbol, self.keep = symbol, keep
        self.nodes: list[SymbolNode] = []
        self.placed: dict[int, Entry] = {}
        self.heads: dict[Entry, Entry] = {}
        self.variables: dict[str, Entry] = {}

    def run(self, source: ModelSource) -> ModelSource:
        for position, node in enumerate(self.symbol.nodes):
            inputs = tuple(map(self.find, node.inputs))
            if node.op in ENGINE_OPERATORS and ENGINE_OPERATORS[node.op] != self.keep:
                self.inline(position, node, inputs)
            else:
                self.placed[position] = self.add(replace(node, inputs=inputs, control_deps=()))
        heads = tuple(map(self.find, self.symbol.heads))
        return replace(source, symbol=replace(self.symbol, nodes=tuple(self.nodes), heads=heads))

    def inline(self, position: int, node: SymbolNode, inputs: tuple[Entry, ...]) -> None:
        inner = subgraph_of(node, self.symbol.source)
        inside = dict(zip(node.fed_variables, inputs, strict=False))
        for number in inner.reachable():
            part = inner.nodes[number]
            if number not in inside:
                operands = tuple(_output(inside[entry.node], entry.output) for entry in part.inputs)
                part = replace(part, index=node.index, inputs=operands, control_deps=())
                inside[number] = self.variable(part) if part.is_variable else self.add(part)
        self.heads.update({Entry(position, number): _output(inside[head.node], head.output) for number, head in enumerate(inner.heads)})

    def variable(self, part: SymbolNode) -> Entry:
        """Returns a parameter of a node's own, which several nodes may have."""
        if part.name not in self.variables:
            self.variables[part.name] = self.add(part)
        return self.variables[part.name]

    def add(self, node: SymbolNode) -> Entry:
        self.nodes.append(node)
        return Entry(len(self.nodes) - 1, 0)

    def find(self, entry: Entry) -> Entry:
        node = self.symbol.nodes[entry.node]
        if entry.node in self.placed:
            return _output(self.placed[entry.node], entry.output)
        if entry not in self.heads:
            count = len(node.subgraphs[0].heads)
            raise ImportFailure(f"{self.symbol.source}: {node}: output {entry.output} is used, its subgraph returns {count}")
        return self.heads[entry]


def _output(first: Entry, number: int) -> Entry:
    return Entry(first.node, first.output + number)
