"""MXNet's numpy names of functions that look at signs: copysign and arctan2."""

import math
from collections.abc import Callable

from ngc.importer.attributes import Field
from ngc.importer.operators.conversion import Conversion, Operator
from ngc.importer.operators.numpy_common import FILLED, broadcast_to, filled_like, is_float
from ngc.ir import Value
from ngc.ir.ops.elementwise import broadcast

_Function = Callable[[Conversion, Value, Value], Value]


def _is_negative(conversion: Conversion, value: Value, part: str) -> Value:
    """Returns ones where the sign bit is set: below zero, or where the reciprocal of a zero is."""
    below = conversion.op("lesser", value, part=f"{part}_below", scalar=0.0)
    behind = conversion.op("lesser", conversion.op("reciprocal", value, part=f"{part}_reciprocal"), part=f"{part}_behind", scalar=0.0)
    return conversion.op("logical_or", below, behind, part=f"{part}_negative")


def _copysign(conversion: Conversion, a: Value, b: Value) -> Value:
    """Returns a where both are below zero or neither is, else -a: for MXNet, and so here, a zero of b is positive whatever its sign bit."""
    sides = [conversion.op("lesser", value, part=part, scalar=0.0) for value, part in ((a, "a_below"), (b, "b_below"))]
    same = conversion.op("equal", *sides, part="same")
    return conversion.op("where", same, a, conversion.op("negative", a, part="opposite"))


def _arctan2(conversion: Conversion, y: Value, x: Value) -> Value:
    """The angle of (x, y): that of the smaller by the larger coordinate, in the first eighth of a turn, mirrored into where the point lies.

    Coordinates that are both zero or both infinite make the quotients 0 and 1.
    """
    width, height = conversion.op("abs", x, part="width"), conversion.op("abs", y, part="height")
    small, large = conversion.op("minimum", width, height, part="small"), conversion.op("maximum", width, height, part="large")
    quotient = conversion.op("div", small, large, part="quotient")
    for name, value, end, constant in (("origin", large, 0.0, 0.0), ("corner", small, math.inf, 1.0)):
        there = conversion.op("equal", value, part=f"{name}_there", scalar=end)
        quotient = conversion.op("where", there, filled_like(conversion, value, constant, name), quotient, part=f"{name}_quotient")
    angle = conversion.op("arctan", quotient, part="eighth")
    for name, condition, whole in (("steep", conversion.op("greater", height, width, part="is_steep"), math.pi / 2),
                                   ("left", _is_negative(conversion, x, "x"), math.pi)):
        angle = conversion.op("where", condition, conversion.op("sub", angle, part=f"{name}_rest", scalar=whole, reverse=True), angle, part=name)
    return conversion.op("where", _is_negative(conversion, y, "y"), conversion.op("negative", angle, part="below"), angle)


def _of_two(function: _Function) -> Callable[[Conversion], list[Value]]:
    def convert(conversion: Conversion) -> list[Value]:
        a, b = conversion.inputs
        _check(conversion, a, b)
        shape = broadcast(a.type.shape, b.type.shape)
        return [function(conversion, broadcast_to(conversion, a, shape, "lhs"), broadcast_to(conversion, b, shape, "rhs"))]

    return convert


def _with_scalar(function: _Function, reverse: bool) -> Callable[[Conversion], list[Value]]:
    def convert(conversion: Conversion) -> list[Value]:
        data = conversion.data
        _check(conversion, data)
        number = filled_like(conversion, data, conversion.attrs["scalar"], "number")
        return [function(conversion, number, data) if reverse else function(conversion, data, number)]

    return convert


def _check(conversion: Conversion, *operands: Value) -> None:
    """Refuses integers, which MXNet refuses too."""
    wrong = [value.type.dtype for value in operands if not is_float(value)]
    if wrong:
        raise conversion.fail(f"operands of {wrong[0]}, expected floats")


_SIGN = ("lesser", "equal", "where", "negative", "broadcast_to", *FILLED)
_ANGLE = (*_SIGN, "reciprocal", "abs", "minimum", "maximum", "div", "arctan", "greater", "sub")
_SCALAR = {"scalar": Field("double", 1.0), "is_int": Field("bool", True)}


def _operators(name: str, function: _Function, becomes: tuple[str, ...]) -> dict[str, Operator]:
    return {
        f"_npi_{name}": Operator(_of_two(function), None, 2, 2, any_rank=True, becomes=becomes),
        f"_npi_{name}_scalar": Operator(_with_scalar(function, False), _SCALAR, any_rank=True, becomes=becomes),
        f"_npi_r{name}_scalar": Operator(_with_scalar(function, True), _SCALAR, any_rank=True, becomes=becomes),
    }


OPERATORS = {**_operators("copysign", _copysign, _SIGN), **_operators("arctan2", _arctan2, _ANGLE)}
