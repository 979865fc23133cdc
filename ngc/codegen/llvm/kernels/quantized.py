"""Conversions between integers and floats in registers: sums of products become floats, floats become u8.

All targets give the same bits: a float is rounded to the nearest integer, halves to the even one, and saturated to 0 and 255; NaN gives 0.
"""

from collections.abc import Sequence

from ngc.codegen.llvm.text import FLOAT, I8, I32, Builder, Value, element_of, lanes_of, overload, vector
from ngc.target import CpuTarget

_NEAREST = "llvm.x86.avx512.mask.cvtps2dq.512"
"""Rounds sixteen floats as the control register says, which is to nearest; what is too large becomes 2**31 as an unsigned integer."""

_CURRENT_ROUNDING = 4

_WHOLE = 2.0**23
"""From here to 2**24 floats are the integers: what is added to it is rounded, and the result stands in the low bits."""


def as_floats(b: Builder, sums: Value) -> Value:
    """Returns sums of products as floats, i32 rounded to the nearest; floats as they are."""
    return b.cast("sitofp", sums, vector(lanes_of(sums.type), FLOAT)) if element_of(sums.type) == I32 else sums


def from_u8(b: Builder, stored: Value) -> Value:
    """Returns u8 elements as floats; by way of i32, which vectors convert in one instruction."""
    return as_floats(b, b.cast("zext", stored, vector(lanes_of(stored.type), I32)))


def to_u8(b: Builder, value: Value, target: CpuTarget) -> Value:
    """Returns floats as u8 elements."""
    lanes = lanes_of(value.type)
    integers, narrow = vector(lanes, I32), vector(lanes, I8)
    zero = b.constant(value.type, 0.0)
    value = b.select(b.fcmp("ogt", value, zero), value, zero)  # NaN, which is not greater, becomes 0
    if lanes == 16 and target.has_avx512:
        small = b.intrinsic(f"llvm.umin.{overload(integers)}", integers, _nearest(b, value), b.integer(integers, 255))
        return b.cast("trunc", small, narrow)
    most = b.constant(value.type, 255.0)
    value = b.select(b.fcmp("olt", value, most), value, most)
    return b.cast("trunc", b.cast("bitcast", b.fbinary("fadd", value, b.constant(value.type, _WHOLE)), integers), narrow)


def _nearest(b: Builder, value: Value) -> Value:
    """Returns sixteen floats rounded to i32."""
    integers = vector(16, I32)
    callee = b.module.declare(_NEAREST, integers, (value.type, integers, "i16", "i32 immarg"))
    return b.define(integers, f"call {integers} {callee}({value}, {integers} zeroinitializer, i16 -1, i32 {_CURRENT_ROUNDING})")


def stores_fours(dtype: str, lanes: int, target: CpuTarget) -> bool:
    """Returns whether `fours_to_u8` makes what is stored of vectors of `lanes` floats."""
    return dtype == "u8" and lanes == 16 and target.has_avx512


def runs_of_fours(count: int, fours: bool) -> list[range]:
    """Returns neighbouring pixels in runs that are stored together: in fours where there are any, the last of which may overlap the one before it."""
    size = 4 if fours and count >= 4 else 1
    starts = [min(at, count - size) for at in range(0, count, size)]
    return [range(at, at + size) for at in starts]


def fours_to_u8(b: Builder, values: Sequence[Value]) -> Value:
    """Returns four vectors of sixteen floats as u8 elements, one vector's behind the other's, by packing, which saturates: fewer instructions than four times
    `to_u8`."""
    most = b.constant(values[0].type, 255.0)
    # What is too large for i32, and NaN, which this comparison keeps, becomes the least i32; that packs to 0.
    rounded = [_nearest(b, b.select(b.fcmp("olt", most, value), most, value)) for value in values]
    halves = [b.intrinsic("llvm.x86.avx512.packssdw.512", vector(32, "i16"), *pair) for pair in (rounded[:2], rounded[2:])]
    packed = b.cast("bitcast", b.intrinsic("llvm.x86.avx512.packuswb.512", vector(64, I8), *halves), vector(16, I32))
    # Packing goes by quarters of a register, of which each holds four lanes of all vectors now.
    order = ", ".join(f"i32 {word % 4 * 4 + word // 4}" for word in range(16))
    mixed = b.define(packed.type, f"shufflevector {packed}, {packed.type} poison, <16 x i32> <{order}>")
    return b.cast("bitcast", mixed, vector(64, I8))
