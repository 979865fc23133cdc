"""MXNet's numpy names: arithmetic and functions, element by element.

They differ from the older names where numpy does: operands of two element types are promoted, integers divide to floats, a scalar with a fraction makes
integers double, comparisons give truth values.
"""

import math
from collections.abc import Callable

import numpy as np

from ngc.importer.attributes import IGNORED, Field
from ngc.importer.operators.conversion import Conversion, Operator
from ngc.importer.operators.numpy_common import DTYPE, FILLED, broadcast_to, cast, filled_like, floating, is_float, promoted
from ngc.ir import Value
from ngc.ir.ops.elementwise import broadcast
from ngc.ir.tensor_type import DTYPES

_UNARY = (
    "negative reciprocal sign rint ceil floor trunc fix square sqrt cbrt exp expm1 log log10 log2 log1p sin cos tan arcsin arccos arctan sinh cosh tanh "
    "arcsinh arccosh arctanh degrees radians"
)
_ARITHMETIC = {"add": "add", "subtract": "sub", "multiply": "mul", "true_divide": "div", "mod": "mod", "power": "power"}
"""Names that take operands of two element types."""
_COMPARISONS = {"equal": "equal", "not_equal": "not_equal", "greater": "greater", "greater_equal": "greater_equal", "less": "lesser",
                "less_equal": "lesser_equal"}
_LOGICAL = ("logical_and", "logical_or", "logical_xor")
"""Names that MXNet 2 has."""
_OF_BOOLS = {"add": "logical_or", "mul": "logical_and"}
_SCALAR_PARAMS = {"scalar": Field("double", 1.0), "is_int": Field("bool", True)}


def _unary(op: str) -> Operator:
    def convert(conversion: Conversion) -> list[Value]:
        if conversion.data.type.dtype == "bool":
            raise conversion.fail(f"{op} of truth values")
        return [conversion.op(op, conversion.data)]

    return Operator(convert, any_rank=True, becomes=(op,))


def _arithmetic(op: str) -> Operator:
    def convert(conversion: Conversion) -> list[Value]:
        a, b = promoted(conversion, *conversion.inputs)
        if op == "div":
            a, b = floating(conversion, a, "numerator"), floating(conversion, b, "denominator")
        if a.type.dtype != "bool":
            return [conversion.op(op, a, b)]
        if op not in _OF_BOOLS:
            raise conversion.fail(f"{op} of truth values")
        return [conversion.op(_OF_BOOLS[op], a, b)]

    return Operator(convert, None, 2, 2, any_rank=True, becomes=(op, "cast", *([_OF_BOOLS[op]] if op in _OF_BOOLS else [])))


def _scalar_data(conversion: Conversion, op: str) -> Value:
    """Returns the data of an operator with a scalar in the element type of both together."""
    data = conversion.data
    if is_float(data):
        return data
    if op == "div":
        return cast(conversion, data, "f32", "data")
    if not conversion.attrs["is_int"]:
        return cast(conversion, data, "f64", "data")
    return cast(conversion, data, "i64", "data") if data.type.dtype == "bool" else data


def _with_scalar(op: str, reverse: bool = False) -> Operator:
    def convert(conversion: Conversion) -> list[Value]:
        return [conversion.op(op, _scalar_data(conversion, op), scalar=conversion.attrs["scalar"], reverse=reverse)]

    return Operator(convert, _SCALAR_PARAMS, any_rank=True, becomes=(op, "cast"))


def _truth(conversion: Conversion, value: Value) -> list[Value]:
    """Returns zeros and ones as truth values, the operator's result."""
    return [conversion.op("identity", value) if value.type.dtype == "bool" else conversion.op("cast", value, dtype="bool")]


_TRUTH = ("cast", "identity")


def _comparison(op: str) -> Operator:
    return Operator(lambda conversion: _truth(conversion, conversion.op(op, *conversion.inputs, part="numbers")), None, 2, 2, any_rank=True,
                    becomes=(op, *_TRUTH))


