"""Writes a `SymbolGraph` as the JSON object of a `-symbol.json` file, as MXNet 1.9.1 lays it out."""

from typing import Any

from ngc.importer.symbol import SymbolGraph, SymbolNode

VERSION = 10901
"""The version whose form the nodes have once they were read: major*10000 + minor*100 + patch."""


def symbol_content(symbol: SymbolGraph) -> dict[str, Any]:
    """Returns the JSON object of a symbol; `load_symbol` reads the same nodes back."""
    attrs: dict[str, Any] = {"mxnet_version": ["int", VERSION]}
    if symbol.np_shape:
        attrs["is_np_shape"] = ["int", 1]
    return {
        "nodes": [_node(node) for node in symbol.nodes],
        "arg_nodes": [position for position, node in enumerate(symbol.nodes) if node.is_variable],
        "node_row_ptr": list(range(len(symbol.nodes) + 1)),
        "heads": [[head.node, head.output, 0] for head in symbol.heads],
        "attrs": attrs,
    }


def _node(node: SymbolNode) -> dict[str, Any]:
    content: dict[str, Any] = {"op": node.op, "name": node.name}
    if node.attrs or node.hidden:
        content["attrs"] = {**node.attrs, **node.hidden}
    content["inputs"] = [[entry.node, entry.output, 0] for entry in node.inputs]
    if node.control_deps:
        content["control_deps"] = list(node.control_deps)
    if node.subgraphs:
        content["subgraphs"] = [symbol_content(inner) for inner in node.subgraphs]
    return content
