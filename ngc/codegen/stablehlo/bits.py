"""Operators on the bits of integers in StableHLO, which leaves open what shifts by all bits and more give."""

from collections.abc import Sequence

from ngc.codegen.stablehlo.elementwise import operand_pair
from ngc.codegen.stablehlo.text import Body, Emitter, Tensor
from ngc.ir import Node
from ngc.ir.tensor_type import DTYPES


def emit_bitwise(body: Body, node: Node, operands: Sequence[Tensor]) -> list[Tensor]:
    """Emits and, or and exclusive or."""
    return [body.map(node.op.removeprefix("bitwise_"), *operand_pair(body, node, operands))]


def emit_shift(body: Body, node: Node, operands: Sequence[Tensor]) -> list[Tensor]:
    """Emits shifts: by all bits where the places are none that a number of the type has."""
    x, places = operand_pair(body, node, operands)
    last = 8 * DTYPES[x.dtype].itemsize - 1
    inside = body.compare(places, "LE", last)
    if x.dtype != "u8":
        inside = body.map("and", body.compare(places, "GE", 0), inside)
    if node.op == "shift_left":
        return [body.select(inside, body.map("shift_left", x, body.select(inside, places, 0)), 0)]
    if x.dtype == "u8":
        return [body.select(inside, body.map("shift_right_logical", x, body.select(inside, places, 0)), 0)]
    return [body.map("shift_right_arithmetic", x, body.select(inside, places, last))]


EMITTERS: dict[str, Emitter] = {
    **dict.fromkeys(("bitwise_and", "bitwise_or", "bitwise_xor"), emit_bitwise),
    **dict.fromkeys(("shift_left", "shift_right"), emit_shift),
}
