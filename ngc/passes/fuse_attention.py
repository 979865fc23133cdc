"""Makes one operator of two products of matrices with a softmax between them, whose scores then never go through memory.

    softmax(matmul(q, k^T) * s) v                      =  attention(q, k, v){scale=s}
    softmax(matmul(q, k^T) * s + m) v                  =  attention(q, k, v, m){scale=s, mask=add}
    softmax(where(m, matmul(q, k^T) * s, c)) v         =  attention(q, k, v, m){scale=s, mask=select, fill=c}
    (softmax(where(m, matmul(q, k^T) * s, c)) * m) v   =  attention(q, k, v, m){scale=s, mask=select, fill=c, zero}
    where(m, softmax(where(m, matmul(q, k^T) * s, c)), 0) v   =   the same, of truth values m
    softmax(matmul(q, k^T) * s, lengths) v             =  attention(q, k, v, lengths){scale=s, mask=length}

Between these may stand reshapes that only join or split axes before the matrices; operands take the batch of the last product. Queries and keys that are
scaled by a number count as scores that are, and so do scores that are scaled after a selection, which scales c too. Masks of fewer axes are broadcast to the
scores, which costs nothing where kernels read them by strides. The number c may be spelled as ones in the shape of the scores, times c: that does not count
as reading them. Where weights outside a mask are replaced instead of multiplied, a row with a NaN is NaN in either form: what it keeps is NaN already.

Refuses when a value between has another reader or is a graph output, when a product is transposed so that no rows are queries, or broadcasts its matrices,
when a scaling follows an added mask, or makes c more than f32 holds, when weights are replaced in rows that c makes NaN, when scores depend on N in their last
two axes, when an operand has no elements, and other element types than f32. A mask is read before its casts only where these keep which elements are zero, and
all its values where the weights are multiplied by it.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from ngc.ir import Dim, Graph, Node, SymDim, Value
from ngc.ir.loc import merge
from ngc.ir.rewrite import Match, Rewriter, Rule, apply_rules
from ngc.ir.tensor_type import DTYPES, FLOATS
from ngc.passes.affine import constant_data
from ngc.passes.base import Pass, PassContext
from ngc.passes.local_rules import why_not_single

_LARGEST = float(np.finfo(np.float32).max)


@dataclass(frozen=True)
class FuseAttention(Pass):
    """Fuses products of matrices around a softmax into attention."""

    name: ClassVar[str] = "fuse-attention"

    def run(self, graph: Graph, ctx: PassContext) -> bool:
        """Looks at every product of matrices as the last one of an attention."""
        return apply_rules(graph, [SoftmaxBetweenProducts()], self.name, ctx.hooks)


@dataclass
class _Found:
    """What was found on the way from the last product up to the first.

    Attributes:
        between: values that disappear.
        first: the first product.
        fillers: what spells `fill` as a tensor.
        mask: what `masking` says of scores, whose axes before the matrices are `masked_batch` where it says it.
        replaced: the shape of the weights that are replaced by 0 outside the mask.
        problem: why they cannot disappear, as far as the way itself says so.
    """

    between: list[Value] = field(default_factory=list)
    first: Node | None = None
    scale: float = 1.0
    mask: str = "none"
    masking: Value | None = None
    masked_batch: tuple[Dim, ...] | None = None
    fill: float = 0.0
    zero: bool = False
    replaced: tuple[Dim, ...] | None = None
    fillers: set[Node] = field(default_factory=set)
    problem: str | None = None


class SoftmaxBetweenProducts(Rule):
    """A product of matrices whose left operand is a softmax of another product."""

    equation = "softmax(matmul(q, k^T) * s + m) v = attention(q, k, v, m){scale=s}"
    roots = frozenset({"matmul"})

    def match(self, node: Node, graph: Graph) -> Match | None:
        """Binds `found`, all between the products."""
        found = _Found()
        softmax = _softmax_above(node.inputs[0], found)
        if softmax is None:
            return None
        if len(softmax.inputs) == 2:
            found.mask, found.masking = "length", softmax.inputs[1]
        found.scale = 1 / softmax.attrs["temperature"]
        if not _scores_above(softmax.inputs[0], found) or found.first is None:
            return None
        return {"root": node, "found": found}

    def check(self, match: Match, graph: Graph) -> str | None:
        """Says why scores must go through memory."""
        node, found = match["root"], match["found"]
        if node.type.dtype != "f32":
            return f"the data is {node.type.dtype}, and attention runs on f32"
        if found.problem is not None:
            return str(found.problem)
        if node.attrs["transpose_a"] or node.attrs["epilogue"] or found.first.attrs["epilogue"]:
            return "a product has steps, or transposes the weights"
        for value in found.between:
            readers = {user for user in value.users if user not in found.fillers}
            if len(readers) != 1 or graph.is_output(value):
                return why_not_single(value, graph)
        for filler in found.fillers:
            if not set(filler.output.users) <= {*found.fillers, *(value.producer for value in found.between)}:
                return f"%{filler.name} has another user"
        first, v = found.first, node.inputs[1]
        if any(value.type.shape[:-2] != first.type.shape[:-2] for value in first.inputs[:2]) or v.type.shape[:-2] != node.type.shape[:-2]:
            return "a product broadcasts its matrices"
        if any(isinstance(dim, SymDim) for value in (first.output, v) for dim in value.type.shape[-2:]):
            return f"the scores {first.type} or the values {v.type} depend on N in their last two axes"
        if any(0 in value.type.shape for value in (*first.inputs[:2], v)):
            return "an operand of a product has no elements"
        return None

    def rewrite(self, match: Match, rewriter: Rewriter) -> None:
        """Puts the attention in the last product's place."""
        node, found = match["root"], match["found"]
        first, batch = found.first, node.type.shape[:-2]
        parts = _Operands(rewriter, node, batch)
        (queries, by_q), (keys, by_k) = map(_unscaled, first.inputs)
        q = parts.matrices(queries, first.attrs["transpose_a"])
        k = parts.matrices(keys, not first.attrs["transpose_b"])
        v = parts.matrices(node.inputs[1], node.attrs["transpose_b"])
        operands = [q, k, v]
        if found.masking is not None:
            operands.append(parts.mask(found.masking, (*first.type.shape[-2:],), found))
        locs = merge(first.locs, *(value.producer.locs for value in reversed(found.between)), node.locs)
        attrs = {"scale": found.scale * by_q * by_k, "mask": found.mask, "fill": found.fill, "zero": found.zero}
        former = node.inputs[0].producer
        rewriter.update(node, "attention", operands, attrs, locs=locs)
        rewriter.erase_dead(former)


