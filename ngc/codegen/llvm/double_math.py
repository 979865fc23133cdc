"""Functions that are computed as doubles, whatever the lanes: trigonometric, hyperbolic, inverse, gamma, powers.

Float lanes are widened, computed and rounded once, so cancellation and the rounding of intermediate results cost nothing and
the results are within one unit in the last place of a float. Double lanes get about 1e-14 relative, where not said otherwise.
No model spends time here; exp, log, tanh, sigmoid and erf of float lanes are in `float_math`.
"""

import math
from collections.abc import Callable
from functools import wraps

from ngc.codegen.llvm.float_math import exp, expm1, log, log1p
from ngc.codegen.llvm.lanes import Lanes

# (sin(x)/x - 1) / x^2 and (cos(x) - 1 + x^2/2) / x^4 in powers of x^2 on |x| <= pi/4
SIN = (-0.16666666666666632074, 0.0083333333333224250665, -0.00019841269829817128888, 2.7557313695247908034e-6,
       -2.505075865363454667e-8, 1.5896827869205722148e-10)  # fmt: skip
COS = (0.041666666666666599556, -0.0013888888888874138513, 0.000024801587289491697064, -2.7557314355192243674e-7,
       2.0875723676508717382e-9, -1.1359669413176907969e-11)  # fmt: skip
# (atan(x)/x - 1) / x^2 in powers of x^2 on |x| <= tan(pi/8)
ATAN = (-0.33333333333333207597, 0.19999999999955848674, -0.14285714280389094937, 0.11111110791995251581,
        -0.090908979816790494601, 0.076920639176966567229, -0.066631436666463903264, 0.058481630799297863036,
        -0.050404841891815187172, 0.038093365424143882163, -0.01793765919553504838)  # fmt: skip
# erf(x)/x in powers of x^2 on |x| <= 1
ERF_SMALL = (1.1283791670955125738, -0.37612638903183748178, 0.11283791670954884473, -0.026866170645077875148,
             0.0052239776248284306696, -0.00085483269814255420875, 0.00012055331132955819588, -0.000014925595772180905342,
             1.6461008477802701324e-6, -1.6350396222864616262e-7, 1.4660328722742259544e-8, -1.1374955736070149599e-9,
             5.9606853385209710332e-11)  # fmt: skip
# e^(x^2) erfc(x) (1 + 2x) in powers of (x - 2.5) / (x + 2.5) on x >= 1
ERFC_LARGE = (1.2648381843668578872, -0.12235676308247718407, -0.099024539572089646145, 0.15762991903239954996,
              -0.10296705614829365368, 0.032760892986671475044, 0.00093189593405518662663, -0.0043820760151847300149,
              0.00049182292324893979831, 0.00063214242185829079433, -0.000088184025716408453843, -0.00011391022686394968952,
              5.3993337859460241452e-6, 0.000024797645307065468958, 2.6222581523177182917e-6, -7.8873243989598602625e-6,
              1.906375681034569194e-6)  # fmt: skip
# Lanczos' series with g = 7
LANCZOS_G = 7.0
LANCZOS = (0.99999999999980993, 676.5203681218851, -1259.1392167224028, 771.32342877765313, -176.61502916214059,
           12.507343278686905, -0.13857109526572012, 9.9843695780195716e-6, 1.5056327351493116e-7)  # fmt: skip

# 2**s / (2 pi) without its whole turns, in four pieces of 27 bits, for s = 0, 26, 52, 78, 104: products with the 24 bits
# of a float are exact
_TURNS_BITS = 27
_SCALES = (0, 26, 52, 78, 104)
_INVERSE_TAU = int("28be60db9391054a7f09d5f47d4d377036d8a5664f10e4107f9458eaf7aef1586dc91b8e909374b801924bba8", 16)
"""1 / (2 pi) as a fraction of 2**356."""
_INVERSE_TAU_BITS = 356


def _pieces(scale: int) -> tuple[float, ...]:
    fraction = (_INVERSE_TAU << scale) % (1 << _INVERSE_TAU_BITS)
    pieces = []
    for position in range(1, 5):
        piece = (fraction >> (_INVERSE_TAU_BITS - _TURNS_BITS * position)) % (1 << _TURNS_BITS)
        pieces.append(math.ldexp(piece, -_TURNS_BITS * position))
    return tuple(pieces)


def in_double(function: Callable[[Lanes], Lanes]) -> Callable[[Lanes], Lanes]:
    """Makes a function of doubles one of any lanes: widen, compute, round once."""

    @wraps(function)
    def computed(x: Lanes) -> Lanes:
        return function(x.widen()).narrow(x)

    return computed


