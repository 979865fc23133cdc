"""Makes one dense layer of several that read the same data: one product of matrices for queries, keys and values.

    dense(x, w1){e(v1)}, dense(x, w2){e(v2)}  =  slices of dense(x, [w1; w2]){e([v1, v2])}

It runs behind `fuse-conv`: a bias that is added is among the vectors then. The slices must cost nothing, so every reader of a layer has to be a product of
matrices or attention, behind reshapes, transposes and slices that its kernel reads in place.

Refuses when a layer is returned or read by anything else, when the epilogues differ in more than their vectors, when a step reads a tensor or stores one,
and when weights or vectors are no constants whose data is at hand.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ngc.ir import Graph, Node, Value
from ngc.ir.loc import merge
from ngc.ir.rewrite import Match, Rewriter, Rule, apply_rules
from ngc.passes.affine import constant_data
from ngc.passes.base import Pass, PassContext
from ngc.passes.step_forms import split_operands

_VIEWS = frozenset({"reshape", "transpose", "slice"})
_READERS = frozenset({"matmul", "attention"})


@dataclass(frozen=True)
class MergeParallelDense(Pass):
    """Merges dense layers that read the same data."""

    name: ClassVar[str] = "merge-parallel-dense"

    def run(self, graph: Graph, ctx: PassContext) -> bool:
        """Looks at every dense layer as the first of several."""
        return apply_rules(graph, [ParallelDense()], self.name, ctx.hooks)


class ParallelDense(Rule):
    """Dense layers of one operand whose results are read in place."""

    equation = "dense(x, w1), dense(x, w2) = slices of dense(x, [w1; w2])"
    roots = frozenset({"dense"})

    def match(self, node: Node, graph: Graph) -> Match | None:
        """Binds `layers`, all dense layers of the operand, where this is the first."""
        x = node.inputs[0]
        layers = [user for user in x.users if user.op == "dense" and user.inputs[0] is x and _signature(user) == _signature(node)]
        if len(layers) < 2 or any(graph.precedes(other, node) for other in layers):
            return None
        return {"root": node, "layers": layers}

    def check(self, match: Match, graph: Graph) -> str | None:
        """Says why layers stay apart."""
        for layer in match["layers"]:
            if (reader := _other_reader(layer.output, graph)) is not None:
                return f"{reader} reads %{layer.name}, and no slice of it"
            if any(step.kind in ("add", "multiply", "add_scaled", "tee") for step in layer.attrs["epilogue"]):
                return f"a step of %{layer.name} reads or stores a tensor"
            absent = next((value for value in layer.inputs[1:] if constant_data(value) is None), None)
            if absent is not None:
                return f"%{absent.name} is no constant whose data is at hand"
        return None

    def rewrite(self, match: Match, rewriter: Rewriter) -> None:
        """Puts the one layer before the first, and slices in the places of all."""
        first, layers = match["root"], match["layers"]
        columns = zip(*(layer.inputs[1:] for layer in layers), strict=True)
        constants = [_joined(rewriter, values, first) for values in columns]
        whole = rewriter.insert("dense", (first.inputs[0], *constants), first.attrs, before=first, locs=merge(*(layer.locs for layer in layers)),
                                name=f"{first.name}_merged").output
        begin, rank, parts = 0, whole.type.rank, []
        for layer in layers:
            end, bounds = begin + layer.inputs[1].type.shape[0], (None,) * (rank - 1)
            attrs = {"begin": (*bounds, begin), "end": (*bounds, end), "step": (None,) * rank}
            parts.append(rewriter.insert("slice", (whole,), attrs, before=first, locs=layer.locs, name=layer.name).output)
            begin = end
        for layer, part in zip(layers, parts, strict=True):
            name = layer.output.name
            rewriter.replace_uses(layer.output, part)
            rewriter.erase_dead(layer)
            rewriter.rename(part, name)


def _joined(rewriter: Rewriter, values: Sequence[Value], before: Node) -> Value:
    """Returns the constant of several side by side along their first axis."""
    array = np.concatenate([value.array for value in values])
    return rewriter.constant(f"{values[0].name}_merged", array, before=before, locs=before.locs, dtype=values[0].type.dtype)


def _signature(layer: Node) -> tuple[object, ...]:
    """Returns what must be equal of layers that become one."""
    (_, weights), _, steps = split_operands(layer)
    vectors = tuple(value.type.rank == 1 and value.type.shape == weights.type.shape[:1] for value in steps)
    return (tuple(sorted((name, value) for name, value in layer.attrs.items())), vectors, weights.type.dtype, weights.type.rank)


def _other_reader(value: Value, graph: Graph) -> str | None:
    """Returns who reads a value otherwise than in place, None where nobody does."""
    if graph.is_output(value):
        return "the caller"
    for use in value.uses:
        if use.node.op in _VIEWS:
            if (other := _other_reader(use.node.output, graph)) is not None:
                return other
        elif use.node.op not in _READERS:
            return f"%{use.node.name}"
    return None
