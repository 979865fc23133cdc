"""The data of values that depend on constants only, for converters that need it while the graph is being built."""

from collections.abc import Iterator
from math import prod

from ngc.importer.source_bytes import Array
from ngc.ir import Node, SymDim, Value
from ngc.ir.reference import evaluate_node
from ngc.ir.tensor_type import bind_shape

_MOST_ELEMENTS = 1 << 28
"""Of all that is computed on the way: a GiB of f32, more than the parameters of any recurrent network take on theirs."""


def constant_value(value: Value) -> Array | None:
    """Returns the data of a constant, or of what is made of constants only; None where it depends on an input, or would take too much to compute."""
    nodes = list(_made_from(value))
    results = [result for node in nodes for result in node.outputs]
    if value.producer is None or any(operand.producer is None for node in nodes for operand in node.inputs):
        return None
    if any(isinstance(dim, SymDim) for result in results for dim in result.type.shape):
        return None
    if sum(prod(bind_shape(result.type.shape, 1)) for result in results) > _MOST_ELEMENTS:
        return None
    known: dict[Value, Array] = {}
    for node in nodes:
        arrays = [node.output.array] if node.op == "const" else evaluate_node(node, [known[operand] for operand in node.inputs])
        known.update(zip(node.outputs, arrays, strict=True))
    return known[value]


def _made_from(value: Value) -> Iterator[Node]:
    """Yields the nodes that a value depends on, each once, after those that it reads. Models may be deep and share a value any number of times."""
    seen: set[Node] = set()
    stack = [(value.producer, False)]
    while stack:
        node, ready = stack.pop()
        if node is None:
            continue
        if ready:
            yield node
        elif node not in seen:
            seen.add(node)
            stack.append((node, True))
            stack.extend((operand.producer, False) for operand in node.inputs)
