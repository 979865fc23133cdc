"""Fuses normalization and activation in front of a convolution into its prologue: DenseNet's form.

    conv(act(affine(x)), w)  =  conv(x, w){prologue=[affine, act]}

In DenseNet every layer applies a normalization of its own to the same concatenation, which no epilogue can serve. Padding stays zero
behind the prologue, so it is legal for any padding.

Refuses when the activated tensor has another reader or is a graph output (it is computed once then), when the convolution has groups or a
prologue already, when an operand of the chain stands after it, when `pointwise` is set and the kernel is larger than one tap, and when the
tensor comes from a layer that reads nothing else (its epilogue serves) or is a graph input, as it is or converted and moved (the steps run
while it is brought into layout).
"""

from dataclasses import dataclass
from typing import ClassVar

from ngc.ir import Graph, Node, Value
from ngc.ir.loc import merge
from ngc.ir.rewrite import Match, Rewriter, Rule, apply_rules
from ngc.passes.base import Pass, PassContext
from ngc.passes.fold_batch_norm import LAYERS
from ngc.passes.fuse_conv import stands_before
from ngc.passes.fuse_preactivation import per_channel_form
from ngc.passes.layers import MOVES
from ngc.passes.local_rules import only_user, why_not_single
from ngc.passes.step_forms import StepForm, split_operands


@dataclass(frozen=True)
class FusePrologue(Pass):
    """Fuses per-channel chains before convolutions into prologues.

    Attributes:
        pointwise: leave convolutions of more than one tap alone.
    """

    name: ClassVar[str] = "fuse-prologue"
    pointwise: bool = False

    def run(self, graph: Graph, ctx: PassContext) -> bool:
        """Gives every convolution that can take one its prologue."""
        return apply_rules(graph, [ChainThenConv(self.pointwise)], self.name, ctx.hooks)


class ChainThenConv(Rule):
    """A convolution takes the chain of per-channel steps before it."""

    equation = "conv(steps(x), w) = conv(x, w){prologue=[steps]}"
    roots = frozenset({"conv1d", "conv2d", "conv3d"})

    def __init__(self, pointwise: bool = False) -> None:
        self.pointwise = pointwise

    def match(self, node: Node, graph: Graph) -> Match | None:
        """Binds `absorbed`, the chain's nodes from first to last, its `form`, and `source`, what it reads."""
        absorbed, form, source = chain_before(node.inputs[0], graph)
        return {"root": node, "absorbed": absorbed, "form": form, "source": source} if absorbed else None

    def check(self, match: Match, graph: Graph) -> str | None:
        """Says why the chain stays in front."""
        node, source = match["root"], match["source"]
        producer = source.producer
        if (reason := why_not_single(node.inputs[0], graph)) is not None:
            return f"the activated tensor is computed once: {reason}"
        if node.attrs["groups"] > 1:
            return "the convolution has groups"
        if node.attrs["prologue"]:
            return "the convolution already has a prologue"
        if self.pointwise and any(size != 1 for size in node.inputs[1].type.shape[2:]):
            return "the kernel has more than one tap"
        if producer is None or _is_input(source):
            return f"%{source.name} is a graph input, brought into layout with these steps"
        if producer.op in LAYERS and source.index == 0 and why_not_single(source, graph) is None:
            return f"%{producer.name} can take the steps into its epilogue"
        if any(not stands_before(value, node, graph) for value in match["form"].tensors):
            return "an operand of the chain stands after the convolution"
        return None

    def rewrite(self, match: Match, rewriter: Rewriter) -> None:
        """Lets the convolution read the chain's source."""
        node, form, absorbed = match["root"], match["form"], match["absorbed"]
        own, _, after = split_operands(node)
        inputs = (match["source"], *own[1:], *form.materialize(rewriter, node), *after)
        locs = merge(*(part.locs for part in absorbed), node.locs)
        rewriter.update(node, node.op, inputs, {**node.attrs, "prologue": form.steps}, locs=locs)
        rewriter.erase_dead(absorbed[-1])


def _is_input(value: Value) -> bool:
    """Whether a value is a graph input, converted and moved at most."""
    while (producer := value.producer) is not None and len(producer.inputs) == 1 and (producer.op == "cast" or producer.op in MOVES):
        value = producer.inputs[0]
    return value.producer is None


def chain_before(value: Value, graph: Graph) -> tuple[list[Node], StepForm, Value]:
    """Returns the nodes of the chain of per-channel steps that ends in `value`, its steps, and the value that it reads."""
    absorbed: list[Node] = []
    steps = StepForm(())
    while (producer := value.producer) is not None and producer.inputs:
        if absorbed and only_user(value, graph) is None:
            break
        found = next(((position, form) for position in range(len(producer.inputs))
                      if (form := per_channel_form(producer, position, 1)) is not None), None)
        if found is None:
            break
        absorbed.insert(0, producer)
        steps = found[1] + steps
        value = producer.inputs[found[0]]
    return absorbed, steps, value
