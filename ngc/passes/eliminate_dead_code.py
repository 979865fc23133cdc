"""Removes nodes whose results nothing reads.

    y = f(x), y never read  =  nothing

Refuses nodes of which one result is read or returned. Graph inputs stay, read or not: they are the model's interface.
"""

from dataclasses import dataclass
from typing import ClassVar

from ngc.ir import Graph, Node, opdefs
from ngc.ir.rewrite import Match, Rewriter, Rule, apply_rules
from ngc.passes.base import Pass, PassContext


@dataclass(frozen=True)
class EliminateDeadCode(Pass):
    """Removes nodes whose results nothing reads."""

    name: ClassVar[str] = "eliminate-dead-code"

    def run(self, graph: Graph, ctx: PassContext) -> bool:
        """Removes dead nodes, then those that only they read."""
        return apply_rules(graph, [Unread()], self.name, ctx.hooks)


class Unread(Rule):
    """A node none of whose results is read."""

    equation = "y = f(x), never read = nothing"
    roots = frozenset(opdefs())

    def match(self, node: Node, graph: Graph) -> Match | None:
        """Matches dead nodes."""
        dead = not any(value._uses or graph.is_output(value) for value in node.outputs)
        return {"root": node} if dead else None

    def rewrite(self, match: Match, rewriter: Rewriter) -> None:
        """Removes the node and the producers that it kept alive."""
        rewriter.erase_dead(match["root"])
