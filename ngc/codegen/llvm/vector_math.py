"""Activations and MXNet's unary operators on float values in registers, without a call to libm.

`emit_activation` is what kernels fold around their main operation; `emit_unary` is the whole family of element-wise functions
of one operand. half and bfloat lanes are computed as floats.
"""

import math
from collections.abc import Callable, Mapping

from ngc.codegen.llvm import double_math as wide
from ngc.codegen.llvm import float_math as fast
from ngc.codegen.llvm.lanes import Lanes
from ngc.codegen.llvm.text import DOUBLE, FLOAT, Builder, Value, element_of, lanes_of, vector
from ngc.ir.unary import smooth_l1_reach
from ngc.target import CpuTarget

SELU_SCALE, SELU_ALPHA = 1.0507009873554805, 1.6732632423543772

Function = Callable[..., Lanes]


def _leaky_relu(x: Lanes, slope: float) -> Lanes:
    return x.where(x > 0.0, x * slope)


def _elu(x: Lanes, slope: float) -> Lanes:
    return x.where(x > 0.0, fast.expm1(x) * slope)


def _selu(x: Lanes) -> Lanes:
    return x.where(x > 0.0, fast.expm1(x) * SELU_ALPHA) * SELU_SCALE


def _gelu(x: Lanes) -> Lanes:
    return x * 0.5 * (fast.erf(x * math.sqrt(0.5)) + 1.0)


def _clip(x: Lanes, low: float, high: float) -> Lanes:
    return x.at_least(low).at_most(high)


def _hard_sigmoid(x: Lanes, alpha: float, beta: float) -> Lanes:
    return (x * alpha + beta).at_least(0.0).at_most(1.0)


def _smooth_l1(x: Lanes, sigma: float) -> Lanes:
    reach = smooth_l1_reach(sigma)
    magnitude, scaled = abs(x), x * sigma  # x * x would be infinite for large x, whatever sigma makes of them
    return (scaled * scaled * 0.5).where(magnitude < reach, magnitude - 0.5 * reach)


def _sign(x: Lanes) -> Lanes:
    unit = x.const(1.0).with_sign_of(x)
    return unit.where(x.compare("one", 0.0), x)


def _round_half_away(x: Lanes) -> Lanes:
    whole = x.truncate()
    up = whole + x.const(1.0).with_sign_of(x)
    return whole.where(abs(x - whole) < 0.5, up).where(abs(x) < math.inf, x)


def _round_half_down(x: Lanes) -> Lanes:
    below = x.floor()
    return (below + 1.0).where(x - below > 0.5, below)


UNARY: Mapping[str, Function] = {
    "abs": abs,
    "sign": _sign,
    "round": _round_half_away,
    "rint": _round_half_down,
    "ceil": Lanes.ceil,
    "floor": Lanes.floor,
    "trunc": Lanes.truncate,
    "fix": Lanes.truncate,
    "square": lambda x: x * x,
    "sqrt": Lanes.sqrt,
    "rsqrt": lambda x: 1.0 / x.sqrt(),
    "cbrt": wide.cbrt,
    "rcbrt": wide.rcbrt,
    "exp": fast.exp,
    "expm1": fast.expm1,
    "log": fast.log,
    "log10": wide.log10,
    "log2": wide.log2,
    "log1p": fast.log1p,
    "sin": wide.sin,
    "cos": wide.cos,
    "tan": wide.tan,
    "arcsin": wide.arcsin,
    "arccos": wide.arccos,
    "arctan": wide.arctan,
    "sinh": wide.sinh,
    "cosh": wide.cosh,
    "tanh": fast.tanh,
    "arcsinh": wide.arcsinh,
    "arccosh": wide.arccosh,
    "arctanh": wide.arctanh,
    "degrees": lambda x: x * (180.0 / math.pi),
    "radians": lambda x: x * (math.pi / 180.0),
    "reciprocal": lambda x: 1.0 / x,
    "negative": lambda x: -x,
    "erf": fast.erf,
    "erfinv": wide.erfinv,
    "gamma": wide.gamma,
    "gammaln": wide.gammaln,
    "logical_not": lambda x: x.const(1.0).where(x.equals(0.0), 0.0),
    "sigmoid": fast.sigmoid,
    "softsign": lambda x: x / (abs(x) + 1.0),
    "relu": lambda x: x.at_least(0.0),
}
"""MXNet's element-wise functions of one operand, by name."""

ACTIVATIONS: Mapping[str, tuple[Function, int]] = {
    **{
        name: (UNARY[name], 0)
        for name in (
            "relu", "sigmoid", "tanh", "softsign", "abs", "exp", "log", "log1p", "expm1", "sqrt", "rsqrt", "square",
            "reciprocal", "negative", "erf", "sign", "floor", "ceil", "round",
        )
    },
    "identity": (lambda x: x, 0),
    "clip": (_clip, 2),
    "softrelu": (fast.softplus, 0),
    "log_sigmoid": (lambda x: -fast.softplus(-x), 0),
    "mish": (lambda x: x * fast.tanh(fast.softplus(x)), 0),
    "swish": (lambda x, beta: x * fast.sigmoid(x * beta), 1),
    "leaky_relu": (_leaky_relu, 1),
    "elu": (_elu, 1),
    "selu": (_selu, 0),
    "gelu": (_gelu, 0),
    "hard_sigmoid": (_hard_sigmoid, 2),
    "hard_swish": (lambda x: x * (x + 3.0).at_least(0.0).at_most(6.0) * (1.0 / 6.0), 0),
    "smooth_l1": (_smooth_l1, 1),
}  # fmt: skip
"""Functions that kernels may fold, with the number of their parameters: clip(low, high), leaky_relu(slope), elu(slope),
hard_sigmoid(alpha, beta), swish(beta), smooth_l1(sigma)."""


def emit_activation(b: Builder, kind: str, params: tuple[float, ...], x: Value, target: CpuTarget) -> Value:
    """Returns an activation of `ACTIVATIONS` applied to each lane of a float value."""
    function, count = ACTIVATIONS[kind]
    if len(params) != count:
        raise ValueError(f"{kind} takes {count} parameters, {len(params)} were given")
    return _apply(b, lambda lanes: function(lanes, *params), x, target)


def emit_unary(b: Builder, kind: str, x: Value, target: CpuTarget) -> Value:
    """Returns a function of `UNARY` applied to each lane of a float value."""
    return _apply(b, UNARY[kind], x, target)


def emit_power(b: Builder, x: Value, y: Value, target: CpuTarget) -> Value:
    """Returns x**y lane by lane."""
    return wide.power(Lanes(b, x, target), Lanes(b, y, target)).value


def emit_hypot(b: Builder, x: Value, y: Value, target: CpuTarget) -> Value:
    """Returns sqrt(x*x + y*y) lane by lane."""
    return wide.hypot(Lanes(b, x, target), Lanes(b, y, target)).value


def emit_modulo(b: Builder, x: Value, y: Value, target: CpuTarget) -> Value:
    """Returns x modulo y with the sign of y, and 0 where y is 0, lane by lane."""
    return wide.modulo(Lanes(b, x, target), Lanes(b, y, target)).value


def _apply(b: Builder, function: Function, x: Value, target: CpuTarget) -> Value:
    element, count = element_of(x.type), lanes_of(x.type)
    if element in (FLOAT, DOUBLE):
        return function(Lanes(b, x, target)).value
    single = b.cast("fpext", x, vector(count, FLOAT))
    return b.cast("fptrunc", function(Lanes(b, single, target)).value, vector(count, element))