def _scalar_comparison(op: str) -> Operator:
    def convert(conversion: Conversion) -> list[Value]:
        scalar = conversion.attrs["scalar"]
        if conversion.data.type.dtype == "bool":  # MXNet makes the scalar one of the data's type
            scalar = float(bool(scalar))
        return _truth(conversion, conversion.op(op, _scalar_data(conversion, op), part="numbers", scalar=scalar))

    return Operator(convert, _SCALAR_PARAMS, any_rank=True, becomes=(op, *_TRUTH))


def _predicate(of_floats: Callable[[Conversion], Value], of_integers: bool, *becomes: str) -> Operator:
    """Returns an operator that asks something of floats to which every integer has the same answer."""

    def convert(conversion: Conversion) -> list[Value]:
        if is_float(conversion.data):
            return _truth(conversion, of_floats(conversion))
        return _truth(conversion, conversion.op("logical_or" if of_integers else "logical_and", conversion.data, part="numbers", scalar=float(of_integers)))

    return Operator(convert, any_rank=True, becomes=(*becomes, "logical_or" if of_integers else "logical_and", *_TRUTH))


def _is_nan(conversion: Conversion) -> Value:
    return conversion.op("not_equal", conversion.data, conversion.data, part="is_nan")


def _is_infinite(conversion: Conversion) -> Value:
    return conversion.op("equal", conversion.op("abs", conversion.data, part="abs"), part="is_infinite", scalar=math.inf)


def _is_finite(conversion: Conversion) -> Value:
    return conversion.op("lesser", conversion.op("abs", conversion.data, part="abs"), part="is_finite", scalar=math.inf)


def _equals(number: float) -> Callable[[Conversion], Value]:
    return lambda conversion: conversion.op("equal", conversion.data, part="is_equal", scalar=number)


def _logical(op: str) -> Operator:
    def convert(conversion: Conversion) -> list[Value]:
        return _truth(conversion, conversion.op(op, *promoted(conversion, *conversion.inputs), part="numbers"))

    return Operator(convert, None, 2, 2, any_rank=True, becomes=(op, *_TRUTH))


def _logical_not(conversion: Conversion) -> list[Value]:
    return _truth(conversion, conversion.op("logical_not", conversion.data, part="numbers"))


def _nan_to_num(conversion: Conversion) -> list[Value]:
    """Replaces NaN and infinities; what is not given becomes 0 and the largest numbers."""
    data, attrs = conversion.data, conversion.attrs
    if not is_float(data):
        return [conversion.op("identity", data)]
    limit = float(np.finfo(DTYPES.get(data.type.dtype, np.dtype(np.float32))).max)
    result = data
    for name, condition, default in (("nan", _is_nan, 0.0), ("posinf", _equals(math.inf), limit), ("neginf", _equals(-math.inf), -limit)):
        given = attrs[name]
        number = filled_like(conversion, data, default if given is None else given, f"{name}_number")
        result = conversion.op("where", condition(conversion), number, result, part="" if name == "neginf" else name)
    return [result]


def _around(conversion: Conversion) -> list[Value]:
    """Rounds to a number of decimals, halves to the even digit: half down, and up again where that is odd."""
    decimals = conversion.attrs["decimals"]
    if not is_float(conversion.data):
        if decimals < 0:
            raise conversion.fail(f"decimals = {decimals} of integers, which MXNet rounds to 0")
        return [conversion.op("identity", conversion.data)]
    x = conversion.data if decimals == 0 else conversion.op("mul", conversion.data, part="scaled", scalar=10.0**decimals)
    down = conversion.op("rint", x, part="down")
    tie = conversion.op("equal", conversion.op("sub", x, down, part="rest"), part="tie", scalar=0.5)
    odd = conversion.op("not_equal", conversion.op("mod", down, part="parity", scalar=2.0), part="odd", scalar=0.0)
    even = conversion.op("add", down, conversion.op("mul", tie, odd, part="up"), part="even" if decimals else "")
    return [even if decimals == 0 else conversion.op("div", even, scalar=10.0**decimals)]


