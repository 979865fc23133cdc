"""Tests of vector math: accuracy in units in the last place and special values, on three instruction sets."""

import math
from collections.abc import Callable
from functools import lru_cache

import numpy as np
import pytest

from ngc.codegen.llvm import vector_math
from ngc.codegen.llvm.kernel import KERNEL_PARAMETERS
from ngc.codegen.llvm.text import Module, vector
from ngc.target import parse_target
from tests.codegen.llvm.kernels.harness import TARGETS, call

SPECIAL = [0.0, -0.0, 1.0, -1.0, np.inf, -np.inf, np.nan, 1e-45, -1e-45, 1e-38, -1e-38, 3e38, -3e38, 88.7, 88.8, -87.5, -103.0, -104.0,
           0.5, -0.5, 1.5, 2.5, -2.5, 8388607.5, 16777216.0, 1e10, 1e20, 1e30, 27.0, 8.0, 1000.0]  # fmt: skip


@lru_cache(maxsize=256)
def module_of(kind: str, name: str, params: tuple[float, ...], target_name: str, element: str) -> str:
    """Returns a kernel that applies a function: out[i] = f(x[i], y[i])."""
    target = parse_target(target_name)
    lanes = target.vector_bits // (32 if element == "float" else 64)
    module = Module("math")
    b = module.function("apply", KERNEL_PARAMETERS)
    args = [b.load_pointer(b.argument(0), position) for position in range(3)]
    with b.loop(b.argument(2), b.argument(3), lanes) as loop:
        x, y = (b.load(vector(lanes, element), b.gep(arg, loop.index, element)) for arg in args[:2])
        match kind:
            case "unary":
                result = vector_math.emit_unary(b, name, x, target)
            case "activation":
                result = vector_math.emit_activation(b, name, params, x, target)
            case _:
                result = getattr(vector_math, f"emit_{name}")(b, x, y, target)
        b.store(result, b.gep(args[2], loop.index, element))
    b.ret()
    return str(module)


