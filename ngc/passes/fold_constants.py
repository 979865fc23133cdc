"""Computes at compile time what depends on constants only.

    f(c1, c2)  =  c                                 but for loops of more than `MOST_STEPS` steps
    loop(s, x, c){f}  =  loop(s, x){f with c}       so for cond: a constant that is captured becomes one of the region's own
    cond(c, x){f}{g}  =  f(x), or g(x) where c is zero

The reference evaluator computes, so folded and unfolded graphs mean the same. Refuses results that would grow the model by more than `limit_mib` mebibytes
over their operands, or with all that was folded before by more than `total_mib`; results whose shape depends on N; and constants of which only the text was
read. Results of bf16, which numpy does not have, are held as the f32 values that they round to.
"""

from dataclasses import dataclass
from math import prod
from typing import ClassVar

from ngc.errors import VerifyError
from ngc.ir import Graph, Node, SymDim, opdefs
from ngc.ir.reference import evaluate_node
from ngc.ir.rewrite import Match, Rewriter, Rule, apply_rules
from ngc.ir.tensor_type import DTYPES, bind_shape
from ngc.passes.affine import constant_data
from ngc.passes.base import Pass, PassContext
from ngc.passes.canonical_control import CONTROL, without_operands

MOST_STEPS = 256
"""Of loops that are folded: the evaluator takes some ten microseconds for each node and step."""


@dataclass(frozen=True)
class FoldConstants(Pass):
    """Evaluates nodes whose operands are constants.

    Attributes:
        limit_mib: MiB by which a result may be larger than its operands.
        total_mib: MiB by which all results of a run may be larger than the constants that they leave without a reader. A few lines of a damaged model may ask
            for any number of results, each within its limit.
    """

    name: ClassVar[str] = "fold-constants"
    limit_mib: int = 64
    total_mib: int = 512

    def run(self, graph: Graph, ctx: PassContext) -> bool:
        """Folds in topological order, so chains of constants fold in one run."""
        return apply_rules(graph, [OfConstants(self.limit_mib << 20, self.total_mib << 20), ConstantPredicate(), CapturedConstant()], self.name, ctx.hooks)


class OfConstants(Rule):
    """A node that reads constants only."""

    equation = "f(c) = c"
    roots = frozenset(opdefs()) - {"const"}

    def __init__(self, limit: int, total: int) -> None:
        self.limit, self.left = limit, total

    def match(self, node: Node, graph: Graph) -> Match | None:
        """Matches nodes without other operands."""
        if node.op == "engine.call" or not all(value.is_const for value in node.inputs):
            return None
        return {"root": node}

    def check(self, match: Match, graph: Graph) -> str | None:
        """Bounds the size of the results, and sees to it that they can be computed."""
        node = match["root"]
        if node.op == "dequantize":
            return "an engine is to store the integers"
        if (steps := _steps(node)) > MOST_STEPS:
            return f"a loop of {steps} steps is left to the run"
        absent = next((value for value in node.inputs if constant_data(value) is None), None)
        if absent is not None:
            return f"the data of %{absent.name} is not at hand"
        symbolic = next((value for value in node.outputs if any(isinstance(dim, SymDim) for dim in value.type.shape)), None)
        if symbolic is not None:
            return f"the shape of %{symbolic.name} depends on N"
        growth = _size_of_results(node) - sum(value.array.nbytes for value in node.inputs)
        if growth > self.limit:
            return f"the result is {growth} bytes larger than the operands"
        if self.growth(node, graph) > self.left:
            return f"the results of this run would be {self.growth(node, graph) - self.left} bytes more than they may be"
        return None

    def growth(self, node: Node, graph: Graph) -> int:
        """Returns the bytes of the results without those of the operands that nothing else reads."""
        freed = [value for value in dict.fromkeys(node.inputs) if value.users == (node,) and not graph.is_output(value)]
        return _size_of_results(node) - sum(int(value.array.nbytes) for value in freed)

    def rewrite(self, match: Match, rewriter: Rewriter) -> None:
        """Puts constants in the node's place."""
        node = match["root"]
        self.left -= self.growth(node, rewriter.graph)
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


def _size_of_results(node: Node) -> int:
    return sum(prod(bind_shape(value.type.shape, 1)) * DTYPES.get(value.type.dtype, DTYPES["f32"]).itemsize for value in node.outputs)


class CapturedConstant(Rule):
    """Constants that the regions of a loop or conditional read."""

    equation = "loop(s, x, c){f} = loop(s, x){f with c}"
    roots = CONTROL

    def match(self, node: Node, graph: Graph) -> Match | None:
        """Binds `captured`, the constants' nodes by the operands' positions."""
        first = node.attrs["carried"] + node.attrs["scanned"] if node.op == "loop" else 1
        captured = {operand: value.producer for operand, value in enumerate(node.inputs) if operand >= first and value.is_const}
        return {"root": node, "captured": captured} if captured else None

    def rewrite(self, match: Match, rewriter: Rewriter) -> None:
        """Gives each region constants of its own, which share the data."""
        without_operands(match["root"], match["captured"], (), rewriter)


class ConstantPredicate(Rule):
    """A conditional that always goes one way."""

    equation = "cond(c, x){f}{g} = f(x)"
    roots = frozenset({"cond"})

    def match(self, node: Node, graph: Graph) -> Match | None:
        """Matches conditionals whose predicate is constant."""
        return {"root": node} if node.inputs[0].is_const else None

    def check(self, match: Match, graph: Graph) -> str | None:
        """Needs to know the predicate."""
        predicate = match["root"].inputs[0]
        return f"the data of %{predicate.name} is not at hand" if constant_data(predicate) is None else None

    def rewrite(self, match: Match, rewriter: Rewriter) -> None:
        """Puts the region in the conditional's place."""
        node = match["root"]
        region = node.regions[0 if node.inputs[0].array.any() else 1]
        for old, new in zip(node.outputs, rewriter.inline(region, node.inputs[1:], before=node), strict=True):
            rewriter.replace_uses(old, new)
        rewriter.erase_dead(node)


def _steps(node: Node) -> int:
    """Returns how many steps a node takes at most, those of loops within loops included."""
    within = sum(_steps(inner) for region in node.regions for inner in region.nodes if inner.regions)
    return int(node.attrs.get("steps", 1)) * (1 + within)
