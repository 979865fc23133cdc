"""The text forms of a graph, one node a line; `ngc.ir.parser` reads both back.

In the short form attributes equal to their defaults are left out, weights are named with their content hash, and steps show the operands that they read.
The generic form leaves nothing out and writes all nodes alike, so that programs which read it need one rule and no table of operators:

    %c0 = "conv2d"(%x, %w) {stride=[1,1], ..., result=none, ...} : (f32[1,3,8,8], f32[4,3,3,3]) -> f32[1,4,6,6] loc(...)
    %w = "const"() {name="conv0_weight", digest="1a2b3c4d5e6f7a8b"} : () -> f32[4,3,3,3]
"""

import json
import math
import re
from collections.abc import Mapping, Sequence
from itertools import zip_longest
from typing import Any

from ngc.ir.graph import Graph, Node, Value
from ngc.ir.loc import Loc
from ngc.ir.opdef import opdefs
from ngc.ir.steps import Step
from ngc.ir.tensor_type import Quant, TensorType

PLAIN_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.$-]*")
"""Names after `@` that need no quotes."""


def print_graph(graph: Graph, *, locations: bool = True, elide_larger_than: int | None = None, generic: bool = False) -> str:
    """Returns the text of a graph, without a newline at its end.

    Args:
        graph: What to print; it need not be valid, so that errors can show it.
        locations: Whether nodes show the MXNet nodes that they come from.
        elide_larger_than: Lists longer than this are cut to their first items and a count; such text cannot be parsed back.
        generic: Whether to write the generic form.
    """
    lines = [print_header(graph, elide_larger_than, generic=generic)]
    for node in graph.nodes:
        lines.append("  " + print_node(node, locations=locations, elide_larger_than=elide_larger_than, generic=generic))
        if node.regions:
            lines[-1] += " {"
            for region in node.regions:
                text = print_graph(region, locations=locations, elide_larger_than=elide_larger_than, generic=generic)
                lines += ("    " + line for line in text.split("\n"))
            lines.append("  }")
    lines += ("  " + line for line in print_ranges(graph))
    lines.append("  " + print_return(graph, generic=generic))
    lines.append("}")
    return "\n".join(lines)


def print_header(graph: Graph, elide_larger_than: int | None = None, *, generic: bool = False) -> str:
    """Returns the first line: name, inputs, stage and what is excluded from quantization."""
    inputs = ", ".join(f"{_public(value, name, generic)}: {format_type(value.type, elide_larger_than)}"
                       for value, name in zip_longest(graph.inputs, graph.input_names) if value is not None)
    stage = f" stage({quote(graph.stage)})" if generic or graph.stage != "imported" else ""
    excluded = f" excluded({', '.join(map(quote, graph.excluded))})" if generic or graph.excluded else ""
    return f"graph {format_name(graph.name)}({inputs}){stage}{excluded} {{"


def print_ranges(graph: Graph) -> list[str]:
    """Returns the lines of the calibrated ranges, without indentation."""
    return [f"range %{name} {format_value(graph.ranges[name])}" for name in sorted(graph.ranges)]


def print_node(node: Node, *, locations: bool = True, elide_larger_than: int | None = None, generic: bool = False) -> str:
    """Returns the line of one node, without indentation and without its regions."""
    operands = ", ".join(f"%{value.name}" for value in node.inputs)
    if generic:
        text = f"{quote(node.op)}({operands}) {{{_weight_attrs(node) if node.op == 'const' else format_attrs(node, elide_larger_than, defaults=True)}}}"
    elif node.op == "const":
        text = f"const {_weight(node)}"
    else:
        attrs = format_attrs(node, elide_larger_than)
        text = f"{node.op}({operands})" + (f" {{{attrs}}}" if attrs else "")
    results = ", ".join(f"%{value.name}" for value in node.outputs)
    types = ", ".join(format_type(value.type, elide_larger_than) for value in node.outputs)
    if generic:
        types = f"({', '.join(format_type(value.type, elide_larger_than) for value in node.inputs)}) -> {types}"
    loc = f" loc({_cut([_location(loc) for loc in node.locs], elide_larger_than, ', ')})" if locations and node.locs else ""
    return f"{results} = {text} : {types}{loc}"


def print_return(graph: Graph, *, generic: bool = False) -> str:
    """Returns the `return` line, without indentation."""
    outputs = [_public(value, name, generic) for value, name in zip_longest(graph.outputs, graph.output_names)]
    return "return" + (" " if outputs else "") + ", ".join(outputs)