# -- trigonometric --------------------------------------------------------------------------------------------------


def _quarters(x: Lanes, single: bool) -> tuple[Lanes, Lanes]:
    """Returns the nearest number of quarter turns to |x|, modulo 4, and the rest as an angle within pi/4."""
    magnitude = abs(x)
    if single:
        # |x| = m * 2**s with at most 50 bits before the point; whole turns of 2**s do not count, because m is whole where s > 0
        m = magnitude
        pieces = [x.const(piece) for piece in _pieces(0)]
        for scale in _SCALES[1:]:
            beyond = magnitude > 2.0 ** (24 + scale)
            m = (magnitude * 2.0**-scale).where(beyond, m)
            pieces = [x.const(new).where(beyond, old) for new, old in zip(_pieces(scale), pieces, strict=True)]
        turns = x.const(0.0)
        for piece in reversed(pieces):
            product = m * piece
            turns = turns + (product - product.nearest())
        turns = turns - turns.nearest()
        quarters = (turns * 4.0).nearest()
        angle = (turns - quarters * 0.25) * math.tau
    else:
        quarters = (magnitude * (2.0 / math.pi)).nearest()
        angle = magnitude
        # pi/2 in pieces of 33 bits: exact products while there are fewer than 2**20 quarter turns
        for part in (1.57079632673412561417e00, 6.07710050630396597660e-11, 2.02226624871116645580e-21):
            angle = quarters.fma(-part, angle)
    return quarters, angle


def _sin_cos_poly(angle: Lanes) -> tuple[Lanes, Lanes]:
    z = angle * angle
    sine = (z * angle).fma(z.polynomial(SIN), angle)
    cosine = (z * z).fma(z.polynomial(COS), z.fma(-0.5, 1.0))
    return sine, cosine


def _sin_and_cos(x: Lanes, single: bool) -> tuple[Lanes, Lanes]:
    quarters, angle = _quarters(x, single)
    sine, cosine = _sin_cos_poly(angle)
    phase = quarters - (quarters * 0.25).floor() * 4.0  # 0, 1, 2, 3
    odd = phase.is_odd()
    s, c = cosine.where(odd, sine), sine.where(odd, cosine)
    s = (-s).where(phase > 1.5, s)
    flip_cosine = abs(phase - 1.5).compare("olt", 1.0)  # 1 and 2
    c = (-c).where(flip_cosine, c)
    return s * x.const(1.0).with_sign_of(x), c


def sin(x: Lanes) -> Lanes:
    """Returns the sine; doubles are accurate up to a million turns, floats everywhere."""
    return _sin_and_cos(x.widen(), not x.is_double)[0].narrow(x)


def cos(x: Lanes) -> Lanes:
    """Returns the cosine; doubles are accurate up to a million turns, floats everywhere."""
    return _sin_and_cos(x.widen(), not x.is_double)[1].narrow(x)


def tan(x: Lanes) -> Lanes:
    """Returns the tangent; doubles are accurate up to a million turns, floats everywhere."""
    sine, cosine = _sin_and_cos(x.widen(), not x.is_double)
    return (sine / cosine).narrow(x)


@in_double
def arctan(x: Lanes) -> Lanes:
    """Returns the arc tangent."""
    magnitude = abs(x)
    inverse = magnitude > 1.0
    t = (1.0 / magnitude).where(inverse, magnitude)
    large = t > math.sqrt(2.0) - 1.0
    t = ((t - 1.0) / (t + 1.0)).where(large, t)
    z = t * t
    result = (z * t).fma(z.polynomial(ATAN), t)
    result = (result + math.pi / 4).where(large, result)
    result = (math.pi / 2 - result).where(inverse, result)
    return result.with_sign_of(x)


@in_double
def arcsin(x: Lanes) -> Lanes:
    """Returns the arc sine; NaN outside [-1, 1]."""
    return arctan(x / ((1.0 - x) * (1.0 + x)).sqrt())


@in_double
def arccos(x: Lanes) -> Lanes:
    """Returns the arc cosine; NaN outside [-1, 1]."""
    return 2.0 * arctan(((1.0 - x) / (1.0 + x)).sqrt())


# -- hyperbolic -----------------------------------------------------------------------------------------------------


@in_double
def sinh(x: Lanes) -> Lanes:
    """Returns the hyperbolic sine."""
    magnitude = abs(x)
    e = expm1(magnitude)
    small = (e + e / (e + 1.0)) * 0.5
    half = exp(magnitude * 0.5)  # the square of it overflows no earlier than the result
    return ((half * 0.5) * half).where(magnitude > 40.0, small).with_sign_of(x)


