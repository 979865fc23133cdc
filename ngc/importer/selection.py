"""Which outputs a model is to return, and the names that MXNet gives to outputs."""

from collections.abc import Sequence
from dataclasses import replace
from difflib import get_close_matches

from ngc.errors import ImportFailure, InputError
from ngc.importer.attributes import parse_attributes
from ngc.importer.operator_names import ENGINE_OPERATORS, LABEL_OPERATORS
from ngc.importer.operators import OPERATORS
from ngc.importer.symbol import Entry, SymbolGraph, SymbolNode

_MOST_VALUES = 1 << 20
"""Of a symbol whose inner values are asked for by name: more than any model has, few enough to hold all names."""


def without_labels(symbol: SymbolGraph) -> SymbolGraph:
    """Returns the symbol without the labels of its loss layers, which inference does not look at."""
    nodes = tuple(
        replace(node, inputs=node.inputs[:1]) if node.op in LABEL_OPERATORS else node for node in symbol.nodes
    )
    return replace(symbol, nodes=nodes)


def output_names(node: SymbolNode, source: str) -> tuple[str, ...]:
    """Returns the names of a node's outputs as `list_outputs` would: `conv0_output`, `split0_output1`."""
    if node.is_variable:
        return (node.name,)
    if node.op in ENGINE_OPERATORS and len(node.subgraphs) == 1:
        inner = node.subgraphs[0]  # what an engine computes keeps its names
        return tuple(_head_names(inner))
    operator = OPERATORS.get(node.op)
    if operator is None:
        return (f"{node.name}_output",)
    attrs = (
        {} if operator.schema is None else parse_attributes(node.attrs, operator.schema, f"{source}: {node}")
    )
    return tuple(f"{node.name}_{output}" for output in operator.outputs(attrs))


def select_heads(symbol: SymbolGraph, outputs: Sequence[str] | None) -> tuple[list[Entry], list[str]]:
    """Returns what to compute and the public names of it: the symbol's heads, or the inner values asked for.

    Raises:
        InputError: a wanted name is no output of any node; near matches are named.
        ImportFailure: the nodes have more outputs than any model.
    """
    if outputs is None:
        return list(symbol.heads), _head_names(symbol)
    wanted = [outputs] if isinstance(outputs, str) else list(outputs)
    if not wanted:
        raise InputError("outputs is empty; name at least one value, or pass None for the symbol's own heads")
    known: dict[str, Entry] = {}
    for position, node in enumerate(symbol.nodes):
        known.update((name, Entry(position, index)) for index, name in enumerate(output_names(node, symbol.source)))
        if len(known) > _MOST_VALUES:
            raise ImportFailure(f"{symbol.source}: {node}: the nodes up to this one say that they have more than {_MOST_VALUES} outputs")
    unknown = [name for name in wanted if name not in known]
    if unknown:
        raise InputError("; ".join(_unknown_output(name, known) for name in unknown))
    return [known[name] for name in wanted], wanted


def _head_names(symbol: SymbolGraph) -> list[str]:
    """Returns the names of a symbol's heads. Each node is asked once: a damaged number may give it very many outputs, and the symbol as many heads."""
    names = {position: output_names(symbol.nodes[position], symbol.source) for position in {head.node: None for head in symbol.heads}}
    return [names[head.node][head.output] if head.output < len(names[head.node]) else f"{symbol.nodes[head.node].name}_output{head.output}"
            for head in symbol.heads]


def _unknown_output(name: str, known: dict[str, Entry]) -> str:
    near = get_close_matches(str(name), list(known), 3)
    hint = (
        f"did you mean {', '.join(map(repr, near))}?"
        if near
        else f"the last ones are {', '.join(list(known)[-3:])}"
    )
    return f"outputs: the symbol has no value {name!r}; {hint}"
