"""Element-wise functions of one argument in ONNX: operators and steps alike.

Where ONNX has no operator, a decomposition stands that is as exact as the element type allows; what it avoids is said beside it.
"""

import math
from collections.abc import Callable, Sequence

import numpy as np

from ngc.codegen.onnx.writer import OnnxWriter, Tensor
from ngc.ir.tensor_type import DTYPES
from ngc.ir.unary import smooth_l1_reach

INTEGERS = ("i32", "i64")
"""Integers that ONNX computes with; narrower ones have been widened."""


def function(writer: OnnxWriter, name: str, x: Tensor, params: Sequence[float]) -> Tensor:
    """Returns f(x) for a function of `ngc.ir.unary.UNARY`, in x's element type."""
    if x.dtype in INTEGERS and name in ("round", "rint", "ceil", "floor", "trunc", "fix"):
        return x
    if name in _OPERATORS:
        return writer.apply(_OPERATORS[name], x)
    return _COMPOSED[name](writer, x, *params)


_OPERATORS = {
    "sigmoid": "Sigmoid", "tanh": "Tanh", "softrelu": "Softplus", "softsign": "Softsign", "selu": "Selu", "exp": "Exp", "log": "Log", "sqrt": "Sqrt",
    "abs": "Abs", "negative": "Neg", "sign": "Sign", "ceil": "Ceil", "floor": "Floor", "sin": "Sin", "cos": "Cos", "tan": "Tan", "arcsin": "Asin",
    "arccos": "Acos", "arctan": "Atan", "sinh": "Sinh", "cosh": "Cosh", "arcsinh": "Asinh", "arccosh": "Acosh", "arctanh": "Atanh",
    "reciprocal": "Reciprocal", "erf": "Erf",
}


def _relu(writer: OnnxWriter, x: Tensor) -> Tensor:
    # ONNX Runtime has no Relu of integers, and fails where it fuses one of f64 with a Clip.
    return writer.apply("Relu", x) if x.dtype in ("f32", "f16") else writer.apply("Max", x, writer.number(0, x.dtype))


def _clip(writer: OnnxWriter, x: Tensor, low: float, high: float) -> Tensor:
    low, high = _bound(low, x.dtype), _bound(high, x.dtype)
    if math.isfinite(low) and math.isfinite(high):
        return writer.apply("Clip", x, writer.number(low, x.dtype), writer.number(high, x.dtype))
    # ONNX Runtime's Clip has the largest finite number for a bound that is left out or infinite, and cuts infinities down to it.
    if low != -math.inf:
        x = writer.apply("Max", x, writer.number(low, x.dtype))
    return x if high == math.inf else writer.apply("Min", x, writer.number(high, x.dtype))


def _bound(bound: float, dtype: str) -> float:
    """Returns a bound as the element type has it. Results that are integers are truncated, so truncating the bound does the same."""
    if dtype not in INTEGERS:
        with np.errstate(over="ignore"):  # past the range of f16 is infinity
            return float(DTYPES[dtype].type(bound))
    limits = np.iinfo(np.int32 if dtype == "i32" else np.int64)
    return limits.min if bound < limits.min else limits.max if bound > limits.max else math.trunc(bound)


def _leaky_relu(writer: OnnxWriter, x: Tensor, slope: float) -> Tensor:
    return writer.apply("LeakyRelu", x, alpha=slope)


def _elu(writer: OnnxWriter, x: Tensor, slope: float) -> Tensor:
    return writer.apply("Elu", x, alpha=slope)


def _gelu(writer: OnnxWriter, x: Tensor) -> Tensor:
    # In the form that engines know and compute as one.
    erf = writer.apply("Erf", writer.apply("Div", x, writer.number(math.sqrt(2), x.dtype)))
    product = writer.apply("Mul", x, writer.apply("Add", erf, writer.number(1, x.dtype)))
    return writer.apply("Mul", product, writer.number(0.5, x.dtype))


def _hard_sigmoid(writer: OnnxWriter, x: Tensor, alpha: float, beta: float) -> Tensor:
    return writer.apply("HardSigmoid", x, alpha=alpha, beta=beta)


def _swish(writer: OnnxWriter, x: Tensor, beta: float) -> Tensor:
    scaled = x if beta == 1 else writer.apply("Mul", x, writer.number(beta, x.dtype))
    return writer.apply("Mul", x, writer.apply("Sigmoid", scaled))


def _square(writer: OnnxWriter, x: Tensor) -> Tensor:
    return writer.apply("Mul", x, x)


def _signed(writer: OnnxWriter, x: Tensor, magnitude: Callable[[Tensor], Tensor]) -> Tensor:
    """Returns sign(x) * magnitude(|x|)."""
    return writer.apply("Mul", writer.apply("Sign", x), magnitude(writer.apply("Abs", x)))


def _round(writer: OnnxWriter, x: Tensor) -> Tensor:
    def half_up(size: Tensor) -> Tensor:
        # |x| + 0.5 would be rounded to the next integer just below a half.
        below = writer.apply("Floor", size)
        up = writer.apply("GreaterOrEqual", writer.apply("Sub", size, below), writer.number(0.5, x.dtype), dtype="bool")
        return writer.apply("Where", up, writer.apply("Add", below, writer.number(1, x.dtype)), below, dtype=x.dtype)

    return _signed(writer, x, half_up)


