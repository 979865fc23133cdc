"""Operators on the bits of integers in ONNX, whose BitShift takes no signed ones: shifts are products with powers of 2, and quotients rounded down.

    x << s  =  x * 2^s                                 products wrap, and 2^(bits-1) is the least number
    x >> s  =  (x - x mod 2^s) / 2^s                   exact; for s of all bits but the sign, and more, -1 or 0 as the sign is

Integers of 8 bits are computed in 32, where places of 8 or more leave the same as a shift by all of 8 bits.
"""

from functools import partial

import numpy as np

from ngc.codegen.onnx.elementwise import operands
from ngc.codegen.onnx.writer import Handler, OnnxWriter, Tensor
from ngc.ir import Node
from ngc.ir.tensor_type import DTYPES


def _bitwise(writer: OnnxWriter, node: Node, kind: str) -> Tensor:
    return writer.apply(kind, *operands(writer, node))


def _powers(writer: OnnxWriter, places: Tensor, dtype: str) -> Tensor:
    """Returns 2 to the power of integers that are 0 or more and less than the bits of a type."""
    bits = 8 * DTYPES[dtype].itemsize
    table = writer.vector((np.array(1, DTYPES[dtype]) << np.arange(bits, dtype=DTYPES[dtype])).tolist(), dtype)
    return writer.apply("Gather", table, places, dtype=dtype)


def _clipped(writer: OnnxWriter, places: Tensor, most: int) -> tuple[Tensor, Tensor]:
    """Returns places brought between 0 and `most`, and where that left them as they are."""
    clipped = writer.apply("Clip", places, writer.number(0, places.dtype), writer.number(most, places.dtype))
    return clipped, writer.apply("Equal", clipped, places, dtype="bool")


def _shift_left(writer: OnnxWriter, node: Node) -> Tensor:
    x, places = operands(writer, node)
    clipped, inside = _clipped(writer, places, 8 * DTYPES[x.dtype].itemsize - 1)
    product = writer.apply("Mul", x, _powers(writer, clipped, x.dtype))
    return writer.apply("Where", inside, product, writer.number(0, x.dtype), dtype=x.dtype)


def _shift_right(writer: OnnxWriter, node: Node) -> Tensor:
    x, places = operands(writer, node)
    clipped, inside = _clipped(writer, places, 8 * DTYPES[x.dtype].itemsize - 2)
    power, nothing = _powers(writer, clipped, x.dtype), writer.number(0, x.dtype)
    quotient = writer.apply("Div", writer.apply("Sub", x, writer.apply("Mod", x, power)), power)
    sign = writer.apply("Where", writer.apply("Less", x, nothing, dtype="bool"), writer.number(-1, x.dtype), nothing, dtype=x.dtype)
    return writer.apply("Where", inside, quotient, sign, dtype=x.dtype)


HANDLERS: dict[str, Handler] = {
    **{f"bitwise_{name.lower()}": partial(_bitwise, kind=f"Bitwise{name}") for name in ("And", "Or", "Xor")},
    "shift_left": _shift_left,
    "shift_right": _shift_right,
}
