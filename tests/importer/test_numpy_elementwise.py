"""MXNet's numpy names: arithmetic and functions against MXNet under numpy's rules."""

import json
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from ngc.errors import ImportFailure
from ngc.importer import import_model
from ngc.ir import evaluate

Check = Callable[..., Any]

FLOATS = np.array([[1.5, -2.5, 0.5], [2.0, 0.25, -7.0]], np.float32)
OTHERS = np.array([[0.5, 3.5, -1.5], [-2.0, 4.0, 2.0]], np.float32)
INTEGERS = np.array([[7, -7, 3], [2, 5, 1]], np.int32)
TRUTHS = np.array([[True, False, True], [False, False, True]])
EDGES = np.array([np.nan, np.inf, -np.inf, 0.0, 1.5], np.float32)

ARITHMETIC: dict[str, Callable[..., Any]] = {
    "add": lambda x, y: x + y, "subtract": lambda x, y: x - y, "multiply": lambda x, y: x * y, "true_divide": lambda x, y: x / y, "mod": lambda x, y: x % y,
}
PAIRS = {
    "floats": (FLOATS, OTHERS), "broadcast": (FLOATS, OTHERS[0].copy()), "integers": (INTEGERS, np.abs(INTEGERS[::-1])), "mixed": (INTEGERS, FLOATS),
    "truths": (TRUTHS, FLOATS), "scalars": (FLOATS, np.array(2.5, np.float32)),
}


@pytest.mark.parametrize("pair", PAIRS)
@pytest.mark.parametrize("name", ARITHMETIC)
def test_two_operands(name: str, pair: str, check_np: Check) -> None:
    check_np(lambda _, x, y: ARITHMETIC[name](x, y), *PAIRS[pair])


@pytest.mark.parametrize("name", ["add", "multiply"])
def test_operands_of_two_sizes_and_truth_values(name: str, check_np: Check) -> None:
    """MXNet has no other operators of these."""
    check_np(lambda _, x, y: ARITHMETIC[name](x, y), INTEGERS, INTEGERS.astype(np.int64))
    check_np(lambda _, x, y: ARITHMETIC[name](x, y), FLOATS, OTHERS.astype(np.float64))
    check_np(lambda _, x, y: ARITHMETIC[name](x, y), TRUTHS, TRUTHS[::-1].copy())


@pytest.mark.parametrize("scalar", [2, 1.5])
@pytest.mark.parametrize("data", [FLOATS, INTEGERS, TRUTHS, np.array(3.0, np.float32)], ids=["floats", "integers", "truths", "scalar"])
@pytest.mark.parametrize("name", ARITHMETIC)
def test_scalars(name: str, data: np.ndarray, scalar: float, check_np: Check) -> None:
    check_np(lambda _, x: ARITHMETIC[name](x, scalar), data)
    if name != "mod":  # 2 % False is undefined
        check_np(lambda _, x: ARITHMETIC[name](scalar, x), data)


@pytest.mark.parametrize("exponent", [2, 0.5, -1.5])
def test_power(exponent: float, check_np: Check) -> None:
    check_np(lambda _, x: x**exponent, np.abs(FLOATS), scale=16)
    check_np(lambda _, x: exponent**x, FLOATS, scale=16)
    check_np(lambda _, x, y: x**y, np.abs(FLOATS), OTHERS, scale=16)
    check_np(lambda _, x: x**exponent, np.abs(INTEGERS))


@pytest.mark.parametrize("name", ["maximum", "minimum", "hypot"])
def test_extremes(name: str, check_np: Check) -> None:
    check_np(lambda np_, x, y: getattr(np_, name)(x, y), FLOATS, OTHERS)
    check_np(lambda np_, x: getattr(np_, name)(x, 1.5), FLOATS)
    check_np(lambda np_, x: getattr(np_, name)(x, 1.5), INTEGERS)


