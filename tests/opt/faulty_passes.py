"""Passes with one fault each, such as slip into compilers; `--load-pass tests.opt.faulty_passes:Class` runs one in the real one's place."""

from dataclasses import dataclass, replace
from typing import ClassVar
from unittest import mock

import numpy as np

from ngc.errors import PassError
from ngc.ir import Graph, Node, Step
from ngc.ir.rewrite import Match, Rewriter, apply_rules
from ngc.passes import Pass, PassContext
from ngc.passes.affine import affine_of
from ngc.passes.fold_batch_norm import AffineThenConv, ConvThenAffine, FoldBatchNorm
from ngc.passes.fuse_conv import FuseConv, LayerThenStep, extend_epilogue
from ngc.passes.quantize import Quantize
from ngc.passes.quantize.steps import StepWriter, Units
from ngc.passes.step_forms import StepForm


class FixedEpsilon(ConvThenAffine):
    """Takes eps for 0.01, whatever the node says."""

    def match(self, node: Node, graph: Graph) -> Match | None:
        match = super().match(node, graph)
        if match is None or node.op != "batch_norm":
            return match
        attrs, node.attrs = node.attrs, {**node.attrs, "eps": 0.01}
        match["affine"] = affine_of(node)
        node.attrs = attrs
        return match


class FoldWithWrongEpsilon(FoldBatchNorm):
    """fold-batch-norm that does not read eps."""

    def run(self, graph: Graph, ctx: PassContext) -> bool:
        return apply_rules(graph, [FixedEpsilon(), AffineThenConv()], self.name, ctx.hooks)


class SumAcrossUsers(LayerThenStep):
    """Takes a residual sum, or what reads one, although the layer's result has another reader, which then reads the new result."""

    def check(self, match: Match, graph: Graph) -> str | None:
        reason, form = super().check(match, graph), match["form"]
        steps = (*match["root"].attrs["epilogue"], *(form.steps if isinstance(form, StepForm) else ()))
        return None if any(step.kind == "add" for step in steps) and reason == f"%{match['root'].name} has another user" else reason

    def rewrite(self, match: Match, rewriter: Rewriter) -> None:
        node = match["root"]
        fused = extend_epilogue(node, match["form"], [match["user"]], match["user"], rewriter)
        if node in rewriter.graph:
            rewriter.replace_uses(node.output, fused.output)
            rewriter.sort()
            rewriter.erase_dead(node)


class FuseAcrossUsers(FuseConv):
    """fuse-conv that does not look for other readers of what takes a sum."""

    def run(self, graph: Graph, ctx: PassContext) -> bool:
        return apply_rules(graph, [SumAcrossUsers(self.acts)], self.name, ctx.hooks)


class FirstChannelsScale(StepWriter):
    """Requantizes every channel by the first one's scale."""

    def bring_to(self, units: Units) -> None:
        self.factor = np.full_like(self.factor, self.factor.flat[0])
        super().bring_to(units)


class QuantizeWithWrongScale(Quantize):
    """quantize that takes one channel's scale for all."""

    def run(self, graph: Graph, ctx: PassContext) -> bool:
        with mock.patch("ngc.passes.quantize.convert.StepWriter", FirstChannelsScale):
            return super().run(graph, ctx)


class ReluBecomesLog(FuseConv):
    """fuse-conv that puts a logarithm in the place of a relu."""

    def run(self, graph: Graph, ctx: PassContext) -> bool:
        found = [node for node in graph.nodes if node.op == "relu"]
        for node in found:
            Rewriter(graph).update(node, "log", node.inputs, {})
        return bool(found)


@dataclass(frozen=True)
class SameNames(Pass):
    """Gives the first result the name of the first input."""

    name: ClassVar[str] = "same-names"

    def run(self, graph: Graph, ctx: PassContext) -> bool:
        graph.nodes[0].output.name = graph.inputs[0].name
        return True


class RaisingRule(LayerThenStep):
    """Raises where it is to rewrite."""

    def match(self, node: Node, graph: Graph) -> Match | None:
        return {"root": node}

    def check(self, match: Match, graph: Graph) -> str | None:
        return None

    def rewrite(self, match: Match, rewriter: Rewriter) -> None:
        raise PassError("it does not work")


class RaisingPass(FuseConv):
    """fuse-conv with a rule that raises."""

    def run(self, graph: Graph, ctx: PassContext) -> bool:
        return apply_rules(graph, [RaisingRule()], self.name, ctx.hooks)


class BreakingRule(RaisingRule):
    """Gives layers a relu, and those that read a node a wrong type."""

    equation = "conv2d(x, w) = relu(conv2d(x, w))"

    def check(self, match: Match, graph: Graph) -> str | None:
        return "done" if match["root"].attrs["epilogue"] else None

    def rewrite(self, match: Match, rewriter: Rewriter) -> None:
        node = match["root"]
        fresh = rewriter.update(node, node.op, node.inputs, {**node.attrs, "epilogue": (Step("relu"),)})
        if fresh.inputs[0].producer is not None:
            fresh.output.type = replace(fresh.type, shape=(*fresh.type.shape[:3], 5))


class BreakingFuseConv(FuseConv):
    """fuse-conv that leaves wrong types."""

    def run(self, graph: Graph, ctx: PassContext) -> bool:
        return apply_rules(graph, [BreakingRule()], self.name, ctx.hooks)
