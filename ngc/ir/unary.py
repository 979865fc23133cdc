"""Element-wise functions of one argument: one table serves the operators, the epilogue steps and constant folding.

MXNet's meaning where it differs from numpy's: `round` goes half away from zero, `rint` half down.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray


@dataclass(frozen=True)
class UnaryDef:
    """One function: parameter names with their defaults, the numpy evaluation, and whether f(0) = 0 for every parameter value."""

    params: tuple[tuple[str, float], ...]
    evaluate: Callable[..., Any]
    is_activation: bool = False


def _erf(x: Array) -> Array:
    return np.vectorize(math.erf, otypes=[np.float64])(x) if x.size else x.astype(np.float64)


def _erfinv(x: Array) -> Array:
    """Inverse error function by Newton steps from Giles' single-precision start (M. Giles, 2010)."""
    x = np.asarray(x, np.float64)
    w = -np.log((1 - x) * (1 + x))
    small = np.polyval([2.81022636e-08, 3.43273939e-07, -3.5233877e-06, -4.39150654e-06, 0.00021858087, -0.00125372503,
                        -0.00417768164, 0.246640727, 1.50140941], w - 2.5)
    large = np.polyval([-0.000200214257, 0.000100950558, 0.00134934322, -0.00367342844, 0.00573950773, -0.0076224613,
                        0.00943887047, 1.00167406, 2.83297682], np.sqrt(np.maximum(w, 5.0)) - 3)
    y = np.where(w < 5, small, large) * x
    for _ in range(2):
        y = np.where(np.abs(x) < 1, y - (_erf(y) - x) / (2 / math.sqrt(math.pi) * np.exp(-y * y)), y)
    return np.asarray(np.where(np.abs(x) == 1, np.copysign(np.inf, x), np.where(np.abs(x) > 1, np.nan, y)))


def _gammaln(x: Array) -> Array:
    return np.asarray(np.vectorize(lambda v: math.inf if v <= 0 and v.is_integer() else math.lgamma(v), otypes=[np.float64])(x))


def _gamma(x: Array) -> Array:
    def scalar(v: float) -> float:
        if v == 0:
            return math.copysign(math.inf, v)
        try:
            return math.gamma(v)
        except (ValueError, OverflowError):
            return math.nan if v < 0 else math.inf

    return np.asarray(np.vectorize(scalar, otypes=[np.float64])(x))


def _sigmoid(x: Array) -> Array:
    return np.asarray(0.5 * (np.tanh(0.5 * x) + 1.0))


def _softrelu(x: Array) -> Array:
    return np.asarray(np.logaddexp(x, 0.0))


def _round_away(x: Array) -> Array:
    return np.asarray(np.copysign(np.floor(np.abs(x) + 0.5), x))


def _relu(x: Array) -> Array:
    return np.where(np.isnan(x), x, np.maximum(x, 0))


def smooth_l1_reach(scalar: float) -> float:
    """Returns up to which |x| smooth_l1 is a parabola: 1 / scalar**2, everywhere where that vanishes, as MXNet's division has it."""
    square = scalar * scalar
    return 1 / square if square else math.inf


def _smooth_l1(x: Array, scalar: float) -> Array:
    reach = smooth_l1_reach(scalar)
    return np.where(np.abs(x) < reach, 0.5 * (scalar * x) ** 2, np.abs(x) - 0.5 * reach)


SELU_SCALE, SELU_ALPHA = 1.0507009873554805, 1.6732632423543772
"""Constants of Klambauer et al., Self-Normalizing Neural Networks (2017), as MXNet spells them."""


def _act(evaluate: Callable[..., Any], **params: float) -> UnaryDef:
    return UnaryDef(tuple(params.items()), evaluate, True)


def _math(evaluate: Callable[..., Any], **params: float) -> UnaryDef:
    return UnaryDef(tuple(params.items()), evaluate)


UNARY: dict[str, UnaryDef] = {
    "relu": _act(_relu),
    "clip": _act(lambda x, a_min, a_max: np.clip(x, a_min, a_max), a_min=-math.inf, a_max=math.inf),
    "sigmoid": _act(_sigmoid),
    "tanh": _act(np.tanh),
    "softrelu": _act(_softrelu),
    "softsign": _act(lambda x: x / (1 + np.abs(x))),
    "leaky_relu": _act(lambda x, slope: np.where(x > 0, x, slope * x), slope=0.25),
    "elu": _act(lambda x, slope: np.where(x > 0, x, slope * np.expm1(np.minimum(x, 0))), slope=0.25),
    "selu": _act(lambda x: SELU_SCALE * np.where(x > 0, x, SELU_ALPHA * np.expm1(np.minimum(x, 0)))),
    "gelu": _act(lambda x: 0.5 * x * (1 + _erf(x / math.sqrt(2)))),
    "hard_sigmoid": _act(lambda x, alpha, beta: np.clip(alpha * x + beta, 0, 1), alpha=0.2, beta=0.5),
    "swish": _act(lambda x, beta: x * _sigmoid(beta * x), beta=1.0),
    "exp": _act(np.exp),
    "log": _act(np.log),
    "sqrt": _act(np.sqrt),
    "square": _act(np.square),
    "abs": _act(np.abs),
    "negative": _act(np.negative),
    "sign": _math(np.sign),
    "round": _math(_round_away),
    "rint": _math(lambda x: np.ceil(x - 0.5)),
    "ceil": _math(np.ceil),
    "floor": _math(np.floor),
    "trunc": _math(np.trunc),
    "fix": _math(np.trunc),
    "rsqrt": _math(lambda x: 1 / np.sqrt(x)),
    "cbrt": _math(np.cbrt),
    "rcbrt": _math(lambda x: 1 / np.cbrt(x)),
    "log10": _math(np.log10),
    "log2": _math(np.log2),
    "log1p": _math(np.log1p),
    "expm1": _math(np.expm1),
    "sin": _math(np.sin),
    "cos": _math(np.cos),
    "tan": _math(np.tan),
    "arcsin": _math(np.arcsin),
    "arccos": _math(np.arccos),
    "arctan": _math(np.arctan),
    "sinh": _math(np.sinh),
    "cosh": _math(np.cosh),
    "arcsinh": _math(np.arcsinh),
    "arccosh": _math(np.arccosh),
    "arctanh": _math(np.arctanh),
    "degrees": _math(np.degrees),
    "radians": _math(np.radians),
    "reciprocal": _math(lambda x: 1 / x),
    "erf": _math(_erf),
    "erfinv": _math(_erfinv),
    "gamma": _math(_gamma),
    "gammaln": _math(_gammaln),
    "logical_not": _math(lambda x: (x == 0)),
    "smooth_l1": _math(_smooth_l1, scalar=1.0),
}
"""Every element-wise function of one argument. Those marked as activations may be epilogue steps."""

INTEGER_EXACT = frozenset({"relu", "clip", "square", "abs", "negative", "sign", "round", "rint", "ceil", "floor", "trunc", "fix", "logical_not"})
"""Functions that map integers to integers, so integer data need not pass through floating point."""


def evaluate_unary(name: str, x: Array, params: tuple[float, ...] = ()) -> Array:
    """Returns f(x) in x's dtype; floats are computed in double precision and rounded once."""
    definition = UNARY[name]
    wide = x if x.dtype.kind in "iub" and name in INTEGER_EXACT else x.astype(np.float64)
    with np.errstate(all="ignore"):
        return np.asarray(definition.evaluate(wide, *params)).astype(x.dtype)