@pytest.mark.parametrize("name", ["equal", "not_equal", "greater", "greater_equal", "less", "less_equal"])
def test_comparisons(name: str, check_np: Check) -> None:
    check_np(lambda np_, x, y: getattr(np_, name)(x, y), INTEGERS, INTEGERS[::-1].copy())
    check_np(lambda np_, x, y: getattr(np_, name)(x, y), FLOATS, OTHERS[:1].copy(), batch=False)
    for scalar in (2, 2.5):
        check_np(lambda np_, x, s=scalar: getattr(np_, name)(x, s), INTEGERS)
        check_np(lambda np_, x, s=scalar: getattr(np_, name)(x, s), FLOATS, batch=True)


@pytest.mark.parametrize("name", ["negative", "sign", "rint", "ceil", "floor", "trunc", "fix", "square", "exp", "expm1", "sin", "cos", "tan", "arctan", "sinh",
                                  "cosh", "tanh", "arcsinh", "degrees", "radians", "cbrt", "absolute", "reciprocal"])
def test_functions(name: str, check_np: Check) -> None:
    check_np(lambda np_, x: getattr(np_, name)(x), FLOATS)
    check_np(lambda np_, x: getattr(np_, name)(x), np.array(0.75, np.float32))


@pytest.mark.parametrize("name", ["sqrt", "log", "log2", "log10", "log1p", "arccosh"])
def test_functions_of_large_numbers(name: str, check_np: Check) -> None:
    check_np(lambda np_, x: getattr(np_, name)(x), np.abs(FLOATS) + np.float32(1))


@pytest.mark.parametrize("name", ["arcsin", "arccos", "arctanh"])
def test_functions_of_small_numbers(name: str, check_np: Check) -> None:
    check_np(lambda np_, x: getattr(np_, name)(x), FLOATS / np.float32(10))


@pytest.mark.parametrize("data", [EDGES, INTEGERS], ids=["floats", "integers"])
@pytest.mark.parametrize("name", ["isnan", "isinf", "isposinf", "isneginf", "isfinite", "logical_not"])
def test_predicates(name: str, data: np.ndarray, check_np: Check) -> None:
    check_np(lambda np_, x: getattr(np_, name)(x), data)


def test_nan_to_num(check_np: Check) -> None:
    check_np(lambda np_, x: np_.nan_to_num(x), EDGES)
    check_np(lambda np_, x: np_.nan_to_num(x, nan=3.0, posinf=7.0, neginf=-1.0), EDGES)


@pytest.mark.parametrize("decimals", [0, 1, -1])
def test_around(decimals: int, check_np: Check) -> None:
    data = np.array([0.5, 1.5, 2.5, -2.5, -0.5, 0.26, 17.3, 1e9, np.nan, np.inf], np.float32)
    check_np(lambda np_, x: np_.around(x, decimals), data)


def test_around_of_integers(check_np: Check, mx: ModuleType) -> None:
    check_np(lambda np_, x: np_.around(x, 2), INTEGERS)
    with pytest.raises(ImportFailure, match="decimals = -1 of integers, which MXNet rounds to 0"):
        import_model(mx.sym.np.around(mx.sym.var("x").as_np_ndarray(), -1), shapes={"x": (2,)}, dtypes={"x": "int32"})


def test_where(check_np: Check) -> None:
    check_np(lambda np_, c, x, y: np_.where(c, x, y), TRUTHS, FLOATS, OTHERS[:1].copy())
    check_np(lambda np_, c, x, y: np_.where(c, x, y), FLOATS, INTEGERS, INTEGERS[::-1].copy())
    check_np(lambda np_, c, x: np_.where(c, x, 1.5), TRUTHS, FLOATS)
    check_np(lambda np_, c, x: np_.where(c, 1.0, x), TRUTHS, FLOATS)
    check_np(lambda np_, c: np_.where(c, 1.5, -2.0), TRUTHS)