def _choose(conversion: Conversion, condition: Value, a: Value, b: Value) -> list[Value]:
    """Returns a where the condition holds, else b, all three broadcast."""
    shape = broadcast(condition.type.shape, broadcast(a.type.shape, b.type.shape))
    parts = [broadcast_to(conversion, value, shape, part) for value, part in ((condition, "condition"), (a, "x"), (b, "y"))]
    return [conversion.op("where", *parts)]


def _where_scalar(left: bool) -> Callable[[Conversion], list[Value]]:
    def convert(conversion: Conversion) -> list[Value]:
        condition, other = conversion.inputs
        number = filled_like(conversion, other, conversion.attrs["scalar"], "number")
        return _choose(conversion, condition, *((number, other) if left else (other, number)))

    return convert


def _where_scalars(conversion: Conversion) -> list[Value]:
    data = cast(conversion, conversion.data, "f32", "floats")
    return _choose(conversion, conversion.data, *(filled_like(conversion, data, conversion.attrs[name], name) for name in ("x", "y")))


def _full_like(conversion: Conversion) -> list[Value]:
    value = cast(conversion, conversion.data, conversion.attrs["dtype"] or conversion.data.type.dtype, "typed")
    return [conversion.op("mul", conversion.op("logical_or", value, part="ones", scalar=1.0), scalar=conversion.attrs["fill_value"])]


def _polyval(conversion: Conversion) -> list[Value]:
    """The polynomial with coefficients p, the highest power's first, at every x; by Horner's rule."""
    coefficients, x = conversion.inputs
    if coefficients.type.rank != 1:
        raise conversion.fail("the coefficients are a vector")
    count = conversion.fixed(coefficients.type.shape[0], "the number of coefficients")
    value = x
    for number in range(count):
        one = conversion.cut(coefficients, {0: (number, number + 1, None)}, f"p{number}_part")
        coefficient = conversion.reshape(one, (), part=f"p{number}")
        base = conversion.op("mul", value, x, part=f"power{number}") if number else conversion.op("logical_and", x, part="zero", scalar=0.0)
        value = conversion.op("add", base, coefficient, part="" if number == count - 1 else f"sum{number}")
    return [value]


def _ldexp(conversion: Conversion) -> list[Value]:
    """x * 2**e. MXNet takes integers in single precision and truncates the product; double precision makes the powers exact on the way there."""
    x, exponent = promoted(conversion, *conversion.inputs)
    dtype = x.type.dtype
    if dtype == "bool":
        raise conversion.fail("ldexp of truth values")
    if is_float(x):
        return [conversion.op("mul", x, conversion.op("power", exponent, part="power", scalar=2.0, reverse=True))]
    power = conversion.op("power", cast(conversion, exponent, "f64", "exponent"), part="power", scalar=2.0, reverse=True)
    product = conversion.op("mul", cast(conversion, x, "f32", "floats"), cast(conversion, power, "f32", "factor"), part="product")
    return [conversion.op("cast", product, dtype=dtype)]


_TRUNCATED = "MXNet truncates the result of others to integers"


def _ldexp_scalar(conversion: Conversion) -> list[Value]:
    conversion.expect_floats(_TRUNCATED)
    scalar = conversion.attrs["scalar"]
    return [conversion.op("mul", conversion.data, scalar=2.0 ** scalar if scalar < 1024 else math.inf)]


def _rldexp_scalar(conversion: Conversion) -> list[Value]:
    conversion.expect_floats(_TRUNCATED)
    exponent = conversion.op("power", conversion.data, part="power", scalar=2.0, reverse=True)
    return [conversion.op("mul", exponent, scalar=conversion.attrs["scalar"])]


