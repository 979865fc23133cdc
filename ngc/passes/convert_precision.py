"""Stores in bf16 what convolutions and dense layers multiply, and what lies between them.

    conv(x, w)  =  conv(cast{bf16}(x), cast{bf16}(w)){result=f32}         but for the rounding of x and w; dense and deconv alike
    cast{bf16}(f(x))  =  f(x){result=bf16}                                f a layer, a pool or an element-wise group, which compute in f32
    cast{bf16}(move(x))  =  move(cast{bf16}(x))                           concat, reshape, slice and their like

Sums and steps stay in f32, and so do biases; a value is rounded where it is stored, and what a prologue makes of it once more. A value is stored in bf16
where a layer that multiplies reads it, through any number of pools, element-wise groups and moves; what only other operators read, or the caller, stays in
f32. What both a layer and the caller read is rounded for both.

Refuses layers whose weights are no constant or whose data or result is not f32, and dense layers with an odd number of inputs, since pairs of them are
multiplied at a time; they go on in f32. So do products of matrices that are both data, and attention, which have no kernels of bf16: their results are
rounded behind the moves that only say where they are stored.
"""

from collections.abc import Set
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from ngc.ir import Graph, Node
from ngc.ir.reference import round_to_bf16
from ngc.ir.rewrite import Rewriter
from ngc.passes.base import Pass, PassContext
from ngc.passes.casts import Casts
from ngc.passes.layers import MOVES, is_layer, step_tensors, why_not_narrowed

PRODUCTS = frozenset({"matmul", "attention"})
"""Operators that multiply data by data, of f32 only."""


@dataclass(frozen=True)
class ConvertPrecision(Pass):
    """Chooses the element type of every value and inserts the casts between them."""

    name: ClassVar[str] = "convert-precision"

    def run(self, graph: Graph, ctx: PassContext) -> bool:
        """Decides from the last node to the first, since a value's readers decide, then rewrites from the first to the last."""
        multiplying = set()
        for node in graph.nodes:
            if is_layer(node):
                reason = why_not_bf16(node)
                graph.events.record(self.name, "precision", "refused" if reason else "chosen", node.name, reason or "multiplies bf16", node.locs)
                if reason is None:
                    multiplying.add(node)
            elif node.op in PRODUCTS:
                graph.events.record(self.name, "precision", "refused", node.name, f"{node.op} has no kernel that multiplies bf16", node.locs)
        storing = {node for node in graph.nodes if _may_store(node)} - _moved_products(graph)
        narrow: set[Node] = set()
        for node in reversed(graph.nodes):
            if node in storing and any(_wants(use.node, use.operand, multiplying, narrow) for value in node.outputs for use in value.uses):
                narrow.add(node)
        converter = _Converter(Rewriter(graph), multiplying, storing, narrow)
        for node in list(graph.nodes):
            if node.op != "const":
                converter.convert(node)
        converter.casts.widen_outputs()
        return converter.rewriter.changed


def why_not_bf16(layer: Node) -> str | None:
    """Returns why a convolution or dense layer must multiply f32, None where it may multiply bf16."""
    if (reason := why_not_narrowed(layer)) is not None:
        return reason
    inputs = layer.inputs[0].type.shape[-1]
    if layer.has_trait("dense") and (not isinstance(inputs, int) or inputs % 2):
        return f"{inputs} inputs of a dense layer do not make pairs"
    return None


def _may_store(node: Node) -> bool:
    """Whether a node can give its f32 results in bf16."""
    if node.op == "pad" and node.attrs["mode"] == "constant" and not _is_exact(node.attrs["value"]):
        return False
    known = is_layer(node) or node.op in MOVES or node.op in ("eltwise", "pool")
    return known and all(value.type.dtype == "f32" for value in (*node.outputs, *node.inputs[:1]))


def _moved_products(graph: Graph) -> set[Node]:
    """Returns the nodes that move the result of a product of matrices, whose kernel stores it in f32 where the last of its moves leaves it."""
    moving: set[Node] = set()
    for node in graph.nodes:
        producer = node.inputs[0].producer if node.op in MOVES else None
        if producer is not None and (producer.op in PRODUCTS or producer in moving):
            moving.add(node)
    return moving


def _is_exact(number: float) -> bool:
    return bool(round_to_bf16(np.array(number, np.float32)) == number)


def _wants(reader: Node, operand: int, multiplying: Set[Node], narrow: Set[Node]) -> bool:
    """Whether a reader takes an operand in bf16."""
    if operand == 0 and reader in multiplying:
        return True
    return reader in narrow and (not is_layer(reader) or operand in step_tensors(reader))


@dataclass
class _Converter:
    """Gives nodes their operands in the element types that were chosen."""

    rewriter: Rewriter
    multiplying: Set[Node]
    storing: Set[Node]
    narrow: Set[Node]
    casts: Casts = field(init=False)

    def __post_init__(self) -> None:
        self.casts = Casts(self.rewriter, "bf16")

    def convert(self, node: Node) -> None:
        """Converts a node's operands and its results."""
        result = "bf16" if node in self.narrow else "f32"
        wanted = self._operand_dtypes(node, result)
        inputs = [self.casts.cast(value, dtype, before=node) for value, dtype in zip(node.inputs, wanted, strict=True)]
        attrs = dict(node.attrs)
        if "result" in attrs and attrs["result"] is None and node in self.storing:
            attrs["result"] = None if inputs[0].type.dtype == result else result
        if inputs != list(node.inputs) or attrs != node.attrs or any(value in self.casts.narrowed for value in inputs):
            self.rewriter.respecify(node, inputs, attrs)
        if node in self.narrow:
            self.casts.narrowed.update(dict.fromkeys(node.outputs))

    def _operand_dtypes(self, node: Node, result: str) -> list[str]:
        """Returns the element type that each operand should have, empty where it may be what it is."""
        if node not in self.storing:
            return ["f32"] * len(node.inputs)
        if node.op in MOVES:
            return [result] * len(node.inputs)
        data = "bf16" if node in self.multiplying else "f32" if is_layer(node) else ""
        wanted = [data if position < len(node.definition.operands) else "" for position in range(len(node.inputs))]
        for position in step_tensors(node):
            wanted[position] = result
        return wanted
