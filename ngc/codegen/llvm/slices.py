"""Concats that cost nothing: producers write straight into their slice of the joined tensor.

A concat along channels of blocked tensors is a range of channel blocks per part. Where a part has the joined tensor's block and halo it can lie there from
the start; its readers then see a tensor whose images are as far apart as the joined tensor's. Chains work too: in a dense block every joined
tensor is a slice of the next, so all of them share one buffer.
"""

from dataclasses import dataclass

from ngc.codegen.llvm.calls import geometry
from ngc.ir import Graph, Node, Value


@dataclass(frozen=True)
class Slice:
    """Where a value lies in another: the element offset of its first block in each image."""

    of: Value
    offset: int


def find_slices(graph: Graph) -> dict[Value, Slice]:
    """Returns the values that are computed in place as parts of a joined tensor, each with the outermost one."""
    direct: dict[Value, Slice] = {}
    for node in graph.nodes:
        if not is_blocked_concat(node):
            continue
        joined, offset = node.output, 0
        for value in node.inputs:
            part = geometry(value.type)
            if _may_be_slice(value, joined, node) and value not in direct:
                direct[value] = Slice(joined, offset)
            offset += part.blocks * part.block_stride
    return {value: _outermost(value, direct) for value in direct}


def is_blocked_concat(node: Node) -> bool:
    """Whether a node joins blocked tensors along their channels."""
    return node.op == "concat" and not node.type.layout.is_plain


def _may_be_slice(value: Value, joined: Value, node: Node) -> bool:
    made = value.producer is not None and value.producer.op not in ("const", "reshape", "identity")
    return made and value.type.layout == joined.type.layout and sum(operand is value for operand in node.inputs) == 1


def _outermost(value: Value, direct: dict[Value, Slice]) -> Slice:
    found = direct[value]
    while found.of in direct:
        outer = direct[found.of]
        found = Slice(outer.of, found.offset + outer.offset)
    return found