def format_attrs(node: Node, elide_larger_than: int | None = None, *, defaults: bool = False) -> str:
    """Returns attributes as `name=value, ...`: those that differ from their defaults, or with `defaults` all of them."""
    definition = opdefs().get(node.op)
    omitted = {name: attr.default for name, attr in definition.attrs.items()} if definition and not defaults else {}
    steps = step_texts(node)
    shown = []
    for name, value in node.attrs.items():
        if name in omitted and value == omitted[name] and repr(value) == repr(omitted[name]):
            continue
        shown.append(f"{name}={steps[name] if name in steps else format_value(value, elide_larger_than)}")
    return ", ".join(shown)


def format_value(value: Any, elide_larger_than: int | None = None) -> str:
    """Returns an attribute's value: none, true, false, numbers, JSON strings, lists in brackets."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return format_float(value)
    if isinstance(value, str):
        return quote(value)
    if isinstance(value, Step):
        return _step(value, ())
    if isinstance(value, Mapping):
        value = [f"{key}={item}" for key, item in value.items()]
    if isinstance(value, Sequence):
        return f"[{_cut([format_value(item, elide_larger_than) for item in value], elide_larger_than)}]"
    return str(value)


def format_float(value: float) -> str:
    """Returns the shortest text that reads back as the same number; nan, inf and -inf by these names."""
    return repr(float(value)) if math.isfinite(value) else str(float(value))


def format_type(type: TensorType, elide_larger_than: int | None = None) -> str:
    """Returns a type's text; long scale lists are cut where `elide_larger_than` says so."""
    quant = type.quant
    if elide_larger_than is None or quant is None or len(quant.scale) <= elide_larger_than:
        return str(type)
    bare = str(TensorType(type.shape, type.dtype, type.layout))
    few = str(TensorType((), type.dtype, quant=Quant(quant.scale[:1], quant.zero_point, quant.axis))).partition("]")[2]
    first = format_float(quant.scale[0])
    return bare + few.replace(f"[{first}]", f"[{_cut([format_float(scale) for scale in quant.scale], elide_larger_than)}]", 1)


def format_name(name: str) -> str:
    """Returns `@name`, quoted where it is no plain identifier."""
    return "@" + (name if PLAIN_NAME.fullmatch(name) else quote(name))


def quote(text: str) -> str:
    """Returns text as a JSON string on one line."""
    return json.dumps(text)


def _public(value: Value | None, name: str | None, generic: bool) -> str:
    """Returns a value with the name that callers know it by, where that is another or `generic` says so; `?` stands for one that is missing."""
    shown = "?" if value is None else f"%{value.name}"
    own = value is not None and (name is None or (name == value.name and not generic))
    return shown if own else f"{shown} as {quote(str(name))}"


def _weight_attrs(node: Node) -> str:
    """Returns a constant's name and hash as attributes."""
    weight = node.weight
    digest = weight.digest or None if weight is not None else None
    return f"name={quote(str(node.attrs.get('name', '?')) if weight is None else weight.name)}, digest={format_value(digest)}"


def _weight(node: Node) -> str:
    weight = node.weight
    if weight is None:
        return format_name(str(node.attrs.get("name", "?")))
    return format_name(weight.name) + (f"#{weight.digest}" if weight.digest else "")


def _location(loc: Loc) -> str:
    return quote(loc.name) + (f" in {quote(loc.file)}" if loc.file else "") + (f" at {loc.index}" if loc.index >= 0 else "")


def step_texts(node: Node) -> dict[str, str]:
    """Returns the text of the step attributes; operands are the node's last ones, the prologue's before the epilogue's."""
    texts: dict[str, str] = {}
    end = len(node.inputs)
    for name in ("epilogue", "prologue"):
        steps = node.attrs.get(name, ())
        if not isinstance(steps, tuple) or not all(isinstance(step, Step) for step in steps):
            continue
        position = end = end - sum(step.operands for step in steps)
        parts = []
        for step in steps:
            parts.append(_step(step, node.inputs[max(position, 0):max(position + step.operands, 0)]))
            position += step.operands
        texts[name] = f"[{', '.join(parts)}]"
    return texts


def _step(step: Step, operands: Sequence[Value]) -> str:
    arguments = [*(f"%{value.name}" for value in operands), *map(format_float, step.params)]
    return step.kind + (f"({','.join(arguments)})" if arguments else "")


def _cut(items: Sequence[str], limit: int | None, separator: str = ",") -> str:
    if limit is None or len(items) <= limit:
        return separator.join(items)
    return separator.join([*items[:limit], f"... {len(items) - limit} more"])
