"""Element-wise functions of one argument, on f32, or on integers where they stay integers.

What StableHLO lacks is a `chlo` operation, which XLA's own passes decompose, or a formula that keeps f32's accuracy where the obvious one cancels.
"""

import math
from collections.abc import Callable

import numpy as np

from ngc.codegen.stablehlo.text import Body, Tensor
from ngc.ir.tensor_type import DTYPES
from ngc.ir.unary import SELU_ALPHA, SELU_SCALE

Emit = Callable[..., Tensor]


def _one(name: str) -> Emit:
    """A function that StableHLO has."""
    return lambda body, x: body.map(name, x)


def _chlo(name: str) -> Emit:
    """A function of the dialect that XLA decomposes into StableHLO's."""
    return lambda body, x: body.op(f"chlo.{name}", (x,), x.shape, x.dtype)


def _scaled(factor: float) -> Emit:
    return lambda body, x: body.multiply(x, factor)


def _log_of_base(base: float) -> Emit:
    return lambda body, x: body.multiply(body.map("log", x), 1 / math.log(base))


def _clip(body: Body, x: Tensor, low: float, high: float) -> Tensor:
    """min(max(x, low), high), so that `high` wins where the bounds cross; an infinite bound is none."""
    x = body.maximum(x, low) if low > -math.inf else x
    return body.minimum(x, high) if high < math.inf else x


def _softrelu(body: Body, x: Tensor) -> Tensor:
    """log(1 + exp(x)) = max(x, 0) + log1p(exp(-|x|)), which does not overflow."""
    tail = body.map("log_plus_one", body.map("exponential", body.map("negate", body.map("abs", x))))
    return body.add(body.maximum(x, 0.0), tail)


def _softsign(body: Body, x: Tensor) -> Tensor:
    return body.divide(x, body.add(body.map("abs", x), 1.0))


def leaky_relu(body: Body, x: Tensor, slope: Tensor | float) -> Tensor:
    """Returns x where it is positive, elsewhere slope * x."""
    return body.select(body.compare(x, "GT", 0.0), x, body.multiply(x, slope))


def _elu(body: Body, x: Tensor, slope: float) -> Tensor:
    negative = body.multiply(body.map("exponential_minus_one", body.minimum(x, 0.0)), slope)
    return body.select(body.compare(x, "GT", 0.0), x, negative)


def _gelu(body: Body, x: Tensor) -> Tensor:
    inner = body.op("chlo.erf", (body.multiply(x, math.sqrt(0.5)),), x.shape, x.dtype)
    return body.multiply(body.multiply(x, 0.5), body.add(inner, 1.0))


def _hard_sigmoid(body: Body, x: Tensor, alpha: float, beta: float) -> Tensor:
    return _clip(body, body.add(body.multiply(x, alpha), beta), 0.0, 1.0)


def _swish(body: Body, x: Tensor, beta: float) -> Tensor:
    return body.multiply(x, body.map("logistic", body.multiply(x, beta)))


def _half_down(body: Body, x: Tensor) -> Tensor:
    """floor(x), and one more where x is above the half behind it, which is exact for all floats that have a fraction."""
    low = body.map("floor", x)
    return body.select(body.compare(x, "GT", body.add(low, 0.5)), body.add(low, 1.0), low)


def _trunc(body: Body, x: Tensor) -> Tensor:
    return body.select(body.compare(x, "LT", 0.0), body.map("ceil", x), body.map("floor", x))


def _reciprocal(body: Body, x: Tensor) -> Tensor:
    return body.map("divide", body.like(x, 1.0), x)


def _smooth_l1(body: Body, x: Tensor, scalar: float) -> Tensor:
    square = scalar * scalar
    size = body.map("abs", x)
    scaled = body.multiply(x, scalar)  # x * x would be infinite for large x, whatever the scalar makes of them
    inside = body.multiply(body.multiply(scaled, scaled), 0.5)
    if not square:  # 1/0 bounds nothing: the parabola is everywhere, and flat
        return inside
    return body.select(body.compare(size, "LT", 1 / square), inside, body.subtract(size, 0.5 / square))


