"""Canonical rules of operators that move data without computing.

    identity(x), dropout(x)  =  x;   reshape, transpose, cast, slice, pad, upsample, broadcast_to, concat, pool, reduction that
                                     change nothing  =  x
    reshape(reshape(x))  =  reshape(x);   transpose(transpose(x))  =  transpose(x);   a transpose of dimensions of one  =  reshape
    cast(cast(x))  =  cast(x) where the first cast loses nothing
    slice(concat(..., x, ...))  =  x, or a slice of x, where it lies within one operand
    concat(slice(x), slice(x))  =  x where the parts make up the whole;   concat(concat(a, b), c)  =  concat(a, b, c)
    concat(slices of one of x along b; a)  =  reshape(transpose(x)), b before a, where they make up the whole
    move(f(move(x)))  =  f(move(move(x))) for element-wise f, where the two movements become one or none
    conv(pad(x, 0))  =  conv(x){pad}

Refuses to drop a max pool of one element, which turns -inf into the lowest float; to flatten a concat that others read; and to move
data past a function that others read.
"""

from ngc.ir import Graph, Node, Value
from ngc.ir.loc import merge
from ngc.ir.ops.convolution import pads
from ngc.ir.ops.shape import pad_widths, slices
from ngc.ir.rewrite import Match, Rewriter, Rule
from ngc.ir.tensor_type import SymDim
from ngc.passes.local_rules import NodeRule, Refusal, Replacement, ValueRule, only_user, why_not_single

WIDENINGS: dict[str, frozenset[str]] = {
    "bool": frozenset({"u8", "i8", "i32", "i64", "f16", "bf16", "f32", "f64"}), "u8": frozenset({"i32", "i64", "f16", "f32", "f64"}),
    "i8": frozenset({"i32", "i64", "f16", "f32", "f64"}), "i32": frozenset({"i64", "f64"}), "f16": frozenset({"f32", "f64"}),
    "bf16": frozenset({"f32", "f64"}), "f32": frozenset({"f64"}),
}
"""Casts that lose nothing."""


class NoOp(ValueRule):
    """An operator whose result is its operand."""

    equation = "identity(x) = x"
    roots = frozenset({"identity", "dropout", "reshape", "transpose", "cast", "slice", "pad", "upsample", "broadcast_to", "concat", "pool",
                       "reduce_sum", "reduce_mean", "reduce_prod", "reduce_max", "reduce_min"})

    def equal(self, node: Node, graph: Graph) -> Value | Refusal | None:
        """Returns the operand where type and attributes say that nothing happens."""
        x, attrs = node.inputs[0], node.attrs
        if len(node.inputs) != 1 or x.type.logical != node.type.logical:
            return None
        match node.op:
            case "transpose":
                nothing = attrs["axes"] == tuple(range(x.type.rank))
            case "slice":
                nothing = all(step in (None, 1) for step in attrs["step"])
            case "pool":
                nothing = set(attrs["kernel"]) | set(attrs["stride"]) == {1} and not any(attrs["pad"])
                if nothing and attrs["kind"] == "max":
                    return Refusal("max pooling of one element turns -inf into the lowest float")
                nothing = nothing and not (attrs["kind"] == "lp" and attrs["p"] != 1)
            case _:
                nothing = True
        return x if nothing else None


class CastChain(NodeRule):
    """A cast after one that loses nothing."""

    equation = "cast(cast(x)) = cast(x)"
    roots = frozenset({"cast"})

    def replacement(self, node: Node, graph: Graph) -> Replacement | Refusal | None:
        """Returns the cast of the inner operand."""
        inner = node.inputs[0].producer
        if inner is None or inner.op != "cast":
            return None
        source = inner.inputs[0].type.dtype
        if inner.type.dtype not in WIDENINGS.get(source, ()) and inner.type.dtype != source:
            return None
        return Replacement("cast", inner.inputs, node.attrs, (inner,))


class ReshapeChain(NodeRule):
    """A reshape after a reshape."""

    equation = "reshape(reshape(x)) = reshape(x)"
    roots = frozenset({"reshape"})

    def replacement(self, node: Node, graph: Graph) -> Replacement | Refusal | None:
        """Returns the reshape of the inner operand."""
        inner = node.inputs[0].producer
        return Replacement("reshape", inner.inputs, node.attrs, (inner,)) if inner is not None and inner.op == "reshape" else None


class TransposeChain(NodeRule):
    """A transpose after a transpose, or one that only moves dimensions of one."""

    equation = "transpose(transpose(x)) = transpose(x)"
    roots = frozenset({"transpose"})

    def replacement(self, node: Node, graph: Graph) -> Replacement | Refusal | None:
        """Returns the transpose of the inner operand, or a reshape."""
        x, axes = node.inputs[0], node.attrs["axes"]
        inner = x.producer
        if inner is not None and inner.op == "transpose":
            composed = tuple(inner.attrs["axes"][axis] for axis in axes)
            return Replacement("transpose", inner.inputs, {"axes": composed}, (inner,))
        moved = [axis for axis in axes if x.type.shape[axis] != 1]
        return Replacement("reshape", (x,), {"shape": node.type.shape}) if moved == sorted(moved) and axes != tuple(sorted(axes)) else None


