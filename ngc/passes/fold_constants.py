"""Computes at compile time what depends on constants only.

    f(c1, c2)  =  c

The reference evaluator computes, so folded and unfolded graphs mean the same. Refuses results that would grow the model by more than
`limit_mib` mebibytes over their operands, results whose shape depends on N, and constants of which only the text was read. Results of bf16, which
numpy does not have, are held as the f32 values that they round to.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ngc.errors import VerifyError
from ngc.ir import Graph, Node, SymDim, opdefs
from ngc.ir.reference import evaluate_node
from ngc.ir.rewrite import Match, Rewriter, Rule, apply_rules
from ngc.ir.tensor_type import DTYPES
from ngc.passes.affine import constant_data
from ngc.passes.base import Pass, PassContext


@dataclass(frozen=True)
class FoldConstants(Pass):
    """Evaluates nodes whose operands are constants.

    Attributes:
        limit_mib: MiB by which a result may be larger than its operands.
    """

    name: ClassVar[str] = "fold-constants"
    limit_mib: int = 64

    def run(self, graph: Graph, ctx: PassContext) -> bool:
        """Folds in topological order, so chains of constants fold in one run."""
        return apply_rules(graph, [OfConstants(self.limit_mib << 20)], self.name, ctx.hooks)


class OfConstants(Rule):
    """A node that reads constants only."""

    equation = "f(c) = c"
    roots = frozenset(opdefs()) - {"const"}

    def __init__(self, limit: int = 64 << 20) -> None:
        self.limit = limit

    def match(self, node: Node, graph: Graph) -> Match | None:
        """Matches nodes without other operands."""
        if node.regions or not all(value.is_const for value in node.inputs):
            return None
        return {"root": node}

    def check(self, match: Match, graph: Graph) -> str | None:
        """Bounds the size of the results, and sees to it that they can be computed."""
        node = match["root"]
        if node.op == "dequantize":
            return "an engine is to store the integers"
        absent = next((value for value in node.inputs if constant_data(value) is None), None)
        if absent is not None:
            return f"the data of %{absent.name} is not at hand"
        growth = -sum(value.array.nbytes for value in node.inputs)
        for value in node.outputs:
            if any(isinstance(dim, SymDim) for dim in value.type.shape):
                return f"the shape of %{value.name} depends on N"
            growth += int(np.prod(value.type.shape, dtype=np.int64)) * DTYPES.get(value.type.dtype, DTYPES["f32"]).itemsize
        return f"the result is {growth} bytes larger than the operands" if growth > self.limit else None

    def rewrite(self, match: Match, rewriter: Rewriter) -> None:
        """Puts constants in the node's place."""
        node = match["root"]
        try:
            results = evaluate_node(node, [value.array for value in node.inputs])
        except (ValueError, IndexError, TypeError, ArithmeticError) as error:
            raise VerifyError(f"the reference evaluation of {node!r} failed: {error}") from error
        names = [value.name for value in node.outputs]
        folded = [rewriter.constant(value.name, array, before=node, locs=node.locs, dtype=value.type.dtype)
                  for value, array in zip(node.outputs, results, strict=True)]
        for old, new in zip(node.outputs, folded, strict=True):
            rewriter.replace_uses(old, new)
        rewriter.erase_dead(node)
        for name, value in zip(names, folded, strict=True):
            rewriter.rename(value, name)
