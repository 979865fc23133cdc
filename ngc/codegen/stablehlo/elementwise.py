"""Element-wise operators of several operands, casts, and quantization."""

import math
from collections.abc import Callable, Sequence

import numpy as np

from ngc.codegen.stablehlo.steps import finish, start
from ngc.codegen.stablehlo.text import Body, Tensor
from ngc.codegen.stablehlo.unary import emit_unary, leaky_relu
from ngc.ir import Node
from ngc.ir.ops.elementwise import scalar_array
from ngc.ir.tensor_type import DTYPES
from ngc.ir.unary import UNARY

COMPARISONS = {"equal": "EQ", "not_equal": "NE", "greater": "GT", "greater_equal": "GE", "lesser": "LT", "lesser_equal": "LE"}

LOGIC = {"logical_and": "and", "logical_or": "or", "logical_xor": "xor"}

ARITHMETIC = {"add": "add", "sub": "subtract", "mul": "multiply", "maximum": "maximum", "minimum": "minimum", "power": "power"}
"""Operators that StableHLO has under another name."""


def _divide(body: Body, a: Tensor, b: Tensor) -> Tensor:
    """a / b; integers toward zero, by zero to 0."""
    if a.is_float:
        return body.divide(a, b)
    by_zero = body.compare(b, "EQ", 0)
    return body.select(by_zero, 0, body.divide(a, body.select(by_zero, 1, b)))


def _modulo(body: Body, a: Tensor, b: Tensor) -> Tensor:
    """The remainder with b's sign, 0 for b = 0: StableHLO's has a's sign, so b is added where they differ."""
    by_zero = body.compare(b, "EQ", 0)
    safe = body.select(by_zero, 1, b)
    rest = body.map("remainder", a, safe)
    if a.dtype != "u8":
        differ = body.compare(body.compare(rest, "LT", 0), "NE", body.compare(safe, "LT", 0))
        rest = body.select(body.map("and", differ, body.compare(rest, "NE", 0)), body.add(rest, safe), rest)
    return body.select(by_zero, 0, rest)


def _hypot(body: Body, a: Tensor, b: Tensor) -> Tensor:
    """m * sqrt(1 + (n / m)^2) with m the larger of both sizes, which does not overflow; m itself where it is 0 or infinite."""
    a, b = body.map("abs", a), body.map("abs", b)
    large, small = body.maximum(a, b), body.minimum(a, b)
    ratio = body.divide(small, large)
    result = body.multiply(large, body.map("sqrt", body.add(body.multiply(ratio, ratio), 1.0)))
    plain = body.map("or", body.compare(large, "EQ", 0.0), body.compare(large, "EQ", math.inf))
    return body.select(plain, large, result)


_SPECIAL: dict[str, Callable[[Body, Tensor, Tensor], Tensor]] = {"div": _divide, "mod": _modulo, "hypot": _hypot}


def operand_pair(body: Body, node: Node, operands: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Returns both operands of a node of two, or of one and a scalar, in the result's shape and in the order that `reverse` says."""
    first = body.wide(operands[0])
    if len(operands) == 2:
        shape = tuple(int(dim) for dim in node.type.shape)  # type: ignore[arg-type]  # fixed, as all shapes here
        pair = body.broadcast_right(first, shape), body.broadcast_right(body.wide(operands[1]), shape)
    else:
        pair = first, body.like(first, scalar_array(node.attrs["scalar"], DTYPES.get(operands[0].dtype, np.dtype(np.float32))).item())
    return (pair[1], pair[0]) if node.attrs["reverse"] else pair


def emit_binary(body: Body, node: Node, operands: Sequence[Tensor]) -> list[Tensor]:
    """Emits the operators of two operands, or of one and a scalar; comparisons give 0 and 1 in the operands' dtype."""
    dtype = operands[0].dtype
    a, b = operand_pair(body, node, operands)
    if node.op in COMPARISONS:
        result = body.compare(a, COMPARISONS[node.op], b)
    elif node.op in LOGIC:
        result = body.map(LOGIC[node.op], body.compare(a, "NE", 0), body.compare(b, "NE", 0))
    elif node.op in ARITHMETIC:
        result = body.map(ARITHMETIC[node.op], a, b)
    else:
        result = _SPECIAL[node.op](body, a, b)
    return [body.convert(result, dtype)]


def emit_unary_node(body: Body, node: Node, operands: Sequence[Tensor]) -> list[Tensor]:
    """Emits the operators of one operand."""
    return [emit_unary(body, node.op, operands[0], tuple(node.attrs[name] for name, _ in UNARY[node.op].params))]


def emit_prelu(body: Body, node: Node, operands: Sequence[Tensor]) -> list[Tensor]:
    """Emits prelu, with a slope for each channel or for all."""
    x, slope = body.wide(operands[0]), body.wide(operands[1])
    return [body.convert(leaky_relu(body, x, body.along(slope, x, 1)), operands[0].dtype)]


def emit_where(body: Body, node: Node, operands: Sequence[Tensor]) -> list[Tensor]:
    """Emits where; a condition of rank 1 chooses whole rows."""
    condition, a, b = operands
    chosen = condition if condition.dtype == "bool" else body.compare(condition, "NE", 0)
    return [body.select(body.broadcast(chosen, a.shape, range(chosen.rank)), a, b)]


def emit_eltwise(body: Body, node: Node, operands: Sequence[Tensor]) -> list[Tensor]:
    """Emits a chain of steps."""
    (x,), _, after = start(body, node, operands)
    return finish(body, node, body.convert(x, "f32"), after)


def emit_cast(body: Body, node: Node, operands: Sequence[Tensor]) -> list[Tensor]:
    """Emits casts: floats go toward zero, to INT_MIN out of range, and through 32 bits to narrower integers, which wrap."""
    x, dtype = operands[0], node.attrs["dtype"]
    if dtype == "bool":
        return [x if x.dtype == "bool" else body.compare(x, "NE", 0)]
    if not x.is_float or dtype not in ("u8", "i8", "i32"):
        return [body.convert(x, dtype)]
    x = body.wide(x)
    lowest = int(np.iinfo(np.int32).min)
    fits = body.map("and", body.compare(x, "GE", float(lowest)), body.compare(x, "LT", -float(lowest)))
    whole = body.convert(body.select(fits, x, 0.0), "i32")
    return [body.convert(body.select(fits, whole, lowest), dtype)]


def _scales(body: Body, node: Node, like: Tensor) -> Tensor | float:
    scales = node.attrs["scales"]
    return scales[0] if node.attrs["axis"] is None else body.along(body.vector(scales, "f32"), like, node.attrs["axis"])


def emit_quantize(body: Body, node: Node, operands: Sequence[Tensor]) -> list[Tensor]:
    """Emits quantize: halves go to even, NaN to the zero point."""
    x = body.wide(operands[0])
    number = body.select(body.compare(x, "EQ", x), x, 0.0)
    scaled = body.divide(number, _scales(body, node, x))
    integers = body.add(body.map("round_nearest_even", scaled), float(node.attrs["zero_point"]))
    limits = np.iinfo(DTYPES[node.attrs["dtype"]])
    return [body.convert(body.minimum(body.maximum(integers, float(limits.min)), float(limits.max)), node.attrs["dtype"])]


def emit_dequantize(body: Body, node: Node, operands: Sequence[Tensor]) -> list[Tensor]:
    """Emits dequantize."""
    x = body.subtract(body.convert(operands[0], "f32"), float(node.attrs["zero_point"]))
    return [body.convert(body.multiply(x, _scales(body, node, x)), node.attrs["dtype"])]
