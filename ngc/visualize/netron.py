"""Writes a graph in the shape of MXNet's symbol JSON, with ngc's operators in it, which Netron's reader of MXNet models opens.

That reader takes any JSON object with `nodes`, `arg_nodes` and `heads`, and draws operators that it does not know as plain boxes. Of each node it reads `op`,
`name`, `inputs` as [node, output, ...] and `attrs`, a dictionary of strings. Of operators that MXNet has too it knows the types of attributes, so booleans
and lists are spelled as MXNet spells them. A constant belongs to the box of its reader, with `__dtype__` and `__shape__` as its type, if its name begins with
the reader's name, without `fwd` at its end, and a dot; other nodes of `arg_nodes` are the model's inputs.

The node of an engine's region is one box: the reader does not know of graphs within graphs. Such a file is for looking at; ngc does not read it back.
"""

import json
from typing import Any

from ngc.importer.attributes import DTYPE_BY_FLAG
from ngc.ir import Graph, Node, TensorType, Value
from ngc.ir.printer import format_type, step_texts
from ngc.ir.tensor_type import SymDim

_FLAGS = {**{dtype: flag for flag, dtype in DTYPE_BY_FLAG.items()}, "bf16": -1, "bool": -1}
"""MXNet's numbers of element types; the reader opens no file that has those of bf16 and bool, and takes -1 for a type that it does not know."""


def netron_json(graph: Graph, *, elide_larger_than: int | None = None) -> str:
    """Returns the text of a file whose name should end in `.json`."""
    nodes: list[dict[str, Any]] = []
    places: dict[Value, list[int]] = {}
    for value, name in zip(graph.inputs, graph.input_names, strict=True):
        places[value] = [len(nodes), 0, 0]
        nodes.append({"op": "null", "name": name, "attrs": _type_attrs(value.type), "inputs": []})
    for node in graph.nodes:
        places.update({value: [len(nodes), index, 0] for index, value in enumerate(node.outputs)})
        if node.op == "const":
            nodes.append({"op": "null", "name": _constant_name(node), "attrs": _type_attrs(node.type), "inputs": []})
        else:
            attrs = _attrs(node, elide_larger_than)
            nodes.append({"op": node.op, "name": node.name, "attrs": attrs, "inputs": [places[value] for value in node.inputs]})
    arguments = [number for number, node in enumerate(nodes) if node["op"] == "null"]
    return json.dumps({"nodes": nodes, "arg_nodes": arguments, "heads": [places[value] for value in graph.outputs]}, indent=1) + "\n"


def _constant_name(node: Node) -> str:
    """Returns a name by which the reader gives a constant to the first node that reads it."""
    assert node.weight is not None
    users = node.output.users
    owner = users[0].name if users else ""
    return f"{owner[:-3] if owner.endswith('_fwd') else owner}.{node.weight.name}"


def _type_attrs(type: TensorType) -> dict[str, str]:
    """Returns a type as MXNet writes it on variables; 0 stands for a dimension that is not known."""
    return {"__dtype__": str(_FLAGS[type.dtype]), "__shape__": _spelled(tuple(0 if isinstance(dim, SymDim) else dim for dim in type.shape))}


def _attrs(node: Node, elide_larger_than: int | None) -> dict[str, str]:
    steps = step_texts(node)
    attrs = {name: steps[name] if name in steps else _spelled(value, elide_larger_than) for name, value in node.attrs.items()}
    attrs["ngc_type"] = ", ".join(format_type(value.type, elide_larger_than) for value in node.outputs)
    attrs["ngc_from"] = ", ".join(loc.name for loc in node.locs)
    if node.regions:
        attrs["ngc_region"] = ", ".join(f"{region.name}: {sum(region.count().values())} nodes" for region in node.regions)
    return attrs


def _spelled(value: Any, elide_larger_than: int | None = None) -> str:
    """Returns a value as MXNet writes it: True, None, (1, 2), text without quotes."""
    if not isinstance(value, tuple):
        return str(value)
    shown = value if elide_larger_than is None else value[:elide_larger_than]
    more = [f"... {len(value) - len(shown)} more"] if len(shown) < len(value) else []
    return f"({', '.join([*map(str, shown), *more])})"
