"""Fuses what follows a convolution, deconvolution, dense layer or product of matrices, element by element, into its epilogue.

    act(conv(x, w){e})        =  conv(x, w){e, act}
    conv(x, w){e} + b         =  conv(x, w){e, bias(b)}                 b constant, per channel
    conv(x, w){e} * s + t     =  conv(x, w){e, affine(s,t)}             s, t constants, per channel; scale(s,t) for numbers
    conv(x, w){e} + y         =  conv(x, w){e, add(y)}                  a residual sum; y may stand on either side
    conv(x, w){e} * y         =  conv(x, w){e, multiply(y)}             y may be (N, C, 1, 1): squeeze and excitation

In any order and number. Of two layers that are added, the later takes the sum, so that the other is there when it is read. The fused
node stands where the absorbed one stood, so its operands stand before it.

Refuses when the layer's result has another user or is a graph output, when an operand is broadcast in a way that steps do not have or
is subtracted, when the channels of a constant lie along another axis, when the activation is not among `acts`, when a later layer takes
the sum, when a tee's reader stands between the layer and an operand, and after products of matrices of other types than f32, of sizes that depend on N,
or without elements.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from ngc.ir import Graph, Node, SymDim, Value
from ngc.ir.loc import merge
from ngc.ir.rewrite import Match, Rewriter, Rule, apply_rules
from ngc.passes.base import Pass, PassContext
from ngc.passes.fold_batch_norm import LAYERS
from ngc.passes.local_rules import only_user, why_not_single
from ngc.passes.step_forms import ACTIVATIONS, StepForm, step_form

FUSABLE = LAYERS | {"matmul"}
"""Operators whose kernels take steps."""


@dataclass(frozen=True)
class FuseConv(Pass):
    """Fuses bias, activations, scaling, sums and products into the layers before them.

    Attributes:
        acts: the activations to fuse.
    """

    name: ClassVar[str] = "fuse-conv"
    acts: tuple[str, ...] = ACTIVATIONS

    def run(self, graph: Graph, ctx: PassContext) -> bool:
        """Extends each layer's epilogue as far as it goes."""
        return apply_rules(graph, [LayerThenStep(self.acts)], self.name, ctx.hooks)


class LayerThenStep(Rule):
    """A layer takes the one element-wise node that reads its result."""

    equation = "step(layer(x, w){e}) = layer(x, w){e, step}"
    roots = FUSABLE

    def __init__(self, acts: Sequence[str] = ACTIVATIONS) -> None:
        self.acts = frozenset(acts)

    def match(self, node: Node, graph: Graph) -> Match | None:
        """Binds `user`, the first reader that steps can express, and its `form`."""
        axis = node.definition.channel_axis
        for use in node.output._uses.values():
            form = step_form(use.node, use.operand, axis)
            if form is not None:
                return {"root": node, "user": use.node, "form": form}
        return None

    def check(self, match: Match, graph: Graph) -> str | None:
        """Says why the reader must stay."""
        node, user, form = match["root"], match["user"], match["form"]
        if isinstance(form, str):
            return f"%{user.name}: {form}"
        if node.op == "matmul" and (reason := _why_no_steps(node)) is not None:
            return reason
        if (reason := why_not_single(node.output, graph)) is not None:
            return reason
        banned = next((step.kind for step in form.steps if step.is_activation and step.kind not in self.acts), None)
        if banned is not None:
            return f"{banned} is not among the activations to fuse"
        if len(node.outputs) > 1 and not all(stands_before(value, node, graph) for value in form.tensors):
            return f"an operand of %{user.name} stands after %{node.name}, whose further result may be read before"
        if any(not step.is_activation and step.kind in ("add", "multiply") for step in form.steps):
            for value in form.tensors:
                later = self.later_layer(value, node, graph)
                if later is not None and value.type.shape == node.type.shape:
                    return f"the later %{later.name} takes %{user.name}"
        return None

    def rewrite(self, match: Match, rewriter: Rewriter) -> None:
        """Puts the longer epilogue in place."""
        node, user = match["root"], match["user"]
        place = user if len(node.outputs) == 1 else node
        extend_epilogue(node, match["form"], [user], place, rewriter)

    def later_layer(self, value: Value, node: Node, graph: Graph) -> Node | None:
        """Returns the layer behind a value, through nodes that it will take, if it stands after `node` and its result goes there only."""
        while (producer := value.producer) is not None and graph.precedes(node, producer):
            if only_user(value, graph) is None:
                return None
            if producer.op in FUSABLE:
                return producer
            form = step_form(producer, 0, 1) if producer.inputs else None
            if not isinstance(form, StepForm) or any(step.is_activation and step.kind not in self.acts for step in form.steps):
                return None
            value = producer.inputs[0]
        return None


def _why_no_steps(product: Node) -> str | None:
    """Returns why a product of matrices can have no steps, None where it can."""
    if product.type.dtype != "f32":
        return f"the data is {product.type.dtype}, and products of matrices have steps on f32"
    if any(isinstance(dim, SymDim) for value in product.inputs[:2] for dim in value.type.shape[-2:]):
        return "the size of the matrices depends on N"
    if any(0 in value.type.shape for value in product.inputs[:2]):
        return "a matrix has no elements"
    return None


def stands_before(value: Value, node: Node, graph: Graph) -> bool:
    """Whether a value can be read where a node stands; constants can be moved there."""
    producer = value.producer
    return producer is None or producer.op == "const" or graph.precedes(producer, node)


def extend_epilogue(node: Node, form: StepForm, absorbed: Sequence[Node], place: Node, rewriter: Rewriter, *, raw: bool = False) -> Node:
    """Replaces a node and the chain of nodes after it, `absorbed`, by the node with more epilogue steps; returns it.

    The new node stands at `place`: the node itself or a node of the chain. With `raw` the steps begin with a tee, and it serves the
    readers of the node's result beside the chain.
    """
    for value in form.tensors:
        if value.producer is not None and value.producer.op == "const" and rewriter.graph.precedes(place, value.producer):
            rewriter.move_before(value.producer, place)
    inputs = (*node.inputs, *form.materialize(rewriter, place))
    attrs = {**node.attrs, "epilogue": (*node.attrs["epilogue"], *form.steps)}
    locs = merge(node.locs, *(part.locs for part in absorbed))
    fused = rewriter.insert(node.op, inputs, attrs, before=place, locs=locs, name=node.name)
    names = [value.name for value in node.outputs]
    if raw:
        names = [absorbed[-1].name, *names[1:], names[0]]
    rewriter.replace_uses(absorbed[-1].output, fused.output)
    for former, new in zip(node.outputs[1:], fused.outputs[1:], strict=False):
        rewriter.replace_uses(former, new)
    rewriter.erase_dead(absorbed[-1])
    if raw:
        rewriter.replace_uses(node.output, fused.outputs[-1])
        rewriter.erase_dead(node)
    for name, value in zip(names, fused.outputs, strict=True):
        rewriter.rename(value, name)
    return fused
