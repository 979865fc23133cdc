"""Exponential, logarithm and their relatives for float and double lanes, as polynomials after range reduction.

One algorithm serves both precisions; the tables differ. Coefficients are minimax fits (Remez exchange at 50 digits) of the
functions that stand beside them. Errors against the exact result, float: exp, log, expm1, log1p, sigmoid, tanh below 3 units in
the last place, erf below 6; double: below 8. Overflow gives infinity, results below the normal range are denormal, and NaN stays NaN.
"""

import math
from dataclasses import dataclass

from ngc.codegen.llvm.lanes import Lanes
from ngc.codegen.llvm.text import Value

LN2_HIGH = 0.693359375  # nine bits: products with any exponent are exact
LN2_LOW = -2.12194440054690583e-4
LN2_HIGH_DOUBLE = 6.93147180369123816490e-01  # 32 bits
LN2_LOW_DOUBLE = 1.90821492927058770002e-10


@dataclass(frozen=True)
class Precision:
    """What the algorithms need to know about a float type."""

    mantissa: int
    bias: int
    ln2: tuple[float, float]
    exp: tuple[float, ...]
    """(e^r - 1 - r) / r^2 on |r| <= ln(2)/2."""
    underflow: float
    overflow: float
    tiny: float
    """The smallest normal number."""
    tanh_is_one: float


SINGLE = Precision(
    23, 127, (LN2_HIGH, LN2_LOW),
    (0.5000000062, 0.1666654293, 0.04166628321, 0.008366592466, 0.001394637919),
    -104.0, 89.0, 2.0**-126, 9.25,
)  # fmt: skip
DOUBLE_PRECISION = Precision(
    52, 1023, (LN2_HIGH_DOUBLE, LN2_LOW_DOUBLE),
    (0.49999999999999999997, 0.16666666666666670997, 0.041666666666666683816, 0.0083333333333261270589,
     0.0013888888888874384537, 0.00019841269874848262521, 0.000024801587347372555336, 2.755725536568958393e-6,
     2.7557252880494195966e-7, 2.5105231195809772436e-8, 2.0921600183403130924e-9),
    -746.0, 710.0, 2.0**-1022, 20.0,
)  # fmt: skip

# (log(1+f) - f + f^2/2) / f^3 for 1+f between the roots of 1/2 and of 2
LOG_SINGLE = (0.3333331673, -0.2500081039, 0.2000228594, -0.1662455352, 0.1418119915, -0.1312877079, 0.1288160475, -0.07859511045)
# (log((1+s)/(1-s)) - 2s) / s^3 in powers of s^2
LOG_DOUBLE = (0.66666666666666962198, 0.39999999999613583522, 0.2857142870502188834, 0.22222201946077258614,
              0.18183406131010256294, 0.15317767652675734308, 0.14761357297314602162)  # fmt: skip
# erf(x) / x as a quotient in x^2 on |x| < 3.93
ERF_NUMERATOR = (1.128379146, 0.190743653, 0.05278503098, 0.003777926533, 0.0002847768834, 2.04233751e-6)
ERF_DENOMINATOR = (1.0, 0.5023748864, 0.114240973, 0.01499403235, 0.001164818267, 3.800627329e-5)


def precision_of(x: Lanes) -> Precision:
    """Returns the table of the lanes' type."""
    return DOUBLE_PRECISION if x.is_double else SINGLE


def _reduce(x: Lanes) -> tuple[Lanes, Value]:
    """Returns expm1(r) and the integers n with x = n * ln(2) + r."""
    p = precision_of(x)
    magic = 1.5 * 2.0**p.mantissa  # adding it rounds to an integer and leaves that integer in the low bits; NaN is harmless
    shifted = x.fma(1.0 / math.log(2.0), magic)
    count = shifted - magic
    n = x.integer("sub", shifted.bits(), x.const(magic).bits())
    r = count.fma(-p.ln2[1], count.fma(-p.ln2[0], x))
    return (r * r).fma(r.polynomial(p.exp), r), n


def _power_of_two(x: Lanes, n: Value) -> Lanes:
    """Returns 2**n for n in the range of normal numbers."""
    p = precision_of(x)
    return x.from_bits(x.integer("shl", x.integer("add", n, p.bias), p.mantissa))


def exp(x: Lanes) -> Lanes:
    """Returns e**x."""
    p = precision_of(x)
    x = x.at_most(p.overflow).at_least(p.underflow)
    fraction, n = _reduce(x)
    half = x.integer("ashr", n, 1)  # in two factors, so that results may overflow or be denormal
    return (fraction + 1.0) * _power_of_two(x, half) * _power_of_two(x, x.integer("sub", n, half))