_WHERE = ("where", "broadcast_to", *FILLED)
_NUMBER = Field("double", None, optional=True)

OPERATORS = {
    **{f"_npi_{name}": _unary(name) for name in _UNARY.split()},
    "_npi_absolute": _unary("abs"),
    **{f"_npi_{name}": _arithmetic(op) for name, op in _ARITHMETIC.items()},
    **{f"_npi_{name}_scalar": _with_scalar(op) for name, op in _ARITHMETIC.items()},
    **{f"_npi_r{name}_scalar": _with_scalar(op, True) for name, op in _ARITHMETIC.items() if name not in ("add", "multiply")},
    "_npi_hypot": Operator(lambda conversion: [conversion.op("hypot", *conversion.inputs)], None, 2, 2, any_rank=True, becomes=("hypot",)),
    **{f"_npi_{name}": _comparison(op) for name, op in _COMPARISONS.items()},
    **{f"_npi_{name}_scalar": _scalar_comparison(op) for name, op in _COMPARISONS.items()},
    "_npi_isnan": _predicate(_is_nan, False, "not_equal"),
    "_npi_isinf": _predicate(_is_infinite, False, "abs", "equal"),
    "_npi_isposinf": _predicate(_equals(math.inf), False, "equal"),
    "_npi_isneginf": _predicate(_equals(-math.inf), False, "equal"),
    "_npi_isfinite": _predicate(_is_finite, True, "abs", "lesser"),
    **{f"_npi_{name}": _logical(name) for name in _LOGICAL},
    **{f"_npi_{name}_scalar": _scalar_comparison(name) for name in _LOGICAL},
    "_npi_logical_not": Operator(_logical_not, any_rank=True, becomes=("logical_not", *_TRUTH)),
    "_npi_nan_to_num": Operator(_nan_to_num, {"copy": IGNORED, "nan": Field("double", 0.0), "posinf": _NUMBER, "neginf": _NUMBER}, any_rank=True,
                                becomes=("where", "not_equal", "equal", "identity", *FILLED)),
    "_npi_around": Operator(_around, {"decimals": Field("int", 0)}, any_rank=True,
                            becomes=("mul", "rint", "sub", "equal", "mod", "not_equal", "add", "div", "identity")),
    "_npi_where": Operator(lambda conversion: _choose(conversion, *conversion.inputs), None, 3, 3, any_rank=True, becomes=("where", "broadcast_to")),
    "_npi_where_lscalar": Operator(_where_scalar(left=True), {"scalar": Field("double", 0.0)}, 2, 2, any_rank=True, becomes=_WHERE),
    "_npi_where_rscalar": Operator(_where_scalar(left=False), {"scalar": Field("double", 0.0)}, 2, 2, any_rank=True, becomes=_WHERE),
    "_npi_where_scalar2": Operator(_where_scalars, {"x": Field("double", 0.0), "y": Field("double", 0.0)}, any_rank=True, becomes=(*_WHERE, "cast")),
    "_npi_full_like": Operator(_full_like, {"fill_value": Field("double"), "ctx": IGNORED, **DTYPE}, any_rank=True, becomes=("cast", *FILLED)),
    "_npi_polyval": Operator(_polyval, None, 2, 2, any_rank=True, becomes=("slice", "reshape", "mul", "add", "logical_and")),
    "_npi_ldexp": Operator(_ldexp, None, 2, 2, any_rank=True, becomes=("mul", "power", "cast")),
    "_npi_ldexp_scalar": Operator(_ldexp_scalar, _SCALAR_PARAMS, any_rank=True, becomes=("mul",)),
    "_npi_rldexp_scalar": Operator(_rldexp_scalar, _SCALAR_PARAMS, any_rank=True, becomes=("mul", "power")),
    "_np_copy": Operator(lambda conversion: [conversion.op("identity", conversion.data)], any_rank=True, becomes=("identity",)),
}
