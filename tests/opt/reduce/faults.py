"""Faulty passes for reductions, beside those of `tests.opt.faulty_passes`: faults that every residual network with activations before its layers shows."""

from ngc.ir import Graph, Step
from ngc.ir.rewrite import Match, Rewriter, apply_rules
from ngc.passes import PassContext
from ngc.passes.fuse_conv import FuseConv, LayerThenStep, extend_epilogue
from ngc.passes.quantize import Quantize


class SecondReader(LayerThenStep):
    """Forgets the readers of a residual sum but the first, which then read the fused result."""

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


class FuseForgetting(FuseConv):
    """fuse-conv that forgets second readers of sums."""

    def run(self, graph: Graph, ctx: PassContext) -> bool:
        return apply_rules(graph, [SecondReader(self.acts)], self.name, ctx.hooks)


class QuantizeToFourTimes(Quantize):
    """quantize whose convolutions requantize to a scale four times as large as the one they say."""

    def run(self, graph: Graph, ctx: PassContext) -> bool:
        changed = super().run(graph, ctx)
        for node in graph.nodes:
            quant = node.outputs[0].type.quant
            if node.op == "conv2d" and quant is not None:
                node.attrs = {**node.attrs, "epilogue": (*node.attrs["epilogue"], Step("scale", (0.25, 0.75 * quant.zero_point)))}
        return changed