FLOAT: dict[str, Emit] = {
    "relu": lambda body, x: body.maximum(x, 0.0),
    "clip": _clip,
    "sigmoid": _one("logistic"),
    "tanh": _one("tanh"),
    "softrelu": _softrelu,
    "softsign": _softsign,
    "leaky_relu": leaky_relu,
    "elu": _elu,
    "selu": lambda body, x: body.multiply(_elu(body, x, SELU_ALPHA), SELU_SCALE),
    "gelu": _gelu,
    "hard_sigmoid": _hard_sigmoid,
    "swish": _swish,
    "exp": _one("exponential"),
    "log": _one("log"),
    "sqrt": _one("sqrt"),
    "square": lambda body, x: body.multiply(x, x),
    "abs": _one("abs"),
    "negative": _one("negate"),
    "sign": _one("sign"),
    "round": _one("round_nearest_afz"),
    "rint": _half_down,
    "ceil": _one("ceil"),
    "floor": _one("floor"),
    "trunc": _trunc,
    "fix": _trunc,
    "rsqrt": _one("rsqrt"),
    "cbrt": _one("cbrt"),
    "rcbrt": lambda body, x: _reciprocal(body, body.map("cbrt", x)),
    "log10": _log_of_base(10),
    "log2": _log_of_base(2),
    "log1p": _one("log_plus_one"),
    "expm1": _one("exponential_minus_one"),
    "sin": _one("sine"),
    "cos": _one("cosine"),
    "tan": lambda body, x: body.divide(body.map("sine", x), body.map("cosine", x)),
    "arcsin": _chlo("asin"),
    "arccos": _chlo("acos"),
    "arctan": _chlo("atan"),
    "sinh": _chlo("sinh"),
    "cosh": _chlo("cosh"),
    "arcsinh": _chlo("asinh"),
    "arccosh": _chlo("acosh"),
    "arctanh": _chlo("atanh"),
    "degrees": _scaled(180 / math.pi),
    "radians": _scaled(math.pi / 180),
    "reciprocal": _reciprocal,
    "erf": _chlo("erf"),
    "erfinv": _chlo("erf_inv"),
    "gammaln": _chlo("lgamma"),
    "logical_not": lambda body, x: body.convert(body.compare(x, "EQ", 0.0), x.dtype),
    "smooth_l1": _smooth_l1,
}
"""The functions of floats: (body, x of f32, parameters) to a tensor of x's type."""


def _same(body: Body, x: Tensor) -> Tensor:
    return x


def _clip_integers(body: Body, x: Tensor, low: float, high: float) -> Tensor:
    """Bounds toward zero: an integer beyond a bound becomes the bound, which then loses its fraction."""
    limits = np.iinfo(DTYPES[x.dtype])
    bounds = [limit if not math.isfinite(bound) else min(max(math.trunc(bound), limits.min), limits.max)
              for bound, limit in ((low, limits.min), (high, limits.max))]
    return body.minimum(body.maximum(x, bounds[0]), bounds[1])


def _sign_of_integers(body: Body, x: Tensor) -> Tensor:
    return body.minimum(x, 1) if x.dtype == "u8" else body.map("sign", x)


INTEGER: dict[str, Emit] = {
    "relu": lambda body, x: body.maximum(x, 0),
    "clip": _clip_integers,
    "square": lambda body, x: body.multiply(x, x),
    "abs": lambda body, x: x if x.dtype == "u8" else body.map("abs", x),
    "negative": _one("negate"),
    "sign": _sign_of_integers,
    **dict.fromkeys(("round", "rint", "ceil", "floor", "trunc", "fix"), _same),
    "logical_not": lambda body, x: body.convert(body.compare(x, "EQ", 0), x.dtype),
}
"""The functions that map integers to integers."""


def emit_unary(body: Body, name: str, x: Tensor, params: tuple[float, ...]) -> Tensor:
    """Returns f(x) in x's dtype; data of 16 bits is computed in f32 and rounded once."""
    if not x.is_float:
        return INTEGER[name](body, x, *params)
    return body.convert(FLOAT[name](body, body.wide(x), *params), x.dtype)