def test_full_like(check_np: Check) -> None:
    check_np(lambda np_, x: np_.full_like(x, 3), EDGES)
    check_np(lambda np_, x: np_.full_like(x, 2.5, dtype="float64"), INTEGERS)


@pytest.mark.parametrize("count", [1, 4])
def test_polyval(count: int, check_np: Check) -> None:
    check_np(lambda np_, p, x: np_.polyval(p, x), EDGES[-1:].repeat(count), FLOATS, scale=32)
    check_np(lambda np_, p, x: np_.polyval(p, x), FLOATS[0, :1].repeat(count), np.array(0.5, np.float32), scale=32)


NAMES_OF_2 = {"_npi_logical_and": np.logical_and, "_npi_logical_or": np.logical_or, "_npi_logical_xor": np.logical_xor, "_npi_dot": np.dot}


@pytest.mark.parametrize("name", NAMES_OF_2)
def test_names_that_only_mxnet_2_writes(name: str) -> None:
    """MXNet 1.9 does not know them: numpy says what they mean."""
    nodes = [{"op": "null", "name": "x", "inputs": []}, {"op": "null", "name": "y", "inputs": []}, {"op": name, "name": "z", "inputs": [[0, 0, 0], [1, 0, 0]]}]
    text = json.dumps({"nodes": nodes, "arg_nodes": [0, 1], "heads": [[2, 0, 0]], "attrs": {"mxnet_version": ["int", 20000]}})
    feeds = {"x": np.array([[0, 2.5], [0, 1]], np.float32), "y": np.array([[0, 0], [3, -1]], np.float32)}
    [found] = evaluate(import_model(text, shapes=dict.fromkeys(feeds, (2, 2))), feeds)
    wanted = NAMES_OF_2[name](feeds["x"], feeds["y"])
    assert found.dtype == wanted.dtype
    np.testing.assert_array_equal(found, wanted)


def test_ldexp(check_np: Check) -> None:
    check_np(lambda np_, x, e: np_.ldexp(x, e), FLOATS, OTHERS, scale=16)
    check_np(lambda np_, x: np_.ldexp(x, 3), FLOATS)
    for dtype in (np.int32, np.int64, np.int8):
        whole = np.array([[3, -3, 7], [-100, 127, 1]], dtype)
        check_np(lambda np_, x, e: np_.ldexp(x, e), whole, np.array([[0, 2, -1], [-3, 5, 6]], dtype))
    check_np(lambda np_, x, e: np_.ldexp(x, e), np.array([2**24 + 1, 3, -3], np.int32), np.array([1, 40, 40], np.int32))
    check_np(lambda np_, e: np_.ldexp(1.5, e), FLOATS, scale=16)


ENDS = np.array([0.0, -0.0, 1.0, -2.0, np.inf, -np.inf, 1e-30, 3e37], np.float32)


@pytest.mark.parametrize("name", ["copysign", "arctan2"])
def test_signs_and_angles(name: str, check_np: Check) -> None:
    check_np(lambda np_, x, y: getattr(np_, name)(x, y), ENDS[:, None].repeat(8, 1), ENDS[None].copy())
    check_np(lambda np_, x, y: getattr(np_, name)(x, y), FLOATS, OTHERS)
    for scalar in (2.0, -1.5, -0.0):
        check_np(lambda np_, x, s=scalar: getattr(np_, name)(x, s), FLOATS, batch=True)
        check_np(lambda np_, x, s=scalar: getattr(np_, name)(s, x), FLOATS)


