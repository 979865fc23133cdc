"""Lets layers compute only the positions that strided 1x1 convolutions behind them read.

    conv1x1{stride d}(x)                  =  conv1x1(x[::d])
    conv{stride s}(x)[::d]                =  conv{stride s*d}(x)
    f(x, y)[::d]                          =  f(x[::d], y[::d])            f element-wise

In ResNet-v1 a stage's first convolution and its projection, both 1x1 with stride 2, read the same relu(sum): the sum, the last 1x1 and the
3x3 before it then run at half the resolution, and the shortcut is subsampled by a pool of one element. An average of one element is
the element.

Refuses when a reader uses every position or another stride, when the value is a graph output, when a convolution stores further
results, when an operand is broadcast along a spatial dimension, and when no convolution would shrink.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

from ngc.ir import Graph, Node, Value, opdefs
from ngc.ir.ops.convolution import pads
from ngc.ir.rewrite import Match, Rewriter, Rule, apply_rules
from ngc.passes.base import Pass, PassContext
from ngc.passes.step_forms import split_operands

CONVOLUTIONS = frozenset({"conv1d", "conv2d", "conv3d"})
ELEMENTWISE = frozenset(name for name, definition in opdefs().items() if "elementwise" in definition.traits) | {"batch_norm", "eltwise"}

Strides = tuple[int, ...]


@dataclass(frozen=True)
class HoistStrides(Pass):
    """Moves the strides of 1x1 convolutions to the convolutions before them."""

    name: ClassVar[str] = "hoist-strides"

    def run(self, graph: Graph, ctx: PassContext) -> bool:
        """Moves strides up until none can move."""
        return apply_rules(graph, [ConvTakesStride(), StrideRises()], self.name, ctx.hooks)


class ConvTakesStride(Rule):
    """A convolution computes only what its readers read."""

    equation = "conv{stride s}(x)[::d] = conv{stride s*d}(x)"
    roots = CONVOLUTIONS

    def match(self, node: Node, graph: Graph) -> Match | None:
        """Binds `stride`, that of all readers, or the reason why there is none."""
        stride = stride_of_readers(node.output, graph)
        return None if stride is None else {"root": node, "stride": stride}

    def check(self, match: Match, graph: Graph) -> str | None:
        """Says why the convolution computes everything."""
        if isinstance(match["stride"], str):
            return match["stride"]
        return f"%{match['root'].name} stores further results" if len(match["root"].outputs) > 1 else None

    def rewrite(self, match: Match, rewriter: Rewriter) -> None:
        """Gives the convolution the stride and takes it from the readers."""
        node, stride = match["root"], match["stride"]
        before, epilogue = node.inputs[:len(node.inputs) - len(split_operands(node)[2])], split_operands(node)[2]
        inputs = (*before, *(subsampled(value, stride, node, rewriter) if value.type.shape == node.type.shape else value for value in epilogue))
        attrs = {**node.attrs, "stride": tuple(map(math.prod, zip(node.attrs["stride"], stride, strict=True)))}
        _replace(node, inputs, attrs, rewriter)


class StrideRises(Rule):
    """An element-wise node computes only what its readers read."""

    equation = "f(x, y)[::d] = f(x[::d], y[::d])"
    roots = ELEMENTWISE

    def match(self, node: Node, graph: Graph) -> Match | None:
        """Binds `stride`, that of all readers, or the reason why there is none."""
        stride = stride_of_readers(node.output, graph)
        return None if stride is None else {"root": node, "stride": stride}

    def check(self, match: Match, graph: Graph) -> str | None:
        """Says why the node computes everything."""
        node, stride = match["root"], match["stride"]
        if isinstance(stride, str):
            return stride
        if len(node.outputs) > 1:
            return f"%{node.name} stores further results"
        if node.op == "batch_norm" and node.attrs["axis"] % node.type.rank != 1:
            return "the normalization does not run along the channels"
        for value in spatial_operands(node):
            if value.type.shape != node.type.shape:
                return f"%{value.name}: {value.type} is broadcast along a spatial dimension"
        return None if shrinks_convolution(node, stride, graph) else "no convolution before it would shrink"

    def rewrite(self, match: Match, rewriter: Rewriter) -> None:
        """Subsamples the operands instead of the result."""
        node, stride = match["root"], match["stride"]
        spatial = set(spatial_operands(node))
        inputs = [subsampled(value, stride, node, rewriter) if value in spatial else value for value in node.inputs]
        _replace(node, inputs, node.attrs, rewriter)


def subsampling(node: Node, value: Value) -> Strides | None:
    """Returns the stride with which a node reads a value, where it reads nothing between; None for other readers."""
    if node.inputs.count(value) != 1 or node.inputs[0] is not value:
        return None
    attrs = node.attrs
    if node.op in CONVOLUTIONS:
        single = all(size == 1 for size in node.inputs[1].type.shape[2:]) and not any(map(sum, pads(attrs)))
    elif node.op == "pool":
        single = set(attrs["kernel"]) == {1} and not any(attrs["pad"]) and attrs["convention"] == "valid" and attrs["kind"] in ("avg", "sum")
    else:
        return None
    stride: Strides = attrs["stride"]
    return stride if single and any(step > 1 for step in stride) else None


def stride_of_readers(value: Value, graph: Graph) -> Strides | str | None:
    """Returns the stride with which all readers read a value; None where no reader has one, a reason where they differ."""
    strides = {use.node: subsampling(use.node, value) for use in value._uses.values()}
    found = next((stride for stride in strides.values() if stride is not None), None)
    if found is None:
        return None
    if graph.is_output(value):
        return f"%{value.name} is a graph output"
    for node, stride in strides.items():
        if stride is None:
            return f"%{node.name} reads every position of %{value.name}"
        if stride != found:
            return f"%{value.name} is read with strides {found} and {stride}"
    return found


def spatial_operands(node: Node) -> list[Value]:
    """Returns the operands of an element-wise node that have spatial dimensions of their own."""
    if node.op in ("batch_norm", "prelu"):
        return [node.inputs[0]]
    rank = node.type.rank
    return [value for value in node.inputs
            if value.type.shape == node.type.shape or (value.type.rank > 1 and any(dim != 1 for dim in value.type.shape[-(rank - 2):]))
            or (value.type.rank == 1 and node.op != "eltwise" and value.type.shape[0] != 1)]


def shrinks_convolution(node: Node, stride: Strides, graph: Graph) -> bool:
    """Whether a stride above an element-wise node would reach a convolution."""
    pending = [(value, node) for value in spatial_operands(node)]
    while pending:
        value, reader = pending.pop()
        producer = value.producer
        others = (use.node for use in value._uses.values() if use.node is not reader)
        if producer is None or len(producer.outputs) > 1 or graph.is_output(value) or any(subsampling(other, value) != stride for other in others):
            continue
        if producer.op in CONVOLUTIONS:
            return True
        if producer.op in ELEMENTWISE:
            pending.extend((operand, producer) for operand in spatial_operands(producer))
    return False


def subsampled(value: Value, stride: Strides, before: Node, rewriter: Rewriter) -> Value:
    """Returns a value at every stride-th position, by a pool of one element that stands before a node."""
    ones = (1,) * len(stride)
    attrs = {"kind": "avg", "kernel": ones, "stride": stride, "pad": (0,) * len(stride)}
    locs = value.producer.locs if value.producer is not None else ()
    strided = rewriter.insert("pool", (value,), attrs, before=before, locs=locs, name=f"{value.name}_strided").output
    rewriter.share_range(value, strided)
    return strided


def _replace(node: Node, inputs: Iterable[Value], attrs: dict[str, object], rewriter: Rewriter) -> None:
    """Puts a node with fewer positions in a node's place; readers lose their strides."""
    fresh = rewriter.insert(node.op, tuple(inputs), attrs, before=node, locs=node.locs, name=node.name)
    name = node.name
    rewriter.share_range(node.output, fresh.output)
    for reader in node.output.users:
        if reader.op == "pool":
            rewriter.replace_uses(reader.output, fresh.output)
            rewriter.erase(reader)
        else:
            ones = (1,) * len(reader.attrs["stride"])
            rewriter.update(reader, reader.op, (fresh.output, *reader.inputs[1:]), {**reader.attrs, "stride": ones})
    rewriter.erase_dead(node)
    rewriter.rename(fresh.output, name)
