"""Lets equal nodes be one.

    y = f(x); z = f(x)  =  y = f(x); z = y

Nodes are equal when operator, attributes and operands are; constants when type and content are, whatever their names. Operands of operators
that commute may stand in either order. Refuses nothing: what only looks equal (0 and -0, NaN, hashes of absent data) is not matched.
"""

from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from ngc.ir import Graph, Node, opdefs
from ngc.ir.rewrite import Match, Rewriter, Rule, apply_rules
from ngc.passes.base import Pass, PassContext

_SAMPLES = 64
"""How many bytes of a constant are compared before all of it is hashed."""


@dataclass(frozen=True)
class EliminateCommonSubexpressions(Pass):
    """Computes equal values once."""

    name: ClassVar[str] = "eliminate-common-subexpressions"

    def run(self, graph: Graph, ctx: PassContext) -> bool:
        """Lets the first of equal nodes stand for all."""
        return apply_rules(graph, [Equal()], self.name, ctx.hooks)


@dataclass
class Equal(Rule):
    """A node equal to one that stands before it."""

    equation = "y = f(x); z = f(x) = y = f(x); z = y"
    roots = frozenset(opdefs())
    seen: dict[Any, Node] = field(default_factory=dict)
    candidates: dict[Any, Node] = field(default_factory=dict)

    def match(self, node: Node, graph: Graph) -> Match | None:
        """Binds `first`, the equal node that stays."""
        if node.regions:
            return None
        key = self.constant_key(node, graph) if node.op == "const" else _key(node)
        if key is None:
            return None
        first = self.seen.setdefault(key, node)
        if first is node:
            return None
        if first not in graph or (first.op != "const" and _key(first) != key):
            self.seen[key] = node
            return None
        if graph.precedes(node, first):
            self.seen[key] = node
            return {"root": first, "first": node}
        return {"root": node, "first": first}

    def rewrite(self, match: Match, rewriter: Rewriter) -> None:
        """Lets readers of the later node read the earlier."""
        node, first = match["root"], match["first"]
        for old, new in zip(node.outputs, first.outputs, strict=True):
            rewriter.replace_uses(old, new)
        if node.op != "const":
            rewriter.add_locs(first, node.locs)
        rewriter.erase_dead(node)

    def constant_key(self, node: Node, graph: Graph) -> Any:
        """Returns a constant's hash, None as long as a few of its bytes tell it from all others: large weights are rarely hashed."""
        weight = node.weight
        if weight is None or (weight.array is None and not weight.digest):
            return None
        if weight.array is None:
            return "const", node.type, weight.digest
        sample = (node.type, _sample(weight.array))
        other = self.candidates.setdefault(sample, node)
        if other is node:
            return None
        if other in graph and other.weight is not None:
            self.seen.setdefault(("const", other.type, other.weight.digest), other)
        return "const", node.type, weight.digest


def _sample(array: np.ndarray) -> bytes:
    flat = array.reshape(-1)
    return bytes(np.ascontiguousarray(flat[::max(1, flat.size // _SAMPLES)]).tobytes())


def _key(node: Node) -> Any:
    operands = [id(value) for value in node.inputs]
    if node.has_trait("commutative") and len(operands) == 2 and not node.attrs["reverse"]:
        operands.sort()
    return node.op, tuple(operands), repr(node.attrs), tuple(value.type for value in node.outputs)
