"""Fuses the pre-activation form of ResNet-v2: a sum that is needed raw and, normalized and activated, by the next layer.

    r = layer(x, w){e}; a = act(affine(r)); r has other readers
      =  a, r = layer(x, w){e, tee, affine, act}

The first result is the end of the chain, the tee stores the raw value. The chain is any run of activations, scaling, bias, batch_norm
with constant parameters and prelu with constant slopes; it ends where a value of it has several readers or is a graph output.

Refuses when more than one chain begins at the result, when the chain meets the raw value again in one element-wise node (x*f(x): one loop
over x serves both), and when a chain's operand is no constant.
"""

from dataclasses import dataclass
from typing import ClassVar

from ngc.ir import Graph, Node, Step, Value
from ngc.ir.rewrite import Match, Rewriter, Rule, apply_rules
from ngc.passes.base import Pass, PassContext
from ngc.passes.fold_batch_norm import LAYERS
from ngc.passes.fuse_conv import extend_epilogue
from ngc.passes.local_rules import only_user
from ngc.passes.step_forms import StepForm, step_form


@dataclass(frozen=True)
class FusePreactivation(Pass):
    """Lets one epilogue write a sum both raw and activated."""

    name: ClassVar[str] = "fuse-preactivation"

    def run(self, graph: Graph, ctx: PassContext) -> bool:
        """Adds a tee and the chain's steps to every layer whose result needs both."""
        return apply_rules(graph, [LayerThenChainAndOthers()], self.name, ctx.hooks)


class LayerThenChainAndOthers(Rule):
    """A layer takes the chain of per-channel steps that one of several readers of its result begins."""

    equation = "r = layer(x, w){e}; a = steps(r)  =  a, r = layer(x, w){e, tee, steps}"
    roots = LAYERS

    def match(self, node: Node, graph: Graph) -> Match | None:
        """Binds `chains`, the first nodes of all chains that begin at the result."""
        result = node.output
        if len(result._uses) + graph.is_output(result) < 2:
            return None
        axis = node.definition.channel_axis
        chains = [use.node for use in result._uses.values() if per_channel_form(use.node, use.operand, axis) is not None]
        return {"root": node, "chains": chains} if chains else None

    def check(self, match: Match, graph: Graph) -> str | None:
        """Follows the one chain to its end, or says why it is not fused."""
        node, chains = match["root"], match["chains"]
        if len(chains) > 1:
            return f"{len(chains)} chains begin at %{node.name}: " + ", ".join(f"%{chain.name}" for chain in chains)
        absorbed, form = follow_chain(chains[0], node.output, node.definition.channel_axis, graph)
        if any(not value.is_const for value in form.tensors):
            return f"an operand of the chain from %{chains[0].name} is no constant"
        end = absorbed[-1].output
        for use in end._uses.values():
            if node.output in use.node.inputs and use.node.has_trait("elementwise"):
                return f"the chain from %{chains[0].name} meets %{node.name} again in %{use.node.name}"
        match["absorbed"], match["form"] = absorbed, StepForm((Step("tee"),)) + form
        return None

    def rewrite(self, match: Match, rewriter: Rewriter) -> None:
        """Adds the tee and the steps."""
        node = match["root"]
        extend_epilogue(node, match["form"], match["absorbed"], node, rewriter, raw=True)


def per_channel_form(node: Node, position: int, axis: int) -> StepForm | None:
    """Returns a node as steps on one operand where they read nothing but vectors."""
    form = step_form(node, position, axis)
    return form if isinstance(form, StepForm) and form.is_per_channel else None


def follow_chain(node: Node, value: Value, axis: int, graph: Graph) -> tuple[list[Node], StepForm]:
    """Returns the nodes of the chain of per-channel steps that begins with `node` reading `value`, and its steps."""
    absorbed: list[Node] = []
    steps = StepForm(())
    following: Node | None = node
    while following is not None and (form := per_channel_form(following, following.inputs.index(value), axis)) is not None:
        absorbed.append(following)
        steps += form
        value = following.output
        following = only_user(value, graph)
    return absorbed, steps