def _scaled(fraction: Lanes, n: Value) -> Lanes:
    scale = _power_of_two(fraction, n)
    return fraction.fma(scale, scale)


def expm1(x: Lanes) -> Lanes:
    """Returns e**x - 1 without cancellation near zero."""
    p = precision_of(x)
    bounded = x.at_most(p.overflow).at_least(-2.0 * p.tanh_is_one)
    fraction, n = _reduce(bounded)
    half = _power_of_two(x, x.integer("sub", n, 1))  # half the scale: 2**128 is no float
    result = fraction.fma(half, half - 0.5) * 2.0
    return result.where(abs(x) > p.tiny, x)  # keeps denormals and the sign of zero


def log(x: Lanes) -> Lanes:
    """Returns the natural logarithm; -inf at zero, NaN below."""
    p = precision_of(x)
    denormal = x < p.tiny
    normal = (x * 2.0 ** (p.mantissa + 1)).where(denormal, x)
    low = x.const(math.sqrt(0.5)).bits()
    shifted = x.integer("sub", normal.bits(), low)
    exponent = x.integer("ashr", shifted, p.mantissa)
    f = x.from_bits(x.integer("add", x.integer("and", shifted, 2**p.mantissa - 1), low)) - 1.0
    # x87-free conversion of a small integer: exponents are far below the mantissa's width
    e = x.like(x.b.cast("sitofp", exponent, x.type)) if not x.is_double else _small_integer(x, exponent)
    e = (e - float(p.mantissa + 1)).where(denormal, e)
    half_square = f * f * 0.5
    if x.is_double:
        s = f / (f + 2.0)
        z = s * s
        correction = s * z.fma(z.polynomial(LOG_DOUBLE), half_square) - half_square
    else:
        correction = (f * f * f).fma(f.polynomial(LOG_SINGLE), -half_square)
    result = e.fma(p.ln2[0], f + e.fma(p.ln2[1], correction))
    return _log_edges(x, result)


def _small_integer(x: Lanes, value: Value) -> Lanes:
    """Converts 64-bit integers of small magnitude to doubles; SSE2 and AVX2 have no instruction for that."""
    magic = 1.5 * 2.0**52
    return x.from_bits(x.integer("add", value, x.const(magic).bits())) - magic


def _log_edges(x: Lanes, result: Lanes) -> Lanes:
    edge = x.const(-math.inf).where(x.equals(0.0), math.nan)
    result = result.where(x > 0.0, edge)
    return x.where(x.equals(math.inf), result)


def log1p(x: Lanes) -> Lanes:
    """Returns log(1 + x) without cancellation near zero."""
    u = x + 1.0
    lost = x - (u - 1.0)  # what the rounding of 1 + x dropped, exactly
    result = log(u) + lost / u
    result = x.where(u.equals(1.0), result)
    edge = u.equals(math.inf)
    result = x.where(edge, result)
    return x.const(-math.inf).where(u.equals(0.0), result)


def sigmoid(x: Lanes) -> Lanes:
    """Returns 1 / (1 + e**-x)."""
    e = exp(-abs(x))
    return e.where(x < 0.0, 1.0) / (e + 1.0)


def tanh(x: Lanes) -> Lanes:
    """Returns the hyperbolic tangent."""
    p = precision_of(x)
    magnitude = abs(x).at_most(p.tanh_is_one)
    fraction, n = _reduce(magnitude + magnitude)
    scale = _power_of_two(x, n)
    e = fraction.fma(scale, scale - 1.0)
    result = (e / (e + 2.0)).with_sign_of(x)
    return result.where(magnitude > p.tiny, x)


def softplus(x: Lanes) -> Lanes:
    """Returns log(1 + e**x)."""
    return x.at_least(0.0) + log1p(exp(-abs(x)))


def erf(x: Lanes) -> Lanes:
    """Returns the error function."""
    if x.is_double:
        from ngc.codegen.llvm.double_math import erf_double

        return erf_double(x)
    bounded = x.at_most(3.93).at_least(-3.93)
    z = bounded * bounded
    result = bounded * z.polynomial(ERF_NUMERATOR) / z.polynomial(ERF_DENOMINATOR)
    return x.const(1.0).with_sign_of(x).where(abs(x) > 3.92, result)  # from there on it rounds to one
