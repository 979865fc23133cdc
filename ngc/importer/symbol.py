"""A symbol as its file states it: a frozen list of nodes, the same for all MXNet generations."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from ngc.importer.operator_names import ENGINE_OPERATORS, FUSED_OPERATORS, aux_inputs
from ngc.importer.quantization_record import QuantizationRecord

VARIABLE = "null"

OWN_PARAMETERS = "subgraph_params_names"
"""The attribute in which `_TensorRT` nodes of MXNet name the parameters that they hold, by semicolons."""


class Entry(NamedTuple):
    """One output of one node: `node` is a position in `SymbolGraph.nodes`."""

    node: int
    output: int


@dataclass(frozen=True)
class SymbolNode:
    """One operator or variable of a symbol.

    `index` is its position in the file (of a variable that an upgrade added: its operator's); `attrs` are the
    operator's parameters as text, `hidden` the attributes that belong to no operator (`__shape__`).
    """

    index: int
    op: str
    name: str
    attrs: Mapping[str, str]
    hidden: Mapping[str, str]
    inputs: tuple[Entry, ...] = ()
    subgraphs: tuple["SymbolGraph", ...] = ()
    control_deps: tuple[int, ...] = ()

    @property
    def is_variable(self) -> bool:
        """Whether the node is a variable: an input, a parameter or an auxiliary state."""
        return self.op == VARIABLE

    @property
    def fed_variables(self) -> tuple[int, ...]:
        """Positions of the variables of the node's subgraph that its first inputs feed, in this order; the others are parameters of the node's own."""
        own = self.attrs.get(OWN_PARAMETERS, "").split(";")
        return tuple(position for inner in self.subgraphs[:1] for position in inner.variables if inner.nodes[position].name not in own)

    def __str__(self) -> str:
        return f"node {self.index} {self.name!r} ({self.op})"


@dataclass(frozen=True)
class SymbolGraph:
    """A whole symbol: nodes in topological order, the heads that it returns, and the version that wrote it.

    `version` is major*10000 + minor*100 + patch; `source` names the file in messages; `quantization` is what `ngc.compat.quantization`
    recorded in it.
    """

    nodes: tuple[SymbolNode, ...]
    heads: tuple[Entry, ...]
    version: int
    source: str
    np_shape: bool = False
    quantization: QuantizationRecord | None = None

    def reachable(self, heads: Iterable[Entry] | None = None) -> Iterator[int]:
        """Yields the positions of the nodes that the heads need, in MXNet's order: inputs before users."""
        seen: set[int] = set()
        stack = [(head.node, False) for head in reversed(tuple(self.heads if heads is None else heads))]
        while stack:
            position, inputs_done = stack.pop()
            if inputs_done:
                yield position
                continue
            if position in seen:
                continue
            seen.add(position)
            stack.append((position, True))
            stack.extend((entry.node, False) for entry in reversed(self.nodes[position].inputs))

    @cached_property
    def variables(self) -> tuple[int, ...]:
        """Positions of the variables that the heads need, in MXNet's order."""
        return tuple(position for position in self.reachable() if self.nodes[position].is_variable)

    @cached_property
    def aux_nodes(self) -> frozenset[int]:
        """Positions of the variables that some operator uses as auxiliary state."""
        return frozenset(
            entry.node for node in self.nodes for entry in _states(node) if self.nodes[entry.node].is_variable
        )

    @cached_property
    def arguments(self) -> tuple[str, ...]:
        """Names of the variables that the heads need and that are no auxiliary states, in MXNet's order."""
        return tuple(self.nodes[position].name for position in self.variables if position not in self.aux_nodes)

    @cached_property
    def auxiliary_states(self) -> tuple[str, ...]:
        """Names of the auxiliary states that the heads need, in MXNet's order."""
        return tuple(self.nodes[position].name for position in self.reachable() if position in self.aux_nodes)


def _states(node: SymbolNode) -> Iterator[Entry]:
    """Yields the inputs that a node takes as auxiliary states; of a fused operator those that its parts take so."""
    yield from (node.inputs[slot] for slot in aux_inputs(node.op) if slot < len(node.inputs))
    if node.op in FUSED_OPERATORS or node.op in ENGINE_OPERATORS:
        for inner in node.subgraphs:
            yield from (entry for position, entry in zip(node.fed_variables, node.inputs, strict=False) if position in inner.aux_nodes)
