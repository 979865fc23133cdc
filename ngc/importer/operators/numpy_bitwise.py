"""MXNet's numpy names: operations on bits. Those of truth values are the logical ones, which models use to combine masks; the IR has none on integers.

    ~x  =  not x of truth values, and -1 - x of integers, which are two's complements (255 - x of bytes without sign)
"""

from ngc.importer.attributes import Field
from ngc.importer.operators.conversion import Conversion, Operator
from ngc.ir import Value


def _check(conversion: Conversion, name: str) -> None:
    dtypes = [value.type.dtype for value in conversion.inputs]
    if dtypes != ["bool"] * len(dtypes):
        raise conversion.fail(f"bitwise_{name} of {' and '.join(dtypes)}: supported of bool alone")


def _of_two(name: str) -> Operator:
    def convert(conversion: Conversion) -> list[Value]:
        _check(conversion, name)
        return [conversion.op(f"logical_{name}", *conversion.inputs)]

    return Operator(convert, None, 2, 2, any_rank=True, becomes=(f"logical_{name}",))


def _with_scalar(name: str) -> Operator:
    def convert(conversion: Conversion) -> list[Value]:
        _check(conversion, name)
        return [conversion.op(f"logical_{name}", conversion.data, scalar=conversion.attrs["scalar"])]

    return Operator(convert, {"scalar": Field("double", 1.0), "is_int": Field("bool", True)}, any_rank=True, becomes=(f"logical_{name}",))


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

OPERATORS = {
    **{f"_npi_bitwise_{name}": _of_two(name) for name in _NAMES},
    **{f"_npi_bitwise_{name}_scalar": _with_scalar(name) for name in _NAMES},
    "_npi_bitwise_not": Operator(_not, any_rank=True, becomes=("logical_not", "sub")),
}