@in_double
def cosh(x: Lanes) -> Lanes:
    """Returns the hyperbolic cosine."""
    half = exp(abs(x) * 0.5)
    square = half * half
    return ((half * 0.5) * half).where(abs(x) > 40.0, square * 0.5 + 0.5 / square)


@in_double
def arcsinh(x: Lanes) -> Lanes:
    """Returns the inverse hyperbolic sine."""
    magnitude = abs(x)
    square = magnitude * magnitude
    small = log1p(magnitude + square / ((square + 1.0).sqrt() + 1.0))
    large = log(magnitude) + math.log(2.0)
    return large.where(magnitude > 1e10, small).with_sign_of(x)


@in_double
def arccosh(x: Lanes) -> Lanes:
    """Returns the inverse hyperbolic cosine; NaN below 1."""
    t = x - 1.0
    small = log1p(t + (t * (x + 1.0)).sqrt())
    small = x.const(math.nan).where(x < 1.0, small)
    return (log(x) + math.log(2.0)).where(x > 1e10, small)


@in_double
def arctanh(x: Lanes) -> Lanes:
    """Returns the inverse hyperbolic tangent; infinite at 1 and -1, NaN beyond."""
    magnitude = abs(x)
    return (0.5 * log1p((magnitude + magnitude) / (1.0 - magnitude))).with_sign_of(x)


# -- powers and logarithms ------------------------------------------------------------------------------------------


@in_double
def log2(x: Lanes) -> Lanes:
    """Returns the logarithm to base 2."""
    return log(x) * (1.0 / math.log(2.0))


@in_double
def log10(x: Lanes) -> Lanes:
    """Returns the logarithm to base 10."""
    return log(x) * (1.0 / math.log(10.0))


@in_double
def cbrt(x: Lanes) -> Lanes:
    """Returns the cube root with the sign of x."""
    magnitude = abs(x)
    root = exp(log(magnitude) * (1.0 / 3.0))
    # one step of Newton's method takes the error of the exponential to that of a division
    better = root - (root - magnitude / (root * root)) * (1.0 / 3.0)
    plain = (magnitude > 0.0) & (magnitude < math.inf)
    return better.where(plain, magnitude).with_sign_of(x)


@in_double
def rcbrt(x: Lanes) -> Lanes:
    """Returns one over the cube root."""
    return 1.0 / cbrt(x)


def power(x: Lanes, y: Lanes) -> Lanes:
    """Returns x**y as C's pow: NaN for a negative base and a fraction, 1 for an exponent of zero and a base of one.

    Doubles are accurate to about 1e-13 where |y log x| is below 100, and lose a digit for every factor of ten beyond.
    """
    return _power_double(x.widen(), y.widen()).narrow(x)


def _power_double(x: Lanes, y: Lanes) -> Lanes:
    magnitude = abs(x)
    result = exp(y * log(magnitude))
    whole = y.truncate().equals(y)
    odd = whole & y.is_odd()
    signed = result.with_sign_of(x).where(odd, result)
    invalid = ~whole & (x < 0.0) & (x > -math.inf)
    result = x.const(math.nan).where(invalid, signed)
    # |x| == 1 with an infinite exponent is 1, not the NaN of 0 * inf
    unit = magnitude.equals(1.0) & abs(y).equals(math.inf)
    result = x.const(1.0).where(unit, result)
    result = x.const(1.0).where(x.equals(1.0), result)
    return x.const(1.0).where(y.equals(0.0), result)


def hypot(x: Lanes, y: Lanes) -> Lanes:
    """Returns sqrt(x*x + y*y); floats neither overflow nor underflow on the way."""
    a, b = x.widen(), y.widen()
    result = a.fma(a, b * b).sqrt()
    infinite = abs(a).equals(math.inf) | abs(b).equals(math.inf)
    return a.const(math.inf).where(infinite, result).narrow(x)


def modulo(x: Lanes, y: Lanes) -> Lanes:
    """Returns x modulo y with the sign of y (Python's), 0 where y is 0. Exact for floats; for doubles while x/y < 2**29."""
    a, b = x.widen(), y.widen()
    divisor = abs(b)
    rest = abs(a)
    # quotients of 29 bits times the 24 of a float are exact; from the largest multiple of the divisor downwards
    for step in range(9 if not x.is_double else 0, -1, -1):
        unit = divisor * 2.0 ** (29 * step)
        quotient = (rest / unit).truncate()
        next_rest = rest - quotient * unit if not x.is_double else quotient.fma(-unit, rest)
        next_rest = (next_rest + unit).where(next_rest < 0.0, next_rest)
        rest = rest.where(unit.equals(math.inf), next_rest)
    rest = abs(a).where(divisor.equals(math.inf), rest)
    rest = rest.const(math.nan).where(abs(a).equals(math.inf), rest)
    signed = rest.with_sign_of(a)
    opposite = (signed < 0.0) ^ (b < 0.0)
    differs = opposite & (rest > 0.0)
    result = (signed + b).where(differs, signed)
    return result.const(0.0).where(b.equals(0.0), result).narrow(x)


