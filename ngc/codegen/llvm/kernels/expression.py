"""What a loop nest computes: expressions over its loops' indices and its operands' elements.

Values have one of four kinds in registers: f32 (also f16 and bf16 in memory), f64, i32 (also i8, u8 and bool) and i64 (also loop
indices). Operands of one operation have one kind; `Cast` goes between them, with MXNet's semantics.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Union

KINDS: dict[str, str] = {
    "f32": "f32",
    "f16": "f32",
    "bf16": "f32",
    "f64": "f64",
    "i8": "i32",
    "u8": "i32",
    "bool": "i32",
    "i32": "i32",
    "i64": "i64",
}
"""The kind that elements of a dtype have in registers."""


@dataclass(frozen=True)
class N:
    """`coefficient` times the batch of the run, as an extent or a stride."""

    coefficient: int


Extent = int | N


@dataclass(frozen=True)
class Axis:
    """A term of an address that is not linear in the loops: `index * stride`, the index an i64 expression."""

    index: "Expr"
    stride: Extent


@dataclass(frozen=True)
class Load:
    """An element of an operand at base + sum(stride * loop) + axes; `fill` where an i64 `guard` is zero, with no access."""

    operand: int
    strides: tuple[Extent, ...]
    base: Extent = 0
    axes: tuple[Axis, ...] = ()
    guard: Union["Expr", None] = None
    fill: float = 0.0


@dataclass(frozen=True)
class Const:
    """A constant of a kind."""

    value: float
    kind: str = "f32"


@dataclass(frozen=True)
class Index:
    """The index of a loop, of kind i64."""

    loop: int


@dataclass(frozen=True)
class Batch:
    """The batch of the run, of kind i64."""


@dataclass(frozen=True)
class Unary:
    """A function of `vector_math.ACTIVATIONS` or `UNARY`; integers know abs, sign, square, negative, relu and logical_not."""

    name: str
    operand: "Expr"
    params: tuple[float, ...] = ()


@dataclass(frozen=True)
class Binary:
    """add, sub, mul, div, mod, power, maximum, minimum, hypot, logical_and, logical_or, logical_xor; of integers only floor_div, bitwise_and, bitwise_or,
    bitwise_xor, and shift_left and shift_right, arithmetically, by fewer places than the kind has bits."""

    name: str
    left: "Expr"
    right: "Expr"


@dataclass(frozen=True)
class Compare:
    """eq, ne, lt, le, gt, ge: one or zero, of the operands' kind."""

    name: str
    left: "Expr"
    right: "Expr"


@dataclass(frozen=True)
class Select:
    """then where the condition is not zero, else otherwise; both are computed."""

    condition: "Expr"
    then: "Expr"
    otherwise: "Expr"


@dataclass(frozen=True)
class Cast:
    """Conversion to a dtype, its range and precision included: truncation toward zero, wrap for 8 bits, NaN to true."""

    operand: "Expr"
    dtype: str


@dataclass(frozen=True)
class Quantize:
    """A value of kind f32 as a u8, which is of kind i32: the nearest integer, halves to even, within 0 and 255; 0 for NaN."""

    operand: "Expr"


@dataclass(frozen=True)
class Reduce:
    """sum, prod, max or min of the operand over the reduced loops, in an accumulator of the given kind, which the result has.

    argmax and argmin (over one loop, the first of equals, or the first NaN) have results of kind i64 and ignore `accumulator`.
    """

    name: str
    operand: "Expr"
    accumulator: str


Expr = Load | Const | Index | Batch | Unary | Binary | Compare | Select | Cast | Quantize | Reduce


def children(expr: Expr) -> tuple[Expr, ...]:
    """Returns the operands of an expression, those of addresses included."""
    match expr:
        case Load():
            return (*(axis.index for axis in expr.axes), *(() if expr.guard is None else (expr.guard,)))
        case Unary() | Cast() | Quantize() | Reduce():
            return (expr.operand,)
        case Binary() | Compare():
            return (expr.left, expr.right)
        case Select():
            return (expr.condition, expr.then, expr.otherwise)
        case _:
            return ()


def walk(expr: Expr) -> Iterator[Expr]:
    """Yields an expression and all below it."""
    yield expr
    for child in children(expr):
        yield from walk(child)


def uses(expr: Expr, loop: int) -> bool:
    """Returns whether the value of an expression depends on a loop."""
    return any(
        (isinstance(part, Index) and part.loop == loop) or (isinstance(part, Load) and part.strides[loop] != 0)
        for part in walk(expr)
    )


def kind_of(expr: Expr, operands: tuple[str, ...]) -> str:
    """Returns the kind that a value has in registers."""
    match expr:
        case Load():
            return KINDS[operands[expr.operand]]
        case Const():
            return expr.kind
        case Index() | Batch():
            return "i64"
        case Unary():
            return kind_of(expr.operand, operands)
        case Binary() | Compare():
            return kind_of(expr.left, operands)
        case Select():
            return kind_of(expr.then, operands)
        case Cast():
            return KINDS[expr.dtype]
        case Quantize():
            return KINDS["u8"]
        case Reduce():
            return "i64" if expr.name.startswith("arg") else expr.accumulator
