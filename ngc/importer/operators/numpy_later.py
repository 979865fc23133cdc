"""Numpy names that MXNet has since 2.0: fmax, fmin, fmod, floor_divide and logaddexp.

    fmax(a, b)       the larger number; the other one where one is NaN                        fmin alike
    fmod(a, b)       |a| mod |b| with the sign of a
    a // b           floor(a / b) of floats, and (a - a mod b) / b, which divides exactly, of integers
    logaddexp(a, b)  max(a, b) + log1p(exp(-|a - b|)), which does not overflow; a + log(2) where both are equal, infinities among them
"""

import math
from collections.abc import Callable

from ngc.importer.attributes import Field
from ngc.importer.operators.conversion import Conversion, Operator
from ngc.importer.operators.numpy_common import FILLED, broadcast_to, filled_like, floating, is_float, promoted
from ngc.ir import Value
from ngc.ir.ops.elementwise import broadcast

_Function = Callable[[Conversion, Value, Value], Value]


def _extreme(op: str) -> _Function:
    def function(conversion: Conversion, a: Value, b: Value) -> Value:
        if not is_float(a):
            return conversion.op(op, a, b)
        a_number, b_number = (conversion.op("equal", value, value, part=part) for value, part in ((a, "lhs_is_number"), (b, "rhs_is_number")))
        both = conversion.op("where", b_number, conversion.op(op, a, b, part="extreme"), a, part="with_lhs")
        return conversion.op("where", a_number, both, b)

    return function


def _fmod(conversion: Conversion, a: Value, b: Value) -> Value:
    rest = conversion.op("mod", conversion.op("abs", a, part="lhs_abs"), conversion.op("abs", b, part="rhs_abs"), part="rest")
    return conversion.op("where", conversion.op("lesser", a, part="is_negative", scalar=0.0), conversion.op("negative", rest, part="negative"), rest)


def _floor_divide(conversion: Conversion, a: Value, b: Value) -> Value:
    if is_float(a):
        return conversion.op("floor", conversion.op("div", a, b, part="quotient"))
    return conversion.op("div", conversion.op("sub", a, conversion.op("mod", a, b, part="rest"), part="multiple"), b)


def _logaddexp(conversion: Conversion, a: Value, b: Value) -> Value:
    a, b = floating(conversion, a, "lhs_floats"), floating(conversion, b, "rhs_floats")
    distance = conversion.op("abs", conversion.op("sub", a, b, part="difference"), part="distance")
    decay = conversion.op("exp", conversion.op("negative", distance, part="exponent"), part="decay")
    total = conversion.op("add", conversion.op("maximum", a, b, part="larger"), conversion.op("log1p", decay, part="excess"), part="sum")
    twice = conversion.op("add", a, part="twice", scalar=math.log(2.0))
    return conversion.op("where", conversion.op("equal", a, b, part="equal"), twice, total)


def _checked(conversion: Conversion, function: _Function, a: Value, b: Value) -> list[Value]:
    if a.type.dtype == "bool":
        raise conversion.fail(f"{conversion.node.op} of truth values")
    return [function(conversion, a, b)]


def _of_two(function: _Function) -> Callable[[Conversion], list[Value]]:
    def convert(conversion: Conversion) -> list[Value]:
        a, b = promoted(conversion, *conversion.inputs)
        shape = broadcast(a.type.shape, b.type.shape)
        return _checked(conversion, function, broadcast_to(conversion, a, shape, "lhs_wide"), broadcast_to(conversion, b, shape, "rhs_wide"))

    return convert


def _with_scalar(function: _Function, reverse: bool) -> Callable[[Conversion], list[Value]]:
    def convert(conversion: Conversion) -> list[Value]:
        data = conversion.data
        if not conversion.attrs["is_int"] and not is_float(data):
            data = conversion.op("cast", data, part="data", dtype="f64")
        number = filled_like(conversion, data, conversion.attrs["scalar"], "number")
        return _checked(conversion, function, *((number, data) if reverse else (data, number)))

    return convert


_SCALAR = {"scalar": Field("double", 1.0), "is_int": Field("bool", True)}
_WIDE = ("broadcast_to", "cast", *FILLED)
_FUNCTIONS: dict[str, tuple[_Function, tuple[str, ...]]] = {
    "fmax": (_extreme("maximum"), ("maximum", "equal", "where", *_WIDE)),
    "fmin": (_extreme("minimum"), ("minimum", "equal", "where", *_WIDE)),
    "fmod": (_fmod, ("abs", "mod", "lesser", "negative", "where", *_WIDE)),
    "floor_divide": (_floor_divide, ("div", "floor", "mod", "sub", *_WIDE)),
    "logaddexp": (_logaddexp, ("sub", "abs", "negative", "exp", "maximum", "log1p", "add", "equal", "where", *_WIDE)),
}
_REVERSED = ("fmod", "floor_divide")

OPERATORS = {
    **{f"_npi_{name}": Operator(_of_two(function), None, 2, 2, any_rank=True, becomes=parts) for name, (function, parts) in _FUNCTIONS.items()},
    **{f"_npi_{name}_scalar": Operator(_with_scalar(function, False), _SCALAR, any_rank=True, becomes=parts) for name, (function, parts) in _FUNCTIONS.items()},
    **{f"_npi_r{name}_scalar": Operator(_with_scalar(_FUNCTIONS[name][0], True), _SCALAR, any_rank=True, becomes=_FUNCTIONS[name][1]) for name in _REVERSED},
}
