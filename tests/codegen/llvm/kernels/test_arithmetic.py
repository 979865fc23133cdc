"""Tests of MXNet's arithmetic, comparisons and casts in loop nests: every dtype, special values, three instruction sets."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from ngc.codegen.llvm.kernels import nests
from ngc.codegen.llvm.kernels.expression import Binary, Cast, Compare, Const, Select, Unary
from ngc.target import parse_target
from tests.codegen.llvm.kernels.harness import TARGETS
from tests.codegen.llvm.kernels.typed import Memory, execute

NUMPY = {"f32": np.float32, "f64": np.float64, "f16": np.float16, "i32": np.int32, "i64": np.int64, "i8": np.int8, "u8": np.uint8, "bool": np.bool_}
OPERATIONS = ("add", "sub", "mul", "div", "mod", "maximum", "minimum", "logical_and", "logical_or", "logical_xor")
TARGET = st.sampled_from(TARGETS)
SPECIAL = [0.0, -0.0, 1.0, -1.0, 0.5, 3.0, -7.0, 2.0, 300.0, -129.0, 1e30, -1e30, np.inf, -np.inf, np.nan, 2.0**31, -(2.0**31), 2.0**63]


def compute(name, dtypes, out, make, *inputs):
    """Returns an element-wise nest's result over flat inputs."""
    size = inputs[0].size
    spec = nests.elementwise((size,), [((size,), dtype) for dtype in dtypes], out, make)
    result = Memory(size, np.dtype(NUMPY[out]).name)
    execute(spec, parse_target(name), [*(Memory.of(x) for x in inputs), result], 1)
    return result.array


