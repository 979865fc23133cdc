"""The states that Gluon lets recurrent layers begin with.

A layer that is called without states makes them by `_zeros` with the shape (layers, 0, units): 0 is a batch that MXNet infers from the layer's data. Here it
becomes 1, a row that all sequences share, so that nothing has to be inferred backwards and the batch may be N.
"""

from dataclasses import replace

from ngc.importer.attributes import MalformedValue, parse_shape
from ngc.importer.symbol import SymbolGraph, SymbolNode

_MAKERS = frozenset({"_zeros", "_ones", "_full"})
_FIRST_STATE = 2
"""The first state's position among the inputs of `RNN`."""


def with_begin_states(symbol: SymbolGraph) -> SymbolGraph:
    """Returns the symbol with one row in the states that only recurrent layers begin with, where the number of rows is left open."""
    states = {entry.node for node in symbol.nodes if node.op == "RNN" for entry in node.inputs[_FIRST_STATE:]}
    others = {entry.node for node in symbol.nodes for slot, entry in enumerate(node.inputs) if node.op != "RNN" or slot < _FIRST_STATE}
    own = states - others - {head.node for head in symbol.heads}
    return replace(symbol, nodes=tuple(_one_row(node) if position in own else node for position, node in enumerate(symbol.nodes)))


def _one_row(node: SymbolNode) -> SymbolNode:
    if node.op not in _MAKERS:
        return node
    try:
        shape = parse_shape(node.attrs.get("shape", ""))
    except MalformedValue:
        return node  # its converter says what is wrong with it
    if len(shape) != 3 or shape[1] != 0:
        return node
    return replace(node, attrs={**node.attrs, "shape": str((shape[0], 1, shape[2]))})