class WholeOperand(ValueRule):
    """A slice that is one operand of a concat, and a concat of slices that are one tensor."""

    equation = "slice(concat(..., x, ...)) = x; concat(slice(x), slice(x)) = x"
    roots = frozenset({"slice", "concat"})

    def equal(self, node: Node, graph: Graph) -> Value | Refusal | None:
        """Returns the operand or tensor."""
        if node.op == "slice":
            part = _operand_of_concat(node)
            return part[0] if part is not None and part[0].type == node.type else None
        return self.source(node)

    def source(self, node: Node) -> Value | None:
        """Returns the tensor whose slices, in order, are the operands of a concat."""
        first, axis, position = node.inputs[0].producer, node.attrs["axis"], 0
        if first is None or first.op != "slice" or first.inputs[0].type != node.type:
            return None
        for value in node.inputs:
            part = value.producer
            if part is None or part.op != "slice" or part.inputs[0] is not first.inputs[0]:
                return None
            bounds = _range(part, axis)
            if bounds is None or bounds[0] != position:
                return None
            position = bounds[1]
        return first.inputs[0] if position == node.type.shape[axis] else None


class SliceOfConcat(NodeRule):
    """A slice within one operand of a concat."""

    equation = "slice(concat(..., x, ...)) = slice(x)"
    roots = frozenset({"slice"})

    def replacement(self, node: Node, graph: Graph) -> Replacement | Refusal | None:
        """Returns the slice of the operand."""
        part = _operand_of_concat(node)
        if part is None or part[0].type == node.type:
            return None
        operand, axis, begin, end = part
        attrs = {**node.attrs, **{key: (*node.attrs[key][:axis], number, *node.attrs[key][axis + 1:])
                                  for key, number in (("begin", begin), ("end", end))}}
        return Replacement("slice", (operand,), attrs, ())


class NestedConcat(NodeRule):
    """A concat as the operand of another along the same axis."""

    equation = "concat(concat(a, b), c) = concat(a, b, c)"
    roots = frozenset({"concat"})

    def replacement(self, node: Node, graph: Graph) -> Replacement | Refusal | None:
        """Returns the flat concat."""
        reason = None
        for position, value in enumerate(node.inputs):
            inner = value.producer
            if inner is None or inner.op != "concat" or inner.attrs["axis"] != node.attrs["axis"]:
                continue
            reason = why_not_single(value, graph)
            if reason is None:
                operands = (*node.inputs[:position], *inner.inputs, *node.inputs[position + 1:])
                return Replacement("concat", operands, node.attrs, (inner,))
        return Refusal(reason) if reason is not None else None


class ConcatOfPlanes(Rule):
    """Slices of one element along an axis, in order, joined along an axis before it: the axis moves there."""

    equation = "concat(x[..., 0:1], x[..., 1:2], ...; a) = reshape(transpose(x))"
    roots = frozenset({"concat"})

    def match(self, node: Node, graph: Graph) -> Match | None:
        """Binds `x` and `moved`, the axis that the slices cut."""
        first, axis = node.inputs[0].producer, node.attrs["axis"]
        if first is None or first.op != "slice" or len(node.inputs) < 2:
            return None
        x, rank = first.inputs[0], node.type.rank
        for moved in range(axis + 1, rank):
            if x.type.shape[moved] == len(node.inputs) and all(self._cuts(value, x, moved, number) for number, value in enumerate(node.inputs)):
                return {"root": node, "x": x, "moved": moved}
        return None

    def _cuts(self, value: Value, x: Value, axis: int, number: int) -> bool:
        part = value.producer
        return part is not None and part.op == "slice" and part.inputs[0] is x and _range(part, axis) == (number, number + 1)

    def check(self, match: Match, graph: Graph) -> str | None:
        """Refuses nothing: slices that others read stay for them."""
        return None

    def rewrite(self, match: Match, rewriter: Rewriter) -> None:
        """Transposes the whole tensor and joins the two axes."""
        node, x, moved, axis = match["root"], match["x"], match["moved"], match["root"].attrs["axis"]
        order = [position for position in range(x.type.rank) if position != moved]
        order.insert(axis, moved)
        former = [value.producer for value in node.inputs]
        turned = rewriter.insert("transpose", (x,), {"axes": tuple(order)}, before=node, locs=merge(*(part.locs for part in former), node.locs),
                                 name=f"{node.name}_turned").output
        rewriter.update(node, "reshape", (turned,), {"shape": node.type.shape})
        for part in former:
            rewriter.erase_dead(part)