def apply(kind: str, name: str, target: str, x: np.ndarray, y: np.ndarray | None = None, params: tuple[float, ...] = ()) -> np.ndarray:
    """Returns a function's results; the inputs are repeated to whole vectors."""
    size = -(-x.size // 64) * 64
    arrays = [*(np.resize(part, size) for part in (x, x if y is None else y)), np.empty(size, x.dtype)]
    text = module_of(kind, name, params, target, {"float32": "float", "float64": "double"}[x.dtype.name])
    call(text, "apply", parse_target(target), {array.ctypes.data: array for array in arrays}, [array.ctypes.data for array in arrays], 1, [(0, size)])
    return arrays[2][: x.size]


def ulps(got: np.ndarray, exact: np.ndarray) -> float:
    """Returns the largest error in units in the last place; infinities, NaN and signs of zero must be right."""
    with np.errstate(all="ignore"):
        rounded = exact.astype(got.dtype)
        same = (got == rounded) | (np.isnan(got) & np.isnan(rounded))
        unit = np.spacing(np.where(np.isfinite(rounded), np.abs(rounded), 1)).astype(np.longdouble)
        error = np.where(same, 0, np.abs(got.astype(np.longdouble) - exact) / unit)
    return float(np.max(np.where(np.isnan(error), np.inf, error)))


def points(element: type, count: int = 6000) -> np.ndarray:
    """Returns special values, values near zero and one, of moderate size, and (floats) random bit patterns."""
    rng = np.random.default_rng(0)
    parts = [SPECIAL, rng.normal(size=count), rng.uniform(-1, 1, count), rng.uniform(-105, 105, count), rng.normal(size=count) * 1e-6]
    with np.errstate(all="ignore"):
        whole = np.concatenate(parts).astype(element)
    if element is np.float32:
        whole = np.concatenate([whole, rng.integers(0, 2**32, count, np.uint32).view(np.float32)])
    return whole


def _guarded(function: Callable[[float], float], pole: float) -> Callable[[np.ndarray], np.ndarray]:
    def one(value: float) -> float:
        try:
            return function(value)
        except OverflowError:
            return math.inf
        except ValueError:
            return pole if pole == math.inf or value != 0 else math.copysign(math.inf, value)

    return lambda x: np.array([one(float(value)) for value in x])


def _round_half_down(x: np.ndarray) -> np.ndarray:
    return np.where(x - np.floor(x) > 0.5, np.floor(x) + 1, np.floor(x))


# exact functions, and the largest errors that are allowed: for floats, and for doubles between -700 and 700
EXACT: dict[str, tuple[Callable[[np.ndarray], np.ndarray], float, float]] = {
    "exp": (np.exp, 1.1, 1.1), "expm1": (np.expm1, 2, 2.5), "log": (np.log, 1.1, 1.1), "log1p": (np.log1p, 2, 2), "tanh": (np.tanh, 3, 3.5),
    "sigmoid": (lambda x: 1 / (1 + np.exp(-x)), 3, 3), "erf": (np.vectorize(math.erf), 6, 8), "log2": (np.log2, 0.6, 3), "log10": (np.log10, 0.6, 4),
    "arcsin": (np.arcsin, 0.6, 4), "arccos": (np.arccos, 0.6, 4), "arctan": (np.arctan, 0.6, 4), "sinh": (np.sinh, 0.6, 4),
    "cosh": (np.cosh, 0.6, 4), "arcsinh": (np.arcsinh, 0.6, 4), "arccosh": (np.arccosh, 0.6, 4), "arctanh": (np.arctanh, 0.6, 4),
    "cbrt": (np.cbrt, 0.6, 1.5), "rcbrt": (lambda x: 1 / np.cbrt(x), 0.6, 2.5), "sqrt": (np.sqrt, 0.5, 0.5), "rsqrt": (lambda x: 1 / np.sqrt(x), 2, 2),
    "floor": (np.floor, 0, 0), "ceil": (np.ceil, 0, 0), "trunc": (np.trunc, 0, 0), "fix": (np.trunc, 0, 0), "rint": (_round_half_down, 0, 0),
    "round": (lambda x: np.copysign(np.floor(np.abs(x) + 0.5), x), 0, 0), "sign": (np.sign, 0, 0), "abs": (np.abs, 0, 0), "square": (np.square, 0.5, 0.5),
    "reciprocal": (lambda x: 1 / x, 0.5, 0.5), "negative": (np.negative, 0, 0), "degrees": (np.degrees, 1.6, 1.6), "radians": (np.radians, 1.6, 1.6),
    "logical_not": (lambda x: (x == 0) * 1.0, 0, 0), "relu": (lambda x: np.maximum(x, 0), 0, 0), "softsign": (lambda x: x / (1 + np.abs(x)), 1.6, 1.6),
    "gammaln": (_guarded(math.lgamma, math.inf), 1, 2e8),
}  # fmt: skip


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("name", sorted(EXACT))
def test_functions_of_floats_are_accurate_everywhere(name, target):
    exact, allowed, _ = EXACT[name]
    x = points(np.float32)
    if name == "softsign":
        x = x[~np.isinf(x)]  # inf / inf
    with np.errstate(all="ignore"):
        wide = np.float64 if name in ("erf", "gammaln") else np.longdouble
        assert ulps(apply("unary", name, target, x), exact(x.astype(wide)).astype(np.longdouble)) <= allowed


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("name", sorted(set(EXACT) - {"gammaln"}))
def test_functions_of_doubles_are_accurate(name, target):
    exact, _, allowed = EXACT[name]
    rng = np.random.default_rng(0)
    x = np.concatenate([rng.normal(size=4000), rng.uniform(-700, 700, 4000), rng.uniform(0, 1, 4000), [0.0, np.inf, -np.inf, np.nan]])
    if name == "softsign":
        x = x[~np.isinf(x)]
    with np.errstate(all="ignore"):
        wide = np.float64 if name == "erf" else np.longdouble
        assert ulps(apply("unary", name, target, x), exact(x.astype(wide)).astype(np.longdouble)) <= allowed


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("name", ["sin", "cos", "tan"])
def test_trigonometric_functions_reduce_any_float(name, target):
    x = points(np.float32)
    with np.errstate(all="ignore"):
        assert ulps(apply("unary", name, target, x), getattr(np, name)(x.astype(np.float64)).astype(np.longdouble)) <= 0.6
        y = np.random.default_rng(0).uniform(-1e4, 1e4, 4000)
        got, exact = apply("unary", name, target, y), getattr(np, name)(y)
    np.testing.assert_allclose(got, exact, rtol=1e-13, atol=1e-15)  # near zeros the reduction's 86 bits leave 1e-16 absolute


@pytest.mark.parametrize("target", TARGETS)
def test_gamma_and_its_poles(target):
    x = points(np.float32)
    with np.errstate(all="ignore"):
        x = x[(x != np.floor(x)) | (x >= 0)]
    assert ulps(apply("unary", "gamma", target, x), _guarded(math.gamma, math.nan)(x).astype(np.longdouble)) <= 1
    assert np.isnan(apply("unary", "gamma", target, np.float32([-1, -2, -100, -np.inf]))).all()


@pytest.mark.parametrize("target", TARGETS)
def test_erfinv_inverts_erf(target):
    y = np.concatenate([np.linspace(-3.6, 3.6, 2001), [1e-20, -1e-7]])
    x = np.array([math.erf(value) for value in y])
    got = apply("unary", "erfinv", target, x)
    # an error of one rounding in x grows by the derivative of the inverse
    allowed = 4e-16 * np.abs(x) * np.exp(y * y) * math.sqrt(math.pi) / 2 + 4e-15 * np.abs(y)
    assert (np.abs(got - y) <= allowed).all()
    single = apply("unary", "erfinv", target, np.float32([0, 1, -1, 1.5, np.nan, 0.5]))
    np.testing.assert_array_equal(single, np.float32([0, np.inf, -np.inf, np.nan, np.nan, 0.47693628]))


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("name", ["power", "hypot", "modulo"])
def test_functions_of_two_floats(name, target):
    rng = np.random.default_rng(0)
    special = np.float32([0.0, -0.0, 1, -1, np.inf, -np.inf, np.nan, 1e-45, 3e38, 2, -2, 3, -3, 0.5, -0.5, 2.5])
    bits = [rng.integers(0, 2**32, 4000, np.uint32).view(np.float32) for _ in range(2)]
    x = np.concatenate([np.repeat(special, 16), rng.normal(size=4000).astype(np.float32) * 3, rng.integers(-20, 20, 4000).astype(np.float32), bits[0]])
    y = np.concatenate([np.tile(special, 16), rng.normal(size=4000).astype(np.float32) * 20, rng.integers(-9, 9, 4000).astype(np.float32), bits[1]])
    with np.errstate(all="ignore"):
        if name == "modulo":
            exact = np.where(y == 0, 0, np.mod(x.astype(np.float64), y.astype(np.float64))).astype(np.longdouble)
        else:
            exact = {"power": np.power, "hypot": np.hypot}[name](x.astype(np.longdouble), y.astype(np.longdouble))
    assert ulps(apply("binary", name, target, x, y), exact) <= 0.51


ACTIVATIONS: dict[str, tuple[tuple[float, ...], Callable[[np.ndarray], np.ndarray]]] = {
    "identity": ((), lambda x: x),
    "clip": ((-1.0, 6.0), lambda x: np.clip(x, -1, 6)),
    "softrelu": ((), lambda x: np.logaddexp(0, x)),
    "log_sigmoid": ((), lambda x: -np.logaddexp(0, -x)),
    "mish": ((), lambda x: x * np.tanh(np.logaddexp(0, x))),
    "swish": ((1.5,), lambda x: x / (1 + np.exp(-1.5 * x))),
    "leaky_relu": ((0.1,), lambda x: np.where(x > 0, x, 0.1 * x)),
    "elu": ((0.3,), lambda x: np.where(x > 0, x, 0.3 * np.expm1(x))),
    "selu": ((), lambda x: 1.0507009873554805 * np.where(x > 0, x, 1.6732632423543772 * np.expm1(x))),
    "gelu": ((), lambda x: 0.5 * x * (1 + np.vectorize(math.erf)(x / math.sqrt(2)))),
    "hard_sigmoid": ((0.2, 0.5), lambda x: np.clip(0.2 * x + 0.5, 0, 1)),
    "hard_swish": ((), lambda x: x * np.clip(x + 3, 0, 6) / 6),
    "smooth_l1": ((1.5,), lambda x: np.where(np.abs(x) < 1 / 2.25, (1.5 * x) ** 2 / 2, np.abs(x) - 0.5 / 2.25)),
}


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("name", sorted(ACTIVATIONS))
def test_activations(name, target):
    params, exact = ACTIVATIONS[name]
    x = np.concatenate([np.linspace(-30, 30, 4001), [0.0, np.nan, 1e-30, 1e5, -1e5]]).astype(np.float32)
    with np.errstate(all="ignore"):
        expected = exact(x.astype(np.float64))
    # relative to the larger of result and input: products and 1 + erf cancel in single precision
    assert np.nanmax(np.abs(apply("activation", name, target, x, params=params) - expected) / np.maximum(np.abs(x), np.abs(expected)).clip(1e-30)) <= 4e-7
    assert np.isnan(apply("activation", name, target, np.float32([np.nan]), params=params)).all()


@pytest.mark.parametrize("target", TARGETS)
def test_smooth_l1_whose_parabola_has_no_end(target):
    got = apply("activation", "smooth_l1", target, np.float32([0, -3, 1e30, np.inf, np.nan]), params=(0.0,))
    np.testing.assert_array_equal(got, np.float32([0, 0, 0, np.nan, np.nan]))


def test_every_activation_is_tested_or_a_function_of_one_operand():
    assert set(vector_math.ACTIVATIONS) == set(ACTIVATIONS) | (set(vector_math.ACTIVATIONS) & set(vector_math.UNARY))
    assert set(vector_math.UNARY) == set(EXACT) | {"sin", "cos", "tan", "gamma", "erfinv"}


def test_a_wrong_number_of_parameters_is_refused():
    module = Module("math")
    b = module.function("apply", ())
    with pytest.raises(ValueError, match="clip takes 2 parameters, 1 were given"):
        vector_math.emit_activation(b, "clip", (1.0,), b.constant("float", 1.0), parse_target("cpu:x86-64"))


@pytest.mark.parametrize("target", TARGETS)
def test_no_function_calls_a_library(target):
    for name in vector_math.UNARY:
        apply("unary", name, target, np.float32([1]))  # linking fails where a symbol is missing
