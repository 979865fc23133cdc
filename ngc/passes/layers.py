"""What passes that choose element types ask of a node: whether it multiplies, whether it only moves data, and which tensors its steps read."""

from ngc.ir import Node
from ngc.ir.steps import STEPS

MOVES = frozenset({"concat", "identity", "pad", "reshape", "slice", "transpose", "upsample"})
"""Operators that only move data."""


def is_layer(node: Node) -> bool:
    """Whether a node multiplies data by weights."""
    return any(node.has_trait(trait) for trait in ("conv", "deconv", "dense"))


def passes_on(node: Node) -> bool:
    """Whether the numbers in a node's result are all numbers of its operands, so that they share a scale."""
    return node.op in MOVES or (node.op == "pool" and node.attrs["kind"] == "max")


def why_not_narrowed(layer: Node) -> str | None:
    """Returns why a layer cannot multiply another element type than it does: its data or result is not f32, or its weights are no constant."""
    x, w = layer.inputs[:2]
    for what, value in (("data", x), ("result", layer.output)):
        if value.type.dtype != "f32":
            return f"the {what} is {value.type.dtype}, not f32"
    return None if w.is_const else f"the weights %{w.name} are no constant"


def step_tensors(node: Node, *kinds: str) -> list[int]:
    """Returns the positions of the tensors that a node's epilogue reads, among its operands; only those of steps of some kinds, where any are given."""
    positions, position = [], len(node.inputs) - sum(step.operands for step in node.attrs.get("epilogue", ()))
    for step in node.attrs.get("epilogue", ()):
        for operand in STEPS[step.kind].operands:
            if operand == "tensor" and (not kinds or step.kind in kinds):
                positions.append(position)
            position += 1
    return positions
