"""Fuses a depthwise convolution into the 1x1 convolution that reads it: MobileNet's form.

    conv(depthwise(x, d){steps}, w){e}  =  separable_conv2d(x, d, w){prologue=[steps], epilogue=[e]}

What lies between the two is read once: fused, it never leaves the cache of the core that computes it.

Refuses when the reader has more than one tap, a stride, padding, groups or a prologue; when the depthwise result has another reader or is a graph output;
when the depthwise convolution has a prologue, a tee or a step that reads a tensor; when weights are no constants; when the data is neither f32 nor bf16,
or the depthwise result is of another type; when the channels are so few that the input stays in planes; and when what lies between, for all images of a
fixed batch, has fewer bytes than `least_bytes`: then it stays in cache anyway, and two kernels are as fast.
"""

from dataclasses import dataclass
from math import prod
from typing import ClassVar

from ngc.ir import Graph, Node, TensorType
from ngc.ir.loc import merge
from ngc.ir.opdef import X_ZERO_ATTRS
from ngc.ir.rewrite import Match, Rewriter, Rule, apply_rules
from ngc.passes.assign_layout import FEW_CHANNELS
from ngc.passes.base import Pass, PassContext
from ngc.passes.local_rules import why_not_single
from ngc.passes.step_forms import split_operands


@dataclass(frozen=True)
class FuseSeparable(Pass):
    """Fuses depthwise convolutions into the pointwise ones that read them.

    Attributes:
        least_bytes: the least size of the tensor between them; twice a second-level cache unless given.
    """

    name: ClassVar[str] = "fuse-separable"
    least_bytes: int = 2 << 20

    def run(self, graph: Graph, ctx: PassContext) -> bool:
        """Fuses every pair that pays."""
        return apply_rules(graph, [DepthwiseThenPointwise(self.least_bytes)], self.name, ctx.hooks)


class DepthwiseThenPointwise(Rule):
    """A 1x1 convolution takes the depthwise convolution before it."""

    equation = "conv(depthwise(x, d){steps}, w){e} = separable_conv2d(x, d, w){prologue=[steps], epilogue=[e]}"
    roots = frozenset({"conv2d"})

    def __init__(self, least_bytes: int) -> None:
        self.least_bytes = least_bytes

    def match(self, node: Node, graph: Graph) -> Match | None:
        """Binds `depthwise`, the convolution whose result the root reads."""
        producer = node.inputs[0].producer
        return {"root": node, "depthwise": producer} if producer is not None and _is_depthwise(producer) else None

    def check(self, match: Match, graph: Graph) -> str | None:
        """Says why the two stay apart."""
        node, depthwise = match["root"], match["depthwise"]
        attrs = node.attrs
        if tuple(node.inputs[1].type.shape[2:]) != (1, 1) or attrs["stride"] != (1, 1) or attrs["groups"] != 1:
            return "the reader is no 1x1 convolution at stride 1 in one group"
        if any(attrs["pad"]) or any(attrs["pad_end"] or ()):
            return "the 1x1 convolution pads its input"
        if attrs["prologue"]:
            return "the 1x1 convolution has a prologue"
        if depthwise.attrs["prologue"]:
            return f"%{depthwise.name} has a prologue"
        if (tensor := next((step.kind for step in depthwise.attrs["epilogue"] if step.kind in ("add", "add_scaled", "multiply", "tee")), None)) is not None:
            return f"%{depthwise.name} has the step {tensor}, which needs its result in memory"
        if (reason := why_not_single(depthwise.output, graph)) is not None:
            return reason
        if not (node.inputs[1].is_const and depthwise.inputs[1].is_const):
            return "the weights are no constants"
        if other := {node.type.dtype, depthwise.inputs[0].type.dtype} - {"f32", "bf16"}:
            return f"the kernel computes f32 and bf16, not {min(other)}"
        if depthwise.type.dtype != depthwise.inputs[0].type.dtype:
            return f"the depthwise convolution of {depthwise.inputs[0].type.dtype} gives {depthwise.type.dtype}"
        if depthwise.inputs[0].type.shape[1] <= FEW_CHANNELS:
            return f"the input has {depthwise.inputs[0].type.shape[1]} channels and stays in planes"
        size = known_bytes(depthwise.type)
        return f"the {size} bytes between the two stay in cache" if size < self.least_bytes else None

    def rewrite(self, match: Match, rewriter: Rewriter) -> None:
        """Lets the separable convolution read what the depthwise one did."""
        node, depthwise = match["root"], match["depthwise"]
        (x, weights), _, between = split_operands(depthwise)
        (_, pointwise), _, after = split_operands(node)
        attrs = {name: value for name, value in depthwise.attrs.items() if name not in X_ZERO_ATTRS}
        attrs |= {"prologue": depthwise.attrs["epilogue"], "epilogue": node.attrs["epilogue"], "result": node.attrs["result"]}
        rewriter.update(node, "separable_conv2d", (x, weights, pointwise, *between, *after), attrs, locs=merge(depthwise.locs, node.locs))
        rewriter.erase_dead(depthwise)


def _is_depthwise(node: Node) -> bool:
    return node.op == "conv2d" and node.attrs["groups"] == node.inputs[0].type.shape[1] == node.inputs[1].type.shape[0]


def known_bytes(type: TensorType) -> int:
    """Returns the bytes of a tensor of which nothing but the batch may depend on N, which counts as one image."""
    return type.itemsize * prod(dim if isinstance(dim, int) else dim.factor for dim in type.shape)
