"""Canonical rules of two-operand arithmetic, with scalars and with equal operands.

    x + (-0), x - 0, x*1, x/1, x**1, max(x, -inf), min(x, inf)  =  x           integers: x + 0 too
    x and 0  =  zeros;   x or 1  =  ones             MXNet's zeros_like and ones_like; where the shape does not depend on N
    max(x, x), min(x, x)  =  x;   x + x  =  x*2;   x*x, x**2  =  square(x)
    x op c, c op x with a constant of one element  =  x op scalar
    c + x  =  x + c, and so for all that commute
    x - s  =  x + (-s);   x / 2**k  =  x * 2**-k;   max(x, 0)  =  relu(x);   max(x, s), min(x, s)  =  clip(x)
    batch_norm{fix_gamma}(x, gamma)  =  batch_norm(x, 1)

Refuses x + 0 on floats, which turns -0 into 0; and zeros and ones that would be larger than 64 MiB. Chains such as (x + a) + b stay: adding the scalars
first rounds differently.
"""

import math

import numpy as np

from ngc.ir import Graph, Node, Value
from ngc.ir.ops.elementwise import COMMUTATIVE, scalar_array
from ngc.ir.rewrite import Match, Rewriter, Rule
from ngc.ir.tensor_type import DTYPES
from ngc.passes.affine import FLOATS, constant_data
from ngc.passes.local_rules import NodeRule, Refusal, Replacement, ValueRule

BINARY = frozenset({"add", "sub", "mul", "div", "mod", "power", "maximum", "minimum", "hypot", "equal", "not_equal", "greater",
                    "greater_equal", "lesser", "lesser_equal", "logical_and", "logical_or", "logical_xor"})


class NeutralScalar(ValueRule):
    """Arithmetic with the scalar that changes nothing."""

    equation = "x - 0 = x*1 = x/1 = x**1 = max(x, -inf) = min(x, inf) = x"
    roots = frozenset({"add", "sub", "mul", "div", "power", "maximum", "minimum"})

    def equal(self, node: Node, graph: Graph) -> Value | Refusal | None:
        """Returns the operand."""
        if len(node.inputs) != 1 or node.type.dtype not in DTYPES:
            return None
        dtype = DTYPES[node.type.dtype]
        scalar, is_float, first = scalar_array(node.attrs["scalar"], dtype), dtype.kind == "f", node.attrs["reverse"]
        minus = bool(np.signbit(scalar)) if is_float else False
        match node.op:
            case "add" if scalar == 0 and is_float and not minus:
                return Refusal("x + 0 turns -0 into 0")
            case "sub" if scalar == 0 and is_float and minus and not first:
                return Refusal("x - (-0) turns -0 into 0")
            case "add" if scalar == 0:
                neutral = True
            case "sub":
                neutral = scalar == 0 and not first
            case "mul":
                neutral = scalar == 1
            case "div":
                neutral = scalar == 1 and not first
            case "power":
                neutral = scalar == 1 and not first and dtype != np.int64
            case "maximum":
                neutral = is_float and scalar == -math.inf
            case "minimum":
                neutral = is_float and scalar == math.inf
            case _:
                neutral = False
        return node.inputs[0] if neutral else None


class AbsorbingScalar(Rule):
    """A truth that no operand changes."""

    equation = "x and 0 = 0; x or 1 = 1"
    roots = frozenset({"logical_and", "logical_or"})

    def match(self, node: Node, graph: Graph) -> Match | None:
        """Matches scalars that decide, where a constant may have the shape and the element type."""
        dtype = DTYPES.get(node.type.dtype)
        if len(node.inputs) != 1 or dtype is None or not all(isinstance(dim, int) for dim in node.type.shape):
            return None
        truth = bool(scalar_array(node.attrs["scalar"], dtype) != 0)
        return {"root": node, "dtype": dtype, "truth": truth} if truth == (node.op == "logical_or") else None

    def check(self, match: Match, graph: Graph) -> str | None:
        """Refuses constants that would make the model much larger."""
        size = math.prod(match["root"].type.shape) * match["dtype"].itemsize
        return f"{size >> 20} MiB of one number" if size > _MOST_BYTES else None

    def rewrite(self, match: Match, rewriter: Rewriter) -> None:
        """Lets every reader read the constant."""
        node = match["root"]
        array = np.full(node.type.shape, match["truth"], match["dtype"])
        rewriter.replace_uses(node.output, rewriter.constant(node.name, array, before=node, locs=node.locs))
        rewriter.erase_dead(node)


_MOST_BYTES = 64 << 20


class EqualOperands(ValueRule):
    """The larger or smaller of a value and itself."""

    equation = "max(x, x) = min(x, x) = x"
    roots = frozenset({"maximum", "minimum"})

    def equal(self, node: Node, graph: Graph) -> Value | Refusal | None:
        """Returns the operand."""
        return node.inputs[0] if len(node.inputs) == 2 and node.inputs[0] is node.inputs[1] else None


