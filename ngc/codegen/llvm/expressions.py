"""Turns operators and steps into the expressions that loop nests compute."""

from collections.abc import Sequence

from ngc.codegen.llvm.kernels.expression import KINDS as REGISTER_KINDS
from ngc.codegen.llvm.kernels.expression import Binary, Cast, Compare, Const, Expr, Quantize, Select, Unary
from ngc.ir import Node, Step
from ngc.ir.ops.bits import SHIFTS
from ngc.ir.ops.elementwise import scalar_array
from ngc.ir.tensor_type import DTYPES
from ngc.ir.unary import UNARY

_COMPARISONS = {"equal": "eq", "not_equal": "ne", "greater": "gt", "greater_equal": "ge", "lesser": "lt", "lesser_equal": "le"}

_INTEGERS = frozenset({"abs", "sign", "square", "negative", "relu", "logical_not"})
"""Functions that loop nests compute on integers; the others go through double precision."""


def unary(name: str, x: Expr, params: Sequence[float], dtype: str) -> Expr:
    """Returns f(x) for a value of an IR dtype."""
    if dtype in ("f32", "f64", "f16", "bf16") or name in _INTEGERS:
        return Unary(name, x, tuple(params))
    return Cast(Unary(name, Cast(x, "f64"), tuple(params)), dtype)


def binary(name: str, a: Expr, b: Expr) -> Expr:
    """Returns an operator of two operands."""
    return Compare(_COMPARISONS[name], a, b) if name in _COMPARISONS else Binary(name, a, b)


def scalar(value: float, dtype: str) -> Const:
    """Returns a scalar in the kind of a dtype; integers hold it as the dtype does, truncated and wrapped, as MXNet has it: -2 is 254 in u8."""
    kind = REGISTER_KINDS[dtype]
    return Const(float(scalar_array(value, DTYPES[dtype]).item()) if kind.startswith("i") else value, kind)


def node_expression(node: Node, operands: Sequence[Expr]) -> Expr:
    """Returns what an element-wise operator computes from its operands' elements."""
    dtype = node.inputs[0].type.dtype
    if node.op in UNARY:
        return unary(node.op, operands[0], [node.attrs[name] for name, _ in UNARY[node.op].params], dtype)
    match node.op:
        case "where":
            return Select(operands[0], operands[1], operands[2])
        case "cast":
            return Cast(operands[0], node.attrs["dtype"])
        case "prelu":
            return Select(Compare("gt", operands[0], Const(0.0, REGISTER_KINDS[dtype])), operands[0], Binary("mul", operands[0], operands[1]))
        case "batch_norm":
            return Binary("add", Binary("mul", operands[0], operands[1]), operands[2])
    a = operands[0]
    b = operands[1] if len(operands) == 2 else scalar(node.attrs["scalar"], dtype)
    if node.attrs["reverse"]:
        a, b = b, a
    return _shift(node.op, a, b, dtype) if node.op in SHIFTS else binary(node.op, a, b)


def _shift(name: str, a: Expr, places: Expr, dtype: str) -> Expr:
    """Returns a shift by any number of places of a dtype's elements, whose kind may have more bits."""
    kind, bits = REGISTER_KINDS[dtype], 8 * DTYPES[dtype].itemsize
    inside = Binary("logical_and", Compare("ge", places, Const(0, kind)), Compare("lt", places, Const(bits, kind)))
    shifted = Binary(name, a, Select(inside, places, Const(63 if kind == "i64" else 31, kind)))
    return shifted if name == "shift_right" else Select(inside, shifted, Const(0, kind))


def chain_expression(steps: Sequence[Step], result: str, x: Expr, operands: Sequence[Expr], dtypes: Sequence[str]) -> Expr:
    """Returns x after all steps as an element of dtype `result`; `dtypes` are those of x and of the steps' operands. Integers of u8 are read as floats."""
    first, *remaining = (Cast(load, "f32") if dtype == "u8" else load for load, dtype in zip((x, *operands), dtypes, strict=True))
    value: Expr = first
    for step in steps:
        value = step_expression(step, value, [remaining.pop(0) for _ in range(step.operands)])
    return Quantize(value) if result == "u8" else value


def step_expression(step: Step, x: Expr, operands: Sequence[Expr]) -> Expr:
    """Returns the value after one step."""
    match step.kind:
        case "bias" | "add":
            return Binary("add", x, operands[0])
        case "affine":
            return Binary("add", Binary("mul", x, operands[0]), operands[1])
        case "add_scaled":
            return Binary("add", x, Binary("mul", operands[0], Const(step.params[0])))
        case "multiply":
            return Binary("mul", x, operands[0])
        case "scale":
            return Binary("add", Binary("mul", x, Const(step.params[0])), Const(step.params[1]))
        case "prelu":
            return Select(Compare("gt", x, Const(0.0)), x, Binary("mul", x, operands[0]))
        case "tee":
            return x
    return Unary(step.kind, x, step.params)
