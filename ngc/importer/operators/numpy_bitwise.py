"""MXNet's numpy names: operations on bits. Those of truth values are the logical ones, which models use to combine masks.

    ~x       =  not x of truth values, and -1 - x of integers, which are two's complements (255 - x of bytes without sign)
    a << b   =  0 where b is below 0 or as many as the bits of a, or more; a >> b is the sign there: 0 or -1

Shifts are of MXNet 2.0, and so are operands of two types, which get the one of both together. Its shifts of a scalar by data leave open what such b give.
"""

from ngc.importer.attributes import Field
from ngc.importer.operators.conversion import Conversion, Operator
from ngc.importer.operators.numpy_common import is_float, promoted
from ngc.ir import Value

_SCALAR = {"scalar": Field("double", 1.0), "is_int": Field("bool", True)}


def _check(conversion: Conversion, truths: bool) -> None:
    dtypes = [value.type.dtype for value in conversion.inputs]
    if any(map(is_float, conversion.inputs)) or (not truths and set(dtypes) == {"bool"}):
        raise conversion.fail(f"{conversion.node.op} of {' and '.join(dtypes)}: expected integers{' or bool' if truths else ''}")


def _operation(name: str, data: Value) -> str:
    return f"logical_{name}" if data.type.dtype == "bool" else f"bitwise_{name}"


def _of_two(name: str) -> Operator:
    def convert(conversion: Conversion) -> list[Value]:
        _check(conversion, truths=True)
        a, b = promoted(conversion, *conversion.inputs)
        return [conversion.op(_operation(name, a), a, b)]

    return Operator(convert, None, 2, 2, any_rank=True, becomes=(f"logical_{name}", f"bitwise_{name}", "cast"))


def _with_scalar(name: str) -> Operator:
    def convert(conversion: Conversion) -> list[Value]:
        _check(conversion, truths=True)
        return [conversion.op(_operation(name, conversion.data), conversion.data, scalar=conversion.attrs["scalar"])]

    return Operator(convert, _SCALAR, any_rank=True, becomes=(f"logical_{name}", f"bitwise_{name}"))


def _shift(op: str) -> Operator:
    def convert(conversion: Conversion) -> list[Value]:
        _check(conversion, truths=False)
        return [conversion.op(op, *promoted(conversion, *conversion.inputs))]

    return Operator(convert, None, 2, 2, any_rank=True, becomes=(op, "cast"))


def _shift_with_scalar(op: str, reverse: bool) -> Operator:
    def convert(conversion: Conversion) -> list[Value]:
        _check(conversion, truths=False)
        return [conversion.op(op, conversion.data, scalar=conversion.attrs["scalar"], reverse=reverse)]

    return Operator(convert, _SCALAR, any_rank=True, becomes=(op,))


def _not(conversion: Conversion) -> list[Value]:
    match conversion.data.type.dtype:
        case "bool":
            return [conversion.op("logical_not", conversion.data)]
        case "u8":
            return [conversion.op("sub", conversion.data, scalar=255.0, reverse=True)]
        case "i8" | "i32" | "i64":
            return [conversion.op("sub", conversion.data, scalar=-1.0, reverse=True)]
    raise conversion.fail(f"bitwise_not of {conversion.data.type.dtype}: expected integers or bool")


_NAMES = ("and", "or", "xor")

SHIFTS = {
    form: operator for side in ("left", "right") for form, operator in (
        (f"_npi_bitwise_{side}_shift", _shift(f"shift_{side}")),
        (f"_npi_bitwise_{side}_shift_scalar", _shift_with_scalar(f"shift_{side}", reverse=False)),
        (f"_npi_rbitwise_{side}_shift_scalar", _shift_with_scalar(f"shift_{side}", reverse=True)))
}
"""Names that MXNet has since 2.0."""

OPERATORS = {
    **{f"_npi_bitwise_{name}": _of_two(name) for name in _NAMES},
    **{f"_npi_bitwise_{name}_scalar": _with_scalar(name) for name in _NAMES},
    "_npi_bitwise_not": Operator(_not, any_rank=True, becomes=("logical_not", "sub")),
    **SHIFTS,
}