class ScalarConstant(NodeRule):
    """A constant of one element becomes the attribute `scalar`."""

    equation = "x op [c] = x op c"
    roots = BINARY

    def replacement(self, node: Node, graph: Graph) -> Replacement | Refusal | None:
        """Returns the node with a scalar."""
        if len(node.inputs) != 2:
            return None
        for position in (1, 0):
            x, data = node.inputs[1 - position], constant_data(node.inputs[position])
            if data is None or data.size != 1 or x.is_const or x.type.shape != node.type.shape:
                continue
            scalar = float(data.reshape(()))
            if data.dtype.kind != "f" and int(scalar) != int(data.reshape(())):
                return Refusal(f"{data.reshape(())} is no double-precision number")
            reverse = (position == 0) != node.attrs["reverse"] and node.op not in COMMUTATIVE
            return Replacement(node.op, (x,), {"scalar": scalar, "reverse": reverse})
        return None


class ConstantSecond(NodeRule):
    """Operators that commute have their constant second and are not reversed."""

    equation = "c + x = x + c"
    roots = frozenset(COMMUTATIVE)

    def replacement(self, node: Node, graph: Graph) -> Replacement | Refusal | None:
        """Returns the node with its operands exchanged, or without `reverse`."""
        attrs = {**node.attrs, "reverse": False}
        if len(node.inputs) == 2 and node.inputs[0].is_const and not node.inputs[1].is_const:
            return Replacement(node.op, node.inputs[::-1], attrs)
        return Replacement(node.op, node.inputs, attrs) if node.attrs["reverse"] else None


class ScalarForm(NodeRule):
    """Scalar arithmetic that another operator says."""

    equation = "x - s = x + (-s); x / 2**k = x * 2**-k; max(x, 0) = relu(x); max(x, s), min(x, s) = clip(x); x**2 = square(x)"
    roots = frozenset({"sub", "div", "maximum", "minimum", "power"})

    def replacement(self, node: Node, graph: Graph) -> Replacement | Refusal | None:
        """Returns the other operator."""
        if len(node.inputs) != 1 or node.type.dtype not in FLOATS:
            return None
        scalar, first = node.attrs["scalar"], node.attrs["reverse"]
        match node.op:
            case "sub" if not first:
                return Replacement("add", node.inputs, {"scalar": -scalar})
            case "div" if not first and _is_power_of_two(scalar):
                return Replacement("mul", node.inputs, {"scalar": 1 / scalar})
            case "power" if scalar == 2 and not first:
                return Replacement("square", node.inputs)
            case "maximum" if scalar == 0:
                return Replacement("relu", node.inputs)
            case "maximum" if not math.isnan(scalar):
                return Replacement("clip", node.inputs, {"a_min": scalar, "a_max": math.inf})
            case "minimum" if not math.isnan(scalar):
                return Replacement("clip", node.inputs, {"a_min": -math.inf, "a_max": scalar})
        return None


class SumOrProductWithItself(NodeRule):
    """A value plus or times itself."""

    equation = "x + x = x*2; x*x = square(x)"
    roots = frozenset({"add", "mul"})

    def replacement(self, node: Node, graph: Graph) -> Replacement | Refusal | None:
        """Returns the operator of one operand."""
        if len(node.inputs) != 2 or node.inputs[0] is not node.inputs[1] or node.type.dtype not in FLOATS:
            return None
        if node.op == "add":
            return Replacement("mul", node.inputs[:1], {"scalar": 2.0})
        return Replacement("square", node.inputs[:1])


class FixedGamma(Rule):
    """`fix_gamma` takes 1 for gamma whatever is stored: the ones are written down."""

    equation = "batch_norm{fix_gamma}(x, gamma) = batch_norm(x, 1)"
    roots = frozenset({"batch_norm"})

    def match(self, node: Node, graph: Graph) -> Match | None:
        """Matches every batch_norm with a fixed gamma."""
        return {"root": node} if node.attrs["fix_gamma"] and node.type.dtype in FLOATS else None

    def rewrite(self, match: Match, rewriter: Rewriter) -> None:
        """Replaces gamma by ones."""
        node = match["root"]
        x, gamma, *others = node.inputs
        ones = np.ones(gamma.type.shape, DTYPES[gamma.type.dtype])
        explicit = rewriter.constant(gamma.name, ones, before=node, locs=gamma.producer.locs if gamma.producer else node.locs)
        rewriter.update(node, node.op, (x, explicit, *others), {**node.attrs, "fix_gamma": False})
        if gamma.producer is not None:
            rewriter.erase_dead(gamma.producer)
            rewriter.rename(explicit, gamma.name)


def _is_power_of_two(scalar: float) -> bool:
    """Whether dividing by it is multiplying by its inverse, exactly, in half precision too."""
    return scalar != 0 and math.isfinite(scalar) and abs(math.frexp(scalar)[0]) == 0.5 and 2.0**-14 <= abs(scalar) <= 2.0**14


RULES: tuple[type[Rule], ...] = (NeutralScalar, AbsorbingScalar, EqualOperands, ScalarConstant, ConstantSecond, ScalarForm, SumOrProductWithItself, FixedGamma)
