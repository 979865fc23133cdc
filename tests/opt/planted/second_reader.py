"""A planted fault, for `--load`: fuse-conv fuses what reads a residual sum although the sum has a second reader, which then reads the fused result."""

from dataclasses import dataclass

from ngc.ir import Graph
from ngc.ir.rewrite import Match, Rewriter, apply_rules
from ngc.passes import PASSES, PassContext
from ngc.passes.fuse_conv import FuseConv, LayerThenStep, extend_epilogue


class SecondReader(LayerThenStep):
    """Forgets the readers of a residual sum but the first."""

    def check(self, match: Match, graph: Graph) -> str | None:
        node, user = match["root"], match["user"]
        others = [other for other in node.output.users if other is not user]
        summed = any(step.kind == "add" for step in node.attrs["epilogue"])
        match["forgets"] = summed and bool(others) and not isinstance(match["form"], str) and all(graph.precedes(user, other) for other in others)
        return None if match["forgets"] else super().check(match, graph)

    def rewrite(self, match: Match, rewriter: Rewriter) -> None:
        if not match["forgets"]:
            super().rewrite(match, rewriter)
            return
        node, user = match["root"], match["user"]
        fused = extend_epilogue(node, match["form"], [user], user, rewriter)
        rewriter.replace_uses(node.output, fused.output)
        rewriter.erase_dead(node)


@dataclass(frozen=True)
class FuseWrongly(FuseConv):
    """Has the faulty rule in the place of the right one."""

    def run(self, graph: Graph, ctx: PassContext) -> bool:
        return apply_rules(graph, [SecondReader(self.acts)], self.name, ctx.hooks)


PASSES["fuse-conv"] = lambda: FuseWrongly
