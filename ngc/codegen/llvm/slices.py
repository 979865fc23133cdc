"""Concats that cost nothing: producers write straight into their slice of the joined tensor.

A concat along channels of blocked tensors is a range of channel blocks per part. Where a part has the joined tensor's block and halo it can lie there from
the start; its readers then see a tensor whose images are as far apart as the joined tensor's. Chains work too: in a dense block every joined
tensor is a slice of the next, so all of them share one buffer.

A concat of plain tensors along the first dimension that is more than one has its parts one behind the other, so a part is a whole tensor at an offset, which
any kernel can write; reshapes between the kernel and the concat change nothing of that. So detectors join the predictions of all their maps.
"""

from dataclasses import dataclass
from math import prod

from ngc.codegen.llvm.calls import geometry
from ngc.ir import Graph, Node, TensorType, Value


@dataclass(frozen=True)
class Slice:
    """Where a value lies in another: the element offset of its first block in each image."""

    of: Value
    offset: int


def find_slices(graph: Graph) -> dict[Value, Slice]:
    """Returns the values that are computed in place as parts of a joined tensor, each with the outermost one."""
    direct: dict[Value, Slice] = {}
    for node in graph.nodes:
        if not is_blocked_concat(node) and not is_contiguous_concat(node):
            continue
        joined, offset = node.output, 0
        for value in node.inputs:
            part = computed_as(value)
            if _may_be_slice(part, joined, node) and part not in direct:
                direct[part] = Slice(joined, offset)
            offset += part_size(value, node)
    return {value: _outermost(value, direct) for value in direct}


def is_blocked_concat(node: Node) -> bool:
    """Whether a node joins blocked tensors along their channels."""
    return node.op == "concat" and not node.type.layout.is_plain


def is_contiguous_concat(node: Node) -> bool:
    """Whether a node joins plain tensors that then lie one behind the other."""
    return node.op == "concat" and node.type.layout.is_plain and set(node.type.shape[:node.attrs["axis"]]) <= {1} and _is_static(node.type)


def part_size(value: Value, node: Node) -> int:
    """Returns the elements from the beginning of a part of a blocked or contiguous concat to the next part's, in each image of blocked tensors."""
    if value.type.layout.is_plain and node.type.layout.is_plain:
        return prod(dim for dim in value.type.shape if isinstance(dim, int))
    part = geometry(value.type)
    return part.blocks * part.block_stride


def computed_as(value: Value) -> Value:
    """Returns the plain value whose bytes a part of a concat is under other shapes, the value itself where it is nothing else's."""
    while value.type.layout.is_plain and value.producer is not None and value.producer.op in _VIEWS and value.producer.inputs[0].type.layout.is_plain:
        value = value.producer.inputs[0]
    return value


_VIEWS = ("reshape", "identity")


def _is_static(type: TensorType) -> bool:
    return all(isinstance(dim, int) for dim in type.shape)


def _may_be_slice(part: Value, joined: Value, node: Node) -> bool:
    made = part.producer is not None and part.producer.op not in ("const", "engine.call", *_VIEWS)
    return made and part.type.layout == joined.type.layout and sum(computed_as(operand) is part for operand in node.inputs) == 1


def _outermost(value: Value, direct: dict[Value, Slice]) -> Slice:
    found = direct[value]
    while found.of in direct:
        outer = direct[found.of]
        found = Slice(outer.of, found.offset + outer.offset)
    return found
