"""Element-wise operators in ONNX: functions, arithmetic, comparisons, selection and casts."""

import math
from functools import partial

from ngc.codegen.onnx.functions import FUNCTIONS, INTEGERS, function
from ngc.codegen.onnx.writer import Handler, OnnxWriter, Tensor
from ngc.ir import Node
from ngc.ir.ops.elementwise import scalar_array
from ngc.ir.tensor_type import DTYPES
from ngc.ir.unary import UNARY


def _function(writer: OnnxWriter, node: Node) -> Tensor:
    params = [node.attrs[name] for name, _ in UNARY[node.op].params]
    return function(writer, node.op, writer.computed(node.inputs[0]), params)


def operands(writer: OnnxWriter, node: Node) -> tuple[Tensor, Tensor]:
    """Returns both operands, a scalar as a constant in the data's element type."""
    a = writer.computed(node.inputs[0])
    if node.attrs["scalar"] is None:
        b = writer.computed(node.inputs[1])
    else:
        stored = node.inputs[0].type.dtype
        b = writer.number(scalar_array(node.attrs["scalar"], DTYPES.get(stored, DTYPES["f32"])).item(), a.dtype)
    return (b, a) if node.attrs["reverse"] else (a, b)


def _binary(writer: OnnxWriter, node: Node, kind: str) -> Tensor:
    return writer.apply(kind, *operands(writer, node))


def _comparison(writer: OnnxWriter, node: Node, kind: str) -> Tensor:
    return writer.apply(kind, *operands(writer, node), dtype="bool")


def _not_equal(writer: OnnxWriter, node: Node) -> Tensor:
    return writer.apply("Not", writer.apply("Equal", *operands(writer, node), dtype="bool"))


def _logical(writer: OnnxWriter, node: Node, kind: str) -> Tensor:
    a, b = (writer.cast(operand, "bool") for operand in operands(writer, node))
    return writer.apply(kind, a, b)


def _equals(writer: OnnxWriter, x: Tensor, number: float) -> Tensor:
    return writer.apply("Equal", x, writer.number(number, x.dtype), dtype="bool")


def _safe_divisor(writer: OnnxWriter, b: Tensor, zero: Tensor, minus: Tensor) -> Tensor:
    """Returns an integer divisor with 1 in place of 0 and of -1, by which the smallest integer cannot be divided: processors trap on both."""
    return writer.apply("Where", writer.apply("Or", zero, minus), writer.number(1, b.dtype), b, dtype=b.dtype)


def _div(writer: OnnxWriter, node: Node) -> Tensor:
    a, b = operands(writer, node)
    if b.dtype not in INTEGERS:
        return writer.apply("Div", a, b)
    zero, minus = _equals(writer, b, 0), _equals(writer, b, -1)
    quotient = writer.apply("Div", a, _safe_divisor(writer, b, zero, minus))
    quotient = writer.apply("Where", minus, writer.apply("Neg", a), quotient, dtype=b.dtype)
    return writer.apply("Where", zero, writer.number(0, b.dtype), quotient, dtype=b.dtype)


def _mod(writer: OnnxWriter, node: Node) -> Tensor:
    """Returns the remainder with the divisor's sign, 0 for a divisor of 0."""
    a, b = operands(writer, node)
    zero = _equals(writer, b, 0)
    if b.dtype in INTEGERS:
        return writer.apply("Mod", a, _safe_divisor(writer, b, zero, _equals(writer, b, -1)))
    nothing = writer.number(0, b.dtype)
    rest = writer.apply("Mod", a, writer.apply("Where", zero, writer.number(1, b.dtype), b, dtype=b.dtype), fmod=1)
    other_sign = writer.apply("Xor", writer.apply("Less", rest, nothing, dtype="bool"), writer.apply("Less", b, nothing, dtype="bool"))
    wrong = writer.apply("And", other_sign, writer.apply("Not", _equals(writer, rest, 0)))
    rest = writer.apply("Where", wrong, writer.apply("Add", rest, b), rest, dtype=b.dtype)
    return writer.apply("Where", zero, nothing, rest, dtype=b.dtype)