@dataclass
class _Operands:
    """Brings operands into the batch of the last product, before that."""

    rewriter: Rewriter
    node: Node
    batch: tuple[Dim, ...]

    def matrices(self, value: Value, transposed: bool) -> Value:
        """Returns matrices, transposed if need be."""
        if transposed:
            rank = value.type.rank
            value = self._insert("transpose", value, axes=(*range(rank - 2), rank - 1, rank - 2))
        return self._grouped(value, 2)

    def mask(self, value: Value, matrix: tuple[Dim, ...], found: _Found) -> Value:
        """Returns a mask, or lengths, for all scores."""
        if found.mask == "length":
            return self._grouped(value, 1)
        assert found.masked_batch is not None
        if value.type.dtype != self.node.type.dtype:
            value = self._insert("cast", value, dtype=self.node.type.dtype)
        whole = (*found.masked_batch, *matrix)
        if value.type.shape != whole:
            value = self._insert("broadcast_to", value, shape=whole)
        return self._grouped(value, 2)

    def _grouped(self, value: Value, trailing: int) -> Value:
        shape = (*self.batch, *value.type.shape[value.type.rank - trailing:])
        return value if value.type.shape == shape else self._insert("reshape", value, shape=shape)

    def _insert(self, op: str, value: Value, **attrs: object) -> Value:
        return self.rewriter.insert(op, (value,), attrs, before=self.node, locs=self.node.locs, name=f"{self.node.name}_{value.name}_{op}").output


def _unscaled(value: Value) -> tuple[Value, float]:
    """Returns what a value is a multiple of, and by which number."""
    factor = 1.0
    while (node := value.producer) is not None and (number := _scaling(node)) is not None:
        value, factor = node.inputs[0], factor * number
    return value, factor


def _scaling(node: Node) -> float | None:
    """Returns the number that a node multiplies its operand by, None where it does something else."""
    scalar = node.attrs.get("scalar")
    if node.op not in ("mul", "div") or not scalar or node.attrs["reverse"]:
        return None
    return float(scalar) if node.op == "mul" else 1 / float(scalar)


def _regroups(node: Node) -> bool:
    """Whether a reshape leaves the matrices in the last two axes as they are."""
    shape = node.inputs[0].type.shape
    return node.op == "reshape" and min(len(shape), node.type.rank) >= 2 and shape[-2:] == node.type.shape[-2:]


def _softmax_above(value: Value, found: _Found) -> Node | None:
    """Returns the softmax along the last axis whose results a product's left operand is, as they are or times a mask."""
    while (node := value.producer) is not None:
        found.between.append(value)
        if _regroups(node):
            value = node.inputs[0]
        elif node.op == "where" and found.masking is None:
            condition, weights, other = node.inputs
            if condition.type.dtype != "bool" or condition.type.shape != node.type.shape or uniform(other, found.fillers) != 0:
                return None
            found.zero, found.replaced, found.masking = True, node.type.shape, _narrowed(condition)
            value = weights
        elif node.op == "mul" and len(node.inputs) == 2 and found.masking is None:
            sides = [position for position, side in enumerate(node.inputs) if side.producer is not None and side.producer.op == "softmax"]
            if len(sides) != 1:
                return None
            found.zero, found.masking = True, _uncast(node.inputs[1 - sides[0]], _keeps_values)
            value = node.inputs[sides[0]]
        else:
            return node if node.op == "softmax" and node.attrs["axis"] % node.type.rank == node.type.rank - 1 else None
    return None


