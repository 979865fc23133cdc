"""Which outputs a model is to return, and the names that MXNet gives to outputs."""

from collections.abc import Sequence
from dataclasses import replace
from difflib import get_close_matches

from ngc.errors import InputError
from ngc.importer.attributes import parse_attributes
from ngc.importer.operator_names import ENGINE_OPERATORS, LABEL_OPERATORS
from ngc.importer.operators import OPERATORS
from ngc.importer.symbol import Entry, SymbolGraph, SymbolNode


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
        return tuple(_head_name(inner, head) for head in inner.heads)
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
    """
    if outputs is None:
        return list(symbol.heads), [_head_name(symbol, head) for head in symbol.heads]
    wanted = [outputs] if isinstance(outputs, str) else list(outputs)
    if not wanted:
        raise InputError("outputs is empty; name at least one value, or pass None for the symbol's own heads")
    known = {
        name: Entry(position, index)
        for position, node in enumerate(symbol.nodes)
        for index, name in enumerate(output_names(node, symbol.source))
    }
    unknown = [name for name in wanted if name not in known]
    if unknown:
        raise InputError("; ".join(_unknown_output(name, known) for name in unknown))
    return [known[name] for name in wanted], wanted


def _head_name(symbol: SymbolGraph, head: Entry) -> str:
    names = output_names(symbol.nodes[head.node], symbol.source)
    if head.output < len(names):
        return names[head.output]
    return f"{symbol.nodes[head.node].name}_output{head.output}"


def _unknown_output(name: str, known: dict[str, Entry]) -> str:
    near = get_close_matches(str(name), list(known), 3)
    hint = (
        f"did you mean {', '.join(map(repr, near))}?"
        if near
        else f"the last ones are {', '.join(list(known)[-3:])}"
    )
    return f"outputs: the symbol has no value {name!r}; {hint}"