def _hypot(writer: OnnxWriter, node: Node) -> Tensor:
    """Returns m * sqrt(1 + (n/m)^2) of the larger and the smaller size, which overflows only where the result does; integers plainly in f64.

    n/m is 1 where both are the same, zeros and infinities too; and of an infinity and a NaN the infinity counts, as IEEE 754 has it.
    """
    a, b = operands(writer, node)
    if a.dtype in INTEGERS:
        wide = [writer.cast(operand, "f64") for operand in (a, b)]
        return writer.apply("Sqrt", writer.apply("Add", *(writer.apply("Mul", operand, operand) for operand in wide)))
    a, b = writer.apply("Abs", a), writer.apply("Abs", b)
    one, large, small = writer.number(1, a.dtype), writer.apply("Max", a, b), writer.apply("Min", a, b)
    same = writer.apply("Equal", small, large, dtype="bool")
    ratio = writer.apply("Where", same, one, writer.apply("Div", small, large), dtype=a.dtype)
    length = writer.apply("Mul", large, writer.apply("Sqrt", writer.apply("Add", writer.apply("Mul", ratio, ratio), one)))
    infinite = writer.apply("Or", _equals(writer, a, math.inf), _equals(writer, b, math.inf))
    return writer.apply("Where", infinite, writer.number(math.inf, a.dtype), length, dtype=a.dtype)


def prelu(writer: OnnxWriter, x: Tensor, slope: Tensor) -> Tensor:
    """Returns x where positive, else slope * x; the slopes broadcast against x."""
    if x.dtype not in ("f32", "f16"):  # all that ONNX Runtime's PRelu takes
        positive = writer.apply("Greater", x, writer.number(0, x.dtype), dtype="bool")
        return writer.apply("Where", positive, x, writer.apply("Mul", x, slope), dtype=x.dtype)
    return writer.apply("PRelu", x, slope)


def _prelu(writer: OnnxWriter, node: Node) -> Tensor:
    x = writer.computed(node.inputs[0])
    slope = node.inputs[1]
    slopes = int(slope.type.shape[0])  # type: ignore[arg-type]  # channels have no N
    return prelu(writer, x, writer.arranged(slope, (slopes, *(1,) * (node.type.rank - 2)), x.dtype))


def _where(writer: OnnxWriter, node: Node) -> Tensor:
    condition, a, b = node.inputs
    chosen = writer.operand(condition, "bool")
    if condition.type.rank != a.type.rank:
        chosen = writer.reshape(chosen, (-1, *(1,) * (a.type.rank - 1)))
    first, second = writer.computed(a), writer.computed(b)
    return writer.apply("Where", chosen, first, second, dtype=first.dtype)


def _cast(writer: OnnxWriter, node: Node) -> Tensor:
    x, dtype = writer.operand(node.inputs[0]), node.attrs["dtype"]
    if x.dtype in ("f32", "f64", "f16", "bf16") and dtype in ("u8", "i8"):
        x = writer.cast(x, "i32")  # floats past the range wrap by way of 32 bits; ONNX leaves it open
    return writer.cast(x, dtype)


HANDLERS: dict[str, Handler] = {
    **dict.fromkeys(FUNCTIONS, _function),
    **{name: partial(_binary, kind=kind)
       for name, kind in {"add": "Add", "sub": "Sub", "mul": "Mul", "power": "Pow", "maximum": "Max", "minimum": "Min"}.items()},
    **{name: partial(_comparison, kind=kind)
       for name, kind in {"equal": "Equal", "greater": "Greater", "greater_equal": "GreaterOrEqual", "lesser": "Less", "lesser_equal": "LessOrEqual"}.items()},
    **{name: partial(_logical, kind=kind) for name, kind in {"logical_and": "And", "logical_or": "Or", "logical_xor": "Xor"}.items()},
    "not_equal": _not_equal, "div": _div, "mod": _mod, "hypot": _hypot, "prelu": _prelu, "where": _where, "cast": _cast,
}