@pytest.mark.parametrize(("function", "dtypes", "message"), [
    (lambda np_, x, y: np_.arctan2(x, y), ("int32", "int32"), "operands of i32, expected floats"),
    (lambda np_, x, y: x - y, ("bool", "bool"), "sub of truth values"),
    (lambda np_, x, y: x + y, ("uint8", "int8"), "operands of u8 and i8 have no type in common"),
    (lambda np_, x, y: np_.sin(x), ("bool", "bool"), "sin of truth values"),
])
def test_refusals(function: Callable[..., Any], dtypes: tuple[str, str], message: str, check_np: Check, mx: ModuleType) -> None:
    symbol = function(mx.sym.np, *(mx.sym.var(name).as_np_ndarray() for name in "xy"))
    with pytest.raises(ImportFailure, match=message):
        import_model(symbol, shapes=dict.fromkeys(symbol.list_arguments(), (2,)), dtypes=dict(zip(symbol.list_arguments(), dtypes, strict=False)))


@pytest.mark.parametrize("scalar", [0.5, 2.0, 0.0, -1.0])
@pytest.mark.parametrize("name", ["equal", "not_equal", "greater", "greater_equal", "less", "less_equal"])
def test_truth_values_are_compared_with_scalars_as_truth_values(name: str, scalar: float, mx: ModuleType, check_np: Check) -> None:
    check_np(lambda _, x: getattr(mx.sym.numpy._internal, f"{name}_scalar")(x, scalar=scalar, is_int=scalar != 0.5), TRUTHS)


@pytest.mark.parametrize("name", ["and", "or", "xor"])
def test_masks_are_combined(name: str, mx: ModuleType, check_np: Check) -> None:
    """MXNet 1.9.1 broadcasts integers only."""
    functions = mx.sym.numpy._internal
    check_np(lambda _, x, y: getattr(functions, f"bitwise_{name}")(x, y), TRUTHS, TRUTHS[::-1].copy())
    for scalar in (0, 1, 2):
        check_np(lambda _, x, scalar=scalar: getattr(functions, f"bitwise_{name}_scalar")(x, scalar=scalar), TRUTHS)


@pytest.mark.parametrize("data", [TRUTHS, INTEGERS, INTEGERS.astype(np.int64), INTEGERS.astype(np.int8), np.abs(INTEGERS).astype(np.uint8)],
                         ids=["truths", "i32", "i64", "i8", "u8"])
def test_bits_are_inverted(data: np.ndarray, mx: ModuleType, check_np: Check) -> None:
    check_np(lambda _, x: mx.sym.numpy._internal.bitwise_not(x), data)


@pytest.mark.parametrize("dtype", [np.int32, np.int64, np.int8, np.uint8])
@pytest.mark.parametrize("name", ["and", "or", "xor"])
def test_bits_of_integers_are_combined(name: str, dtype: type, mx: ModuleType, check_np: Check) -> None:
    functions, rng = mx.sym.numpy._internal, np.random.default_rng(3)
    limits = np.iinfo(dtype)
    x, y = (rng.integers(limits.min, limits.max, shape, dtype, endpoint=True) for shape in ((4, 5), (5,)))
    check_np(lambda _, x, y: getattr(functions, f"bitwise_{name}")(x, y), x, y)
    for scalar in (0, 6, -1, 300, 2.7):
        check_np(lambda _, x, scalar=scalar: getattr(functions, f"bitwise_{name}_scalar")(x, scalar=scalar), x)


def test_floats_have_no_bits(mx: ModuleType) -> None:
    functions = mx.sym.numpy._internal
    x, y = (mx.sym.var(name).as_np_ndarray() for name in "xy")
    with pytest.raises(ImportFailure, match="_npi_bitwise_and of f32 and i32: expected integers or bool"):
        import_model((functions.bitwise_and(x, y), {}, {}), shapes={"x": (2,), "y": (2,)}, dtypes={"y": "int32"})
    with pytest.raises(ImportFailure, match="_npi_bitwise_or_scalar of f32: expected integers or bool"):
        import_model((functions.bitwise_or_scalar(x, scalar=2), {}, {}), shapes={"x": (2,)})
    with pytest.raises(ImportFailure, match="bitwise_not of f32: expected integers or bool"):
        import_model((functions.bitwise_not(x), {}, {}), shapes={"x": (2,)})
