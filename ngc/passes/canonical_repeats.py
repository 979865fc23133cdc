"""Canonical rules of elements that are repeated: nearest-neighbour upsampling in whatever form it was written.

    reshape(broadcast_to(x, one axis of 1 to r))  =  upsample(x){r along a spatial axis}    where the repeats lie within an axis of an image
    upsample(upsample(x){a}){b}                   =  upsample(x){a*b}

MXNet's `repeat` along rows and columns, which YOLO of GluonCV has instead of UpSampling, becomes one `upsample`, which works on blocked tensors.

Refuses a broadcast and an inner upsampling that something else reads.
"""

from ngc.ir import Graph, Node, Shape, Value
from ngc.ir.rewrite import Match, Rewriter, Rule
from ngc.ir.tensor_type import product
from ngc.passes.local_rules import NodeRule, Refusal, Replacement, why_not_single

_IMAGE_RANK = 4


class RepeatAsUpsample(Rule):
    """A broadcast axis that becomes part of the rows or columns of images; elements that are repeated no times leave nothing to upsample."""

    equation = "reshape(broadcast_to(x)) = upsample(x)"
    roots = frozenset({"reshape"})

    def match(self, node: Node, graph: Graph) -> Match | None:
        """Binds `inner`, the broadcast, and the `axis` of the result whose elements are repeated `times` times."""
        inner = node.inputs[0].producer
        if inner is None or inner.op != "broadcast_to" or node.type.rank != _IMAGE_RANK:
            return None
        source, target = inner.inputs[0].type.shape, inner.type.shape
        grown = [axis for axis in range(len(target)) if len(source) == len(target) and source[axis] != target[axis]]
        if len(grown) != 1 or not isinstance(target[grown[0]], int) or not target[grown[0]]:
            return None
        axis = _within(node.type.shape, target, grown[0])
        return None if axis is None else {"root": node, "inner": inner, "axis": axis, "times": target[grown[0]]}

    def check(self, match: Match, graph: Graph) -> str | None:
        """Refuses broadcasts that others read."""
        return why_not_single(match["inner"].output, graph)

    def rewrite(self, match: Match, rewriter: Rewriter) -> None:
        """Views what is repeated as images and repeats their elements."""
        node, inner, axis, times = match["root"], match["inner"], match["axis"], match["times"]
        shape = tuple(dim // times if position == axis else dim for position, dim in enumerate(node.type.shape))
        x: Value = inner.inputs[0]
        if x.type.shape != shape:
            x = rewriter.insert("reshape", (x,), {"shape": shape}, before=node, locs=node.locs, name=f"{node.name}_once").output
        rewriter.update(node, "upsample", (x,), {"scale": tuple(times if position == axis else 1 for position in range(2, _IMAGE_RANK))})
        rewriter.erase_dead(inner)


def _within(shape: Shape, repeated: Shape, axis: int) -> int | None:
    """Returns the spatial axis of a shape whose elements, one by one, are those that another shape repeats along an axis; None where there is none."""
    times, before, after = repeated[axis], product(repeated[:axis]), product(repeated[axis + 1:])
    for place in range(len(shape) - 1, 1, -1):
        dim = shape[place]
        if isinstance(dim, int) and isinstance(times, int) and dim % times == 0 and product(shape[place + 1:]) == after and (
                product((*shape[:place], dim // times)) == before):
            return place
    return None


class UpsampleChain(NodeRule):
    """An upsampling after an upsampling."""

    equation = "upsample(upsample(x)) = upsample(x)"
    roots = frozenset({"upsample"})

    def replacement(self, node: Node, graph: Graph) -> Replacement | Refusal | None:
        """Returns the upsampling by both factors."""
        inner = node.inputs[0].producer
        if inner is None or inner.op != "upsample":
            return None
        reason = why_not_single(inner.output, graph)
        if reason is not None:
            return Refusal(reason)
        return Replacement("upsample", inner.inputs, {"scale": tuple(a * b for a, b in zip(inner.attrs["scale"], node.attrs["scale"], strict=True))}, (inner,))


RULES: tuple[type[Rule], ...] = (RepeatAsUpsample, UpsampleChain)