def _rint(writer: OnnxWriter, x: Tensor) -> Tensor:
    above = writer.apply("Ceil", x)
    down = writer.apply("GreaterOrEqual", writer.apply("Sub", above, x), writer.number(0.5, x.dtype), dtype="bool")
    return writer.apply("Where", down, writer.apply("Sub", above, writer.number(1, x.dtype)), above, dtype=x.dtype)


def _trunc(writer: OnnxWriter, x: Tensor) -> Tensor:
    return _signed(writer, x, lambda size: writer.apply("Floor", size))


def _rsqrt(writer: OnnxWriter, x: Tensor) -> Tensor:
    return writer.apply("Reciprocal", writer.apply("Sqrt", x))


def cbrt(writer: OnnxWriter, x: Tensor) -> Tensor:
    """Returns the cube root of x, negative numbers included."""
    return _signed(writer, x, lambda size: writer.apply("Pow", size, writer.number(1 / 3, x.dtype)))


def _rcbrt(writer: OnnxWriter, x: Tensor) -> Tensor:
    # The cube root's zero has lost its sign, which tells the infinities apart.
    zero = writer.apply("Equal", x, writer.number(0, x.dtype), dtype="bool")
    return writer.apply("Where", zero, writer.apply("Reciprocal", x), writer.apply("Reciprocal", cbrt(writer, x)), dtype=x.dtype)


def _log_times(factor: float) -> Callable[[OnnxWriter, Tensor], Tensor]:
    def log(writer: OnnxWriter, x: Tensor) -> Tensor:
        return writer.apply("Mul", writer.apply("Log", x), writer.number(factor, x.dtype))

    return log


def _log1p(writer: OnnxWriter, x: Tensor) -> Tensor:
    """Returns log(u) * x / (u - 1) with u = 1 + x as it was rounded, which cancels that rounding (Kahan).

    It is x itself where u is 1, and log(u) where u is x, infinity too.
    """
    one = writer.number(1, x.dtype)
    u = writer.apply("Add", x, one)
    tiny = writer.apply("Equal", u, one, dtype="bool")
    divisor = writer.apply("Where", tiny, one, writer.apply("Sub", u, one), dtype=x.dtype)
    large = writer.apply("Equal", u, x, dtype="bool")
    ratio = writer.apply("Where", large, one, writer.apply("Div", x, divisor), dtype=x.dtype)
    value = writer.apply("Mul", writer.apply("Log", u), ratio)
    return writer.apply("Where", tiny, x, value, dtype=x.dtype)


def _expm1(writer: OnnxWriter, x: Tensor) -> Tensor:
    """Returns exp(x) - 1, and near 0, where that cancels, the same as 2t / (1 - t) with t = tanh(x/2)."""
    one, half = writer.number(1, x.dtype), writer.number(0.5, x.dtype)
    t = writer.apply("Tanh", writer.apply("Mul", x, half))
    near = writer.apply("Div", writer.apply("Mul", t, writer.number(2, x.dtype)), writer.apply("Sub", one, t))
    far = writer.apply("Sub", writer.apply("Exp", x), one)
    return writer.apply("Where", writer.apply("Less", writer.apply("Abs", x), half, dtype="bool"), near, far, dtype=x.dtype)


def _times(factor: float) -> Callable[[OnnxWriter, Tensor], Tensor]:
    return lambda writer, x: writer.apply("Mul", x, writer.number(factor, x.dtype))


def _logical_not(writer: OnnxWriter, x: Tensor) -> Tensor:
    return writer.apply("Equal", x, writer.number(0, x.dtype), dtype="bool")


def _smooth_l1(writer: OnnxWriter, x: Tensor, scalar: float) -> Tensor:
    size, scaled = writer.apply("Abs", x), writer.apply("Mul", x, writer.number(scalar, x.dtype))
    curve = writer.apply("Mul", writer.apply("Mul", scaled, scaled), writer.number(0.5, x.dtype))
    reach = smooth_l1_reach(scalar)
    line = writer.apply("Sub", size, writer.number(0.5 * reach, x.dtype))
    inside = writer.apply("Less", size, writer.number(reach, x.dtype), dtype="bool")
    return writer.apply("Where", inside, curve, line, dtype=x.dtype)


_COMPOSED: dict[str, Callable[..., Tensor]] = {
    "relu": _relu, "clip": _clip, "leaky_relu": _leaky_relu, "elu": _elu, "gelu": _gelu, "hard_sigmoid": _hard_sigmoid, "swish": _swish, "square": _square,
    "round": _round, "rint": _rint, "trunc": _trunc, "fix": _trunc, "rsqrt": _rsqrt, "cbrt": cbrt, "rcbrt": _rcbrt, "log10": _log_times(1 / math.log(10)),
    "log2": _log_times(1 / math.log(2)), "log1p": _log1p, "expm1": _expm1, "degrees": _times(180 / math.pi), "radians": _times(math.pi / 180),
    "logical_not": _logical_not, "smooth_l1": _smooth_l1,
}

FUNCTIONS = frozenset({*_OPERATORS, *_COMPOSED})
"""Functions that have a form."""
