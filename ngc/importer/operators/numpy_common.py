"""What converters of MXNet's numpy names share: element types as numpy's rules have them, constants like a tensor, broadcasting."""

from ngc.importer.attributes import Field
from ngc.importer.operators.conversion import Conversion
from ngc.ir import Shape, Value
from ngc.ir.tensor_type import FLOATS

DTYPE = {"dtype": Field("dtype", None, optional=True)}
_ORDER = ("bool", "u8", "i8", "i32", "i64", "f16", "bf16", "f32", "f64")
"""Element types; of two, the later one is the result's, as in MXNet's promotion of mixed operands."""
_UNRELATED = frozenset({frozenset({"u8", "i8"}), frozenset({"f16", "bf16"})})


def cast(conversion: Conversion, value: Value, dtype: str, part: str) -> Value:
    """Returns a value in another element type; the value itself where it has it."""
    return value if value.type.dtype == dtype else conversion.op("cast", value, part=part, dtype=dtype)


def promoted(conversion: Conversion, a: Value, b: Value) -> tuple[Value, Value]:
    """Returns two operands in the element type of both together."""
    dtypes = {a.type.dtype, b.type.dtype}
    if frozenset(dtypes) in _UNRELATED:
        raise conversion.fail(f"operands of {a.type.dtype} and {b.type.dtype} have no type in common")
    dtype = max(dtypes, key=_ORDER.index)
    return cast(conversion, a, dtype, "lhs"), cast(conversion, b, dtype, "rhs")


def is_float(value: Value) -> bool:
    """Returns whether a value is of floats."""
    return value.type.dtype in FLOATS


def floating(conversion: Conversion, value: Value, part: str) -> Value:
    """Returns a value as floats: integers and truth values in single precision."""
    return value if is_float(value) else cast(conversion, value, "f32", part)


def filled_like(conversion: Conversion, value: Value, scalar: float, part: str) -> Value:
    """Returns a constant of a value's type, whatever the value holds: (x or 1) is 1, NaN and a batch of any size included."""
    ones = conversion.op("logical_or", value, part=f"{part}_ones", scalar=1.0)
    return ones if scalar == 1 else conversion.op("mul", ones, part=part, scalar=scalar)


FILLED = ("logical_or", "mul")
"""What `filled_like` appends."""


def broadcast_to(conversion: Conversion, value: Value, shape: Shape, part: str) -> Value:
    """Returns a value repeated to a shape, as numpy does; the value itself where an inner step does nothing."""
    if part and value.type.shape == shape:
        return value
    return conversion.op("broadcast_to", value, part=part, shape=shape)