class PadThenConv(NodeRule):
    """Zeros around a tensor that a convolution reads are its padding."""

    equation = "conv(pad(x, 0)) = conv(x){pad}"
    roots = frozenset({"conv1d", "conv2d", "conv3d"})

    def replacement(self, node: Node, graph: Graph) -> Replacement | Refusal | None:
        """Returns the convolution with more padding."""
        inner = node.inputs[0].producer
        if inner is None or inner.op != "pad" or inner.attrs["mode"] != "constant":
            return None
        widths = pad_widths(inner.attrs)
        if inner.attrs["value"] != 0:
            return Refusal(f"the border is {inner.attrs['value']}, not 0")
        if any(map(sum, widths[:2])):
            return Refusal("the border reaches beyond the spatial dimensions")
        if node.attrs["prologue"]:
            return Refusal("the prologue would not see the border")
        total = [(before + more[0], after + more[1]) for (before, after), more in zip(pads(node.attrs), widths[2:], strict=True)]
        begin, end = tuple(pair[0] for pair in total), tuple(pair[1] for pair in total)
        attrs = {**node.attrs, "pad": begin, "pad_end": None if begin == end else end}
        return Replacement(node.op, (inner.inputs[0], *node.inputs[1:]), attrs, (inner,))


class MovementRises(Rule):
    """A transpose or reshape moves before an element-wise node where it meets another of its kind."""

    equation = "move(f(move(x))) = f(move(move(x)))"
    roots = frozenset({"transpose", "reshape"})

    def match(self, node: Node, graph: Graph) -> Match | None:
        """Binds `inner`, the element-wise node before the movement."""
        inner = node.inputs[0].producer
        if inner is None or not _is_pointwise(inner) or not self.meets(node, node.inputs[0], graph):
            return None
        return {"root": node, "inner": inner}

    def check(self, match: Match, graph: Graph) -> str | None:
        """Refuses functions that others read."""
        return why_not_single(match["inner"].output, graph)

    def rewrite(self, match: Match, rewriter: Rewriter) -> None:
        """Puts a movement before each operand and the function behind."""
        node, inner = match["root"], match["inner"]
        moved = {value: rewriter.insert(node.op, (value,), node.attrs, before=node, locs=node.locs, name=f"{value.name}_moved").output
                 for value in dict.fromkeys(inner.inputs)}
        inputs = [moved[value] for value in inner.inputs]
        rewriter.update(node, inner.op, inputs, inner.attrs, locs=merge(inner.locs, node.locs))
        rewriter.erase_dead(inner)

    def meets(self, node: Node, value: Value, graph: Graph) -> bool:
        """Whether every way up from a value, through element-wise nodes with one reader, ends in a movement that this one joins."""
        pending, found = [value], False
        while pending:
            value = pending.pop()
            producer = value.producer
            if producer is None:
                return False
            if producer.op == node.op:
                found = True
                if only_user(value, graph) is None and not _undoes(producer, node):
                    return False
            elif _is_pointwise(producer) and (value is node.inputs[0] or only_user(value, graph) is not None):
                pending.extend(producer.inputs)
            else:
                return False
        return found


def _undoes(first: Node, second: Node) -> bool:
    if first.op == "reshape":
        return first.inputs[0].type.shape == second.type.shape
    return all(first.attrs["axes"][axis] == position for position, axis in enumerate(second.attrs["axes"]))


def _is_pointwise(node: Node) -> bool:
    """Whether each element of the result follows from the elements at the same place of all operands."""
    if node.op == "cast" or node.has_trait("unary"):
        return True
    return node.has_trait("binary") and all(value.type.shape == node.type.shape for value in node.inputs)


def _range(node: Node, axis: int) -> tuple[int, int] | None:
    """Returns (begin, end) of a slice that is whole along all axes but one and takes every element there; None for others."""
    x = node.inputs[0].type
    for position, (dim, part) in enumerate(zip(x.shape, slices(node.attrs), strict=True)):
        if part.step not in (None, 1) or (position != axis and node.type.shape[position] != dim):
            return None
    dim = x.shape[axis]
    if isinstance(dim, SymDim):
        return None
    begin, end, _ = slices(node.attrs)[axis].indices(dim)
    return begin, end


def _operand_of_concat(node: Node) -> tuple[Value, int, int, int] | None:
    """Returns (operand, axis, begin, end) of a slice that lies within one operand of a concat, None for others."""
    concat = node.inputs[0].producer
    if concat is None or concat.op != "concat":
        return None
    axis = concat.attrs["axis"]
    bounds = _range(node, axis)
    if bounds is None:
        return None
    position = 0
    for value in concat.inputs:
        size = value.type.shape[axis]
        if isinstance(size, SymDim):
            return None
        if position <= bounds[0] and bounds[1] <= position + size:
            return value, axis, bounds[0] - position, bounds[1] - position
        position += size
    return None


RULES: tuple[type[Rule], ...] = (NoOp, CastChain, ReshapeChain, TransposeChain, WholeOperand, SliceOfConcat, NestedConcat, ConcatOfPlanes, PadThenConv,
                                 MovementRises)