def binary(name, a, b):
    """Returns MXNet's operation in numpy."""
    whole = a.dtype.kind in "iu"
    with np.errstate(all="ignore"):
        match name:
            case "add" | "sub" | "mul":
                return {"add": np.add, "sub": np.subtract, "mul": np.multiply}[name](a, b)
            case "div" if whole:
                safe = np.where(b == 0, 1, b).astype(object)
                quotient = [abs(int(x)) // abs(int(y)) * (1 if (x < 0) == (y < 0) else -1) for x, y in zip(a.astype(object), safe, strict=True)]
                return np.array([0 if y == 0 else q for q, y in zip(quotient, b, strict=True)], object).astype(np.int64 if a.dtype != np.int64 else object)
            case "div":
                return a / b
            case "mod":
                return np.where(b == 0, 0, np.mod(a, np.where(b == 0, 1, b))).astype(a.dtype)
            case "maximum" | "minimum":
                return getattr(np, name)(a, b)
            case _:
                return getattr(np, name)(a, b).astype(a.dtype)


@settings(deadline=None, max_examples=50)
@given(TARGET, st.sampled_from(OPERATIONS), st.sampled_from(("f32", "f64")), st.data())
def test_operations_on_floats(name, operation, dtype, data):
    width = {"f32": 32, "f64": 64}[dtype]
    elements = st.sampled_from(SPECIAL) | st.floats(-1e6, 1e6, width=width)
    elements = elements.map(lambda v: float(NUMPY[dtype](v)))
    a, b = (data.draw(hnp.arrays(NUMPY[dtype], 21, elements=elements)) for _ in range(2))
    if operation == "mod" and dtype == "f64":
        a, b = np.round(a, 3), np.where(np.abs(b) < 1e-3, 1, np.round(b))  # quotients of doubles are exact below 2**29
        a = np.where(np.abs(a) > 1e6, 1.5, a)
    got = compute(name, [dtype] * 2, dtype, lambda x, y: Binary(operation, x, y), a, b)
    expected = binary(operation, a, b)
    if operation == "mod":
        expected = np.where(np.isinf(b) & np.isfinite(a) & (np.sign(a) * np.sign(b) >= 0), a, expected)
        # the remainder is exact, the addition of the divisor where signs differ is rounded once
        np.testing.assert_allclose(got, expected, rtol=1e-6 if dtype == "f32" else 1e-9, atol=1e-9)
    else:
        np.testing.assert_array_equal(got, expected)


@settings(deadline=None, max_examples=50)
@given(TARGET, st.sampled_from(OPERATIONS), st.sampled_from(("i32", "i64", "i8", "u8")), st.data())
def test_operations_on_integers_wrap_and_never_trap(name, operation, dtype, data):
    info = np.iinfo(NUMPY[dtype])
    elements = st.integers(info.min, info.max) | st.sampled_from((0, 1, info.min, info.max)) | st.integers(max(info.min, -9), 9)
    a, b = (data.draw(hnp.arrays(NUMPY[dtype], 21, elements=elements)) for _ in range(2))
    got = compute(name, [dtype] * 2, dtype, lambda x, y: Binary(operation, x, y), a, b)
    with np.errstate(all="ignore"):
        expected = binary(operation, a, b)
    if operation == "div" and dtype == "i64":
        expected = np.array([(int(v) + 2**63) % 2**64 - 2**63 for v in expected])
    np.testing.assert_array_equal(got, expected.astype(NUMPY[dtype]))


@pytest.mark.parametrize("name", TARGETS)
@pytest.mark.parametrize("dtype", ["f32", "f64", "i32", "i8", "u8", "i64"])
@pytest.mark.parametrize("comparison", ["eq", "ne", "lt", "le", "gt", "ge"])
def test_comparisons_return_the_operands_dtype(name, dtype, comparison):
    values = np.array([0, 1, 2, 3, 200, np.nan, np.inf], np.float64)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        values = (values if dtype.startswith("f") else values[:5].astype(np.int64)).astype(NUMPY[dtype])
    a, b = (part.reshape(-1).copy() for part in np.meshgrid(values, values))
    got = compute(name, [dtype] * 2, dtype, lambda x, y: Compare(comparison, x, y), a, b)
    expected = {"eq": a == b, "ne": a != b, "lt": a < b, "le": a <= b, "gt": a > b, "ge": a >= b}[comparison]
    np.testing.assert_array_equal(got, expected.astype(NUMPY[dtype]))


def casted(x, dtype):
    """Returns MXNet's cast in numpy."""
    if dtype == "bool":
        return x != 0
    if x.dtype.kind != "f" or dtype.startswith("f"):
        with np.errstate(all="ignore"):
            return x.astype(NUMPY[dtype])
    wide = np.int64 if dtype == "i64" else np.int32
    limit = 2.0 ** (63 if dtype == "i64" else 31)
    x = x.astype(np.float64)  # float16 cannot hold the bounds
    fits = (x >= -limit) & (x < limit)
    return np.where(fits, np.where(fits, x, 0).astype(wide), np.iinfo(wide).min).astype(NUMPY[dtype])


@pytest.mark.parametrize("name", TARGETS)
@pytest.mark.parametrize("source", sorted(NUMPY))
@pytest.mark.parametrize("dtype", sorted(NUMPY))
def test_casts(name, source, dtype):
    rng = np.random.default_rng(0)
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if source.startswith("f"):
            edges = [65504, 65519, 65520, 6e-8, 2.9e-8, 3e-8]
            x = np.concatenate([SPECIAL, rng.normal(size=40) * 100, rng.normal(size=20) * 1e-6, edges]).astype(NUMPY[source])
        else:
            x = rng.integers(-(2**31), 2**31, 77).astype(np.int64 if source != "bool" else np.uint8)
            x = (x % 2 == 0) if source == "bool" else x.astype(NUMPY[source])
    np.testing.assert_array_equal(compute(name, [source], dtype, lambda v: Cast(v, dtype), x), casted(x, dtype))


@pytest.mark.parametrize("name", TARGETS)
def test_every_half_survives_the_way_to_float_and_back(name):
    x = np.arange(65536).astype(np.uint16).view(np.float16)
    np.testing.assert_array_equal(compute(name, ["f16"], "f32", lambda v: v, x), x.astype(np.float32))
    back = compute(name, ["f16"], "f16", lambda v: Binary("mul", v, Const(1.0)), x)
    np.testing.assert_array_equal(back, x)


@pytest.mark.parametrize("name", TARGETS)
def test_bfloats_round_to_even(name):
    rng = np.random.default_rng(0)
    x = np.concatenate([rng.integers(0, 2**32, 5000, np.uint32).view(np.float32), np.float32([1.00390625, 1.01171875, np.inf, np.nan, 3.4e38])])
    out = Memory(x.size, "uint16")
    spec = nests.elementwise((x.size,), [((x.size,), "f32")], "bf16", lambda v: v)
    execute(spec, parse_target(name), [Memory.of(x), out], 1)
    bits = x.view(np.uint32).astype(np.uint64)
    expected = ((bits + 0x7FFF + (bits >> 16 & 1)) >> 16).astype(np.uint16)
    nan = np.isnan(x)
    np.testing.assert_array_equal(out.array[~nan], expected[~nan])
    assert np.isnan((out.array[nan].astype(np.uint32) << 16).view(np.float32)).all()
    again = Memory(x.size)
    execute(nests.elementwise((x.size,), [((x.size,), "bf16")], "f32", lambda v: v), parse_target(name), [out, again], 1)
    np.testing.assert_array_equal(again.array[~nan].view(np.uint32), expected[~nan].astype(np.uint32) << 16)


@pytest.mark.parametrize("name", TARGETS)
@pytest.mark.parametrize("function", ["abs", "sign", "square", "negative", "relu", "logical_not"])
@pytest.mark.parametrize("dtype", ["i32", "i8", "u8", "i64"])
def test_functions_of_integers(name, function, dtype):
    info = np.iinfo(NUMPY[dtype])
    x = np.concatenate([np.arange(max(info.min, -20), 40), [info.min, info.max]]).astype(NUMPY[dtype])
    with np.errstate(all="ignore"):
        expected = getattr(np, function)(x) if function != "relu" else np.maximum(x, 0)
    np.testing.assert_array_equal(compute(name, [dtype], dtype, lambda v: Unary(function, v), x), expected.astype(NUMPY[dtype]))


@pytest.mark.parametrize("name", TARGETS)
def test_power_of_integers_and_a_choice(name):
    a, b = np.int32([2, -3, 0, 5, 7]), np.int32([10, 3, 0, 1, 2])
    np.testing.assert_array_equal(compute(name, ["i32"] * 2, "i32", lambda x, y: Binary("power", x, y), a, b), np.int32([1024, -27, 1, 5, 49]))
    got = compute(name, ["i32", "i32"], "i32", lambda x, y: Select(Compare("lt", x, Const(1, "i32")), y, x), a, b)
    np.testing.assert_array_equal(got, np.where(a < 1, b, a))


@pytest.mark.parametrize("name", TARGETS)
@pytest.mark.parametrize("size", [1, 2, 3, 5, 9, 17])
def test_the_last_narrow_element_is_stored_in_its_own_width(name: str, size: int) -> None:
    """A single element behind whole vectors must not be widened over what another thread stores next to it; the guard bands are the neighbour here."""
    for dtype, kind in (("bf16", "uint16"), ("f16", "float16"), ("u8", "uint8"), ("i8", "int8")):
        out = Memory(size, kind)
        kernel = nests.elementwise((size,), [((size,), "f32")], dtype, lambda v, to=dtype: Cast(v, to))
        execute(kernel, parse_target(name), [Memory.of(np.ones(size, np.float32)), out], 1)
        assert (out.array == out.array[0]).all()
