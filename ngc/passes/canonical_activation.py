"""Canonical rules of element-wise functions of one argument.

    f(f(x)) = f(x) for abs, sign, round, rint, ceil, floor, trunc, fix;   negative(negative(x)) = x;   abs(negative(x)) = abs(x)
    relu(f(x)) = abs(f(x)) = f(x) for functions that are never negative
    clip(clip(x, a, b), c, d)  =  clip(x, clip(a, c, d), clip(b, c, d)), where relu = clip(0, inf)
    clip(x, 0, inf)  =  relu(x);   clip(x, -inf, inf)  =  x
    x*sigmoid(x)  =  swish(x), which rounds once instead of twice

Refuses clip chains with a lower bound above the upper one, and those, like x*sigmoid(x), whose inner value has another reader: x would
gain one, and what makes x could not take the inner function into its epilogue any more.
"""

import math

from ngc.ir import Graph, Node, Value
from ngc.ir.rewrite import Rule
from ngc.passes.affine import FLOATS
from ngc.passes.local_rules import NodeRule, Refusal, Replacement, ValueRule, why_not_single

IDEMPOTENT = frozenset({"abs", "sign", "round", "rint", "ceil", "floor", "trunc", "fix"})
NEVER_NEGATIVE = frozenset({"relu", "abs", "square", "exp", "sigmoid", "softrelu", "hard_sigmoid"})


class Repeated(ValueRule):
    """A function that does nothing to the result of the one before it."""

    equation = "f(f(x)) = f(x); negative(negative(x)) = x; relu(f(x)) = abs(f(x)) = f(x) where f is never negative"
    roots = IDEMPOTENT | {"negative", "relu"}

    def equal(self, node: Node, graph: Graph) -> Value | Refusal | None:
        """Returns the inner function's result, or its operand."""
        inner = node.inputs[0].producer
        if inner is None:
            return None
        if node.op == "negative":
            return inner.inputs[0] if inner.op == "negative" else None
        if node.op in IDEMPOTENT and inner.op == node.op:
            return node.inputs[0]
        bounds = _bounds(inner)
        positive = inner.op in NEVER_NEGATIVE or (bounds is not None and bounds[1] >= bounds[0] >= 0)
        return node.inputs[0] if node.op in ("relu", "abs") and positive and node.type.dtype in FLOATS else None


class AbsOfNegative(NodeRule):
    """The sign that abs drops need not be turned before."""

    equation = "abs(negative(x)) = abs(x)"
    roots = frozenset({"abs"})

    def replacement(self, node: Node, graph: Graph) -> Replacement | Refusal | None:
        """Returns abs of the inner operand."""
        inner = node.inputs[0].producer
        return Replacement("abs", inner.inputs, {}, (inner,)) if inner is not None and inner.op == "negative" else None


class Unbounded(ValueRule):
    """A clip without bounds."""

    equation = "clip(x, -inf, inf) = x"
    roots = frozenset({"clip"})

    def equal(self, node: Node, graph: Graph) -> Value | Refusal | None:
        """Returns the operand."""
        return node.inputs[0] if _bounds(node) == (-math.inf, math.inf) else None


class ClipChain(NodeRule):
    """Bounds after bounds."""

    equation = "clip(clip(x, a, b), c, d) = clip(x, clip(a, c, d), clip(b, c, d)); clip(x, 0, inf) = relu(x)"
    roots = frozenset({"clip", "relu"})

    def replacement(self, node: Node, graph: Graph) -> Replacement | Refusal | None:
        """Returns one clip, or relu where it says the same."""
        inner, outer = node.inputs[0].producer, _bounds(node)
        if outer is None:
            return None
        before = _bounds(inner) if inner is not None else None
        if before is None or inner is None:
            return Replacement("relu", node.inputs) if outer == (0, math.inf) and node.op == "clip" else None
        if not before[0] <= before[1] or not outer[0] <= outer[1]:
            return Refusal("a lower bound lies above its upper bound")
        if (reason := why_not_single(inner.output, graph)) is not None:
            return Refusal(reason)
        low, high = (min(max(bound, outer[0]), outer[1]) for bound in before)
        if (low, high) == (0, math.inf):
            return Replacement("relu", inner.inputs, {}, (inner,))
        return Replacement("clip", inner.inputs, {"a_min": low, "a_max": high}, (inner,))


class TimesSigmoid(NodeRule):
    """A value times its sigmoid."""

    equation = "x*sigmoid(x) = swish(x)"
    roots = frozenset({"mul"})

    def replacement(self, node: Node, graph: Graph) -> Replacement | Refusal | None:
        """Returns swish of the value."""
        for x, gate in (node.inputs, node.inputs[::-1]) if len(node.inputs) == 2 else ():
            sigmoid = gate.producer
            if sigmoid is not None and sigmoid.op == "sigmoid" and sigmoid.inputs[0] is x and node.type.dtype in FLOATS:
                reason = why_not_single(gate, graph)
                return Refusal(reason) if reason is not None else Replacement("swish", (x,), {}, (sigmoid,))
        return None


def _bounds(node: Node) -> tuple[float, float] | None:
    """Returns the bounds of a clip or relu on floats, None for other nodes."""
    if node.op not in ("clip", "relu") or node.type.dtype not in FLOATS:
        return None
    return (0.0, math.inf) if node.op == "relu" else (node.attrs["a_min"], node.attrs["a_max"])


RULES: tuple[type[Rule], ...] = (Repeated, AbsOfNegative, Unbounded, ClipChain, TimesSigmoid)