def _scores_above(value: Value, found: _Found) -> bool:
    """Looks for the first product above the scores; says whether all on the way is scaling and masking."""
    while (node := value.producer) is not None:
        found.between.append(value)
        if node.op == "matmul":
            found.first = node
            return not found.zero or found.mask == "select"
        if _regroups(node):
            value = node.inputs[0]
        elif (factor := _scaling(node)) is not None:
            found.scale *= factor
            value = node.inputs[0]
        elif node.op in ("add", "where") and found.mask == "none" and (inner := _masked(node, found)) is not None:
            if found.scale != 1 and found.mask == "select" and abs(found.fill * found.scale) <= _LARGEST:
                found.fill *= found.scale
            elif found.scale != 1:
                found.problem = f"%{node.name}: a scaling follows the mask"
            value = inner
        else:
            return False
    return False


def _masked(node: Node, found: _Found) -> Value | None:
    """Returns the scores that a node masks, and takes down how."""
    if node.op == "where":
        condition, scores, other = node.inputs
        fill = uniform(other, found.fillers)
        if fill is None or scores.type.shape != node.type.shape or condition.type.dtype == "f64" or condition.type.rank < 2:
            return None
        whole = condition.type.shape == node.type.shape
        mask = _uncast(_narrowed(condition) if whole else condition, _keeps_zeros)
        if found.masking is not None and (_uncast(found.masking, _keeps_zeros) is not mask or not whole):
            return None
        if found.replaced not in (None, node.type.shape):  # what a mask is broadcast from reaches other scores there
            return None
        if found.replaced is not None and not math.isfinite(fill):
            found.problem = f"%{node.name}: rows without any score are NaN"
        found.mask, found.fill, found.masked_batch = "select", fill, node.type.shape[:-2]
        found.masking = mask if found.masking is None else found.masking
        return scores
    if found.zero or len(node.inputs) != 2:
        return None
    for position, scores in enumerate(node.inputs):
        if scores.type.shape == node.type.shape and _leads_to_product(scores):
            found.mask, found.masking, found.masked_batch = "add", node.inputs[1 - position], node.type.shape[:-2]
            return scores
    return None


def _leads_to_product(value: Value) -> bool:
    """Whether a value is a product of matrices, scaled or regrouped."""
    while (node := value.producer) is not None and (_regroups(node) or _scaling(node) is not None):
        value = node.inputs[0]
    return node is not None and node.op == "matmul"


def _narrowed(value: Value) -> Value:
    """Returns what a mask of all scores is broadcast from."""
    while (node := value.producer) is not None and node.op == "broadcast_to":
        value = node.inputs[0]
    return value


def _uncast(value: Value, keeps: Callable[[str, str], bool]) -> Value:
    """Returns what a value is a cast of, through the casts that keep what is asked of them, given the element types before and after."""
    while (node := value.producer) is not None and node.op == "cast" and keeps(node.inputs[0].type.dtype, node.type.dtype):
        value = node.inputs[0]
    return value


def _keeps_values(source: str, target: str) -> bool:
    """Whether a cast makes no difference to a mask that is read as f32: its target holds all values of the source, or is f32, from another type than f64."""
    if source == "f64":
        return False
    if source in ("bool", target) or target == "f32":
        return True
    return target in DTYPES and bool(np.can_cast(DTYPES.get(source, np.dtype(np.float32)), DTYPES[target], "safe"))  # what has no dtype is bf16, within f32


def _keeps_zeros(source: str, target: str) -> bool:
    """Whether a cast leaves zero what is zero, and nothing else: also one to bool, or of integers to floats; f64 is not read before a cast since
    f32, in which attention reads masks, has zeros for some of it."""
    return _keeps_values(source, target) or (source != "f64" and (target == "bool" or (source not in FLOATS and target in FLOATS)))


def uniform(value: Value, spelled: set[Node]) -> float | None:
    """Returns the one number that all elements of a value are, None where it cannot be told; `spelled` takes the nodes that say so."""
    data = constant_data(value)
    if data is not None:
        return float(data.flat[0]) if data.size and bool(np.all(data == data.flat[0])) else None
    node = value.producer
    if node is None:
        return None
    scalar = node.attrs.get("scalar")
    spelled.add(node)
    match node.op:
        case "broadcast_to" | "reshape":
            return uniform(node.inputs[0], spelled)
        case "logical_or" if scalar:
            return 1.0
        case "mul" if scalar is not None:
            inner = uniform(node.inputs[0], spelled)
            return None if inner is None else inner * scalar
    return None
