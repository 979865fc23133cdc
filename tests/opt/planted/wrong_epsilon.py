"""A planted fault, for `--load`: fold-batch-norm folds batch normalization with a wrong epsilon."""

from dataclasses import dataclass

from ngc.ir import Graph, Node
from ngc.ir.rewrite import Match, apply_rules
from ngc.passes import PASSES, PassContext
from ngc.passes.affine import affine_of
from ngc.passes.fold_batch_norm import AffineThenConv, ConvThenAffine, FoldBatchNorm

WRONG = 2e-3


class WrongEpsilon(ConvThenAffine):
    """Takes every batch_norm for one with another eps."""

    def match(self, node: Node, graph: Graph) -> Match | None:
        found = super().match(node, graph)
        if found is not None and node.op == "batch_norm":
            twin = Node(node.op, node.inputs, {**node.attrs, "eps": WRONG}, node.locs)
            twin.outputs = node.outputs
            found["affine"] = affine_of(twin)
        return found


@dataclass(frozen=True)
class FoldWrongly(FoldBatchNorm):
    """Has the faulty rule in the place of the right one."""

    def run(self, graph: Graph, ctx: PassContext) -> bool:
        return apply_rules(graph, [WrongEpsilon(), AffineThenConv()], self.name, ctx.hooks)


PASSES["fold-batch-norm"] = lambda: FoldWrongly