# -- error function and gamma ---------------------------------------------------------------------------------------


def erf_double(x: Lanes) -> Lanes:
    """Returns the error function of doubles to about 1e-15."""
    magnitude = abs(x)
    bounded = magnitude.at_most(6.0)
    z = x * x
    small = x * z.polynomial(ERF_SMALL)
    large = 1.0 - _erfc_large(bounded)
    return large.with_sign_of(x).where(magnitude > 1.0, small)


def _erfc_large(x: Lanes) -> Lanes:
    t = (x - 2.5) / (x + 2.5)
    return exp(-(x * x)) * t.polynomial(ERFC_LARGE) / (x + x + 1.0)


@in_double
def erfinv(x: Lanes) -> Lanes:
    """Returns the inverse of the error function; infinite at 1 and -1, NaN beyond. Doubles within 1e-6 of 1 lose digits."""
    magnitude = abs(x)
    # Winitzki's approximation is within 0.4 percent; Newton's method on erf, with its second derivative, does the rest
    a = 0.147
    logarithm = log1p(-(magnitude * magnitude))
    u = logarithm * 0.5 + 2.0 / (math.pi * a)
    y = ((u * u - logarithm * (1.0 / a)).sqrt() - u).sqrt()
    for _ in range(3):
        tail = (1.0 - magnitude) - _erfc_large(y)
        body = y * (y * y).polynomial(ERF_SMALL) - magnitude
        difference = tail.where(y > 1.0, body)
        step = difference * exp(y * y) * (math.sqrt(math.pi) / 2)
        y = y - step / (step * y + 1.0)
    y = x.const(math.inf).where(magnitude.equals(1.0), y)
    return y.with_sign_of(x)


def _lanczos(x: Lanes) -> tuple[Lanes, Lanes]:
    """Returns the series and the base of Lanczos' approximation of gamma(x) for x >= 1/2."""
    shifted = x - 1.0
    series = x.const(LANCZOS[0])
    for position, coefficient in enumerate(LANCZOS[1:], start=1):
        series = series + coefficient / (shifted + float(position))
    return series, shifted + (LANCZOS_G + 0.5)


def _sin_pi(x: Lanes) -> Lanes:
    """Returns sin(pi x) for x >= 0, exactly zero at whole numbers."""
    halves = (x * 2.0).nearest()
    angle = (x - halves * 0.5) * math.pi
    sine, cosine = _sin_cos_poly(angle)
    phase = halves - (halves * 0.25).floor() * 4.0
    result = cosine.where(phase.is_odd(), sine)
    return (-result).where(phase > 1.5, result)


@in_double
def gamma(x: Lanes) -> Lanes:
    """Returns the gamma function; NaN at negative whole numbers, infinite at zero. Doubles to about 1e-12."""
    reflected = x < 0.5
    y = (1.0 - x).where(reflected, x).at_most(200.0)
    series, base = _lanczos(y)
    # the power in two factors: it overflows before the product with e**-base does
    half = exp((y - 0.5) * 0.5 * log(base))
    value = half * exp(-base) * half * series * math.sqrt(2.0 * math.pi)
    sine = _sin_pi(abs(x)) * x.const(1.0).with_sign_of(x)
    result = (math.pi / (sine * value)).where(reflected, value)
    result = x.const(math.inf).with_sign_of(x).where(x.equals(0.0), result)
    pole = (x < 0.0) & x.floor().equals(x)
    result = x.const(math.nan).where(pole, result)
    return x.where(x.equals(math.inf), result)


@in_double
def gammaln(x: Lanes) -> Lanes:
    """Returns the logarithm of |gamma(x)|; infinite at zero and negative whole numbers. Doubles to 1e-14 absolute."""
    reflected = x < 0.5
    y = (1.0 - x).where(reflected, x)
    series, base = _lanczos(y)
    value = (y - 0.5) * (log(base) - 1.0) + (log(series) + (0.5 * math.log(2.0 * math.pi) - LANCZOS_G))
    result = (math.log(math.pi) - log(abs(_sin_pi(abs(x)))) - value).where(reflected, value)
    result = x.const(0.0).where(x.equals(1.0) | x.equals(2.0), result)
    return abs(x).where(abs(x).equals(math.inf), result)
