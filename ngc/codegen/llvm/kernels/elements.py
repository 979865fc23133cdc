"""How dtypes are spelled in memory and in registers, and constant fills that several kernels need."""

import math
import struct
from collections.abc import Callable

from ngc.codegen.llvm.text import DOUBLE, FLOAT, I1, I8, I32, I64, Builder, Index, Value, float_literal, lanes_of, overload, vector

STORED: dict[str, str] = {
    "f32": FLOAT,
    "f64": DOUBLE,
    "f16": "i16",
    "bf16": "i16",
    "i8": I8,
    "u8": I8,
    "bool": I8,
    "i32": I32,
    "i64": I64,
}
"""The LLVM type of one element in memory; 16-bit floats are bits there, because LLVM moves them through libcalls on some targets."""

SIZES: dict[str, int] = {"f32": 4, "f64": 8, "f16": 2, "bf16": 2, "i8": 1, "u8": 1, "bool": 1, "i32": 4, "i64": 8}
"""Bytes of one element in memory."""


def literal(dtype: str, value: float) -> str:
    """Returns a constant as LLVM spells an element of a dtype in memory."""
    match dtype:
        case "f32" | "f64":
            if math.isfinite(value):
                return float_literal(value, STORED[dtype])
            return "0x" + struct.pack(">d", value).hex().upper()
        case "f16":
            return str(struct.unpack("<h", struct.pack("<e", value))[0])
        case "bf16":
            return str(struct.unpack("<h", struct.pack("<f", value)[2:])[0])
        case "bool":
            return str(int(bool(value)))
        case _:
            return str(int(value))


def constant(dtype: str, value: float, lanes: int) -> Value:
    """Returns a constant of a stored dtype in all lanes."""
    text, element = literal(dtype, value), STORED[dtype]
    return Value(vector(lanes, element), text if lanes == 1 else f"splat ({element} {text})")


def load(b: Builder, pointer: Value, dtype: str, lanes: int, mask: Value | None = None, value: float = 0.0) -> Value:
    """Loads consecutive elements as they are in memory; lanes that the mask leaves out are not accessed and hold `value`."""
    kind = vector(lanes, STORED[dtype])
    if mask is None:
        return b.load(kind, pointer, SIZES[dtype])
    callee = b.module.declare(f"llvm.masked.load.{overload(kind)}.p0", kind, ("ptr", mask.type, kind))
    return b.define(kind, f"call {kind} {callee}(ptr align {SIZES[dtype]} {pointer.name}, {mask}, {constant(dtype, value, lanes)})")


def store(b: Builder, value: Value, pointer: Value, dtype: str, mask: Value | None = None) -> None:
    """Stores consecutive elements, those that the mask leaves out excepted."""
    if mask is None:
        b.store(value, pointer, SIZES[dtype])
        return
    count, element = lanes_of(value.type), STORED[dtype]
    if SIZES[dtype] < 4 and count > 1:
        # LLVM stores the only lane of a mask that it knows wider than a narrow element is, over the neighbour that may be another thread's.
        for lane in range(count):
            with b.when(b.define(I1, f"extractelement {mask}, i64 {lane}")):
                b.store(b.define(element, f"extractelement {value}, i64 {lane}"), b.gep(pointer, lane, element), SIZES[dtype])
        return
    callee = b.module.declare(f"llvm.masked.store.{overload(value.type)}.p0", "void", (value.type, "ptr", mask.type))
    b.emit(f"call void {callee}({value}, ptr align {SIZES[dtype]} {pointer.name}, {mask})")


def lanes_below(b: Builder, count: Index, lanes: int) -> Value:
    """Returns i1 lanes that are set where the lane's number is less than a count."""
    value = count if isinstance(count, Value) else Value(I64, str(count))
    if lanes == 1:
        return b.icmp("slt", 0, value)
    numbers = ", ".join(f"i64 {lane}" for lane in range(lanes))
    return b.define(vector(lanes, I1), f"icmp slt {vector(lanes, I64)} <{numbers}>, {b.splat(value, lanes).name}")


def each_column(b: Builder, start: Index, stop: Index, multiple: int, lanes: int, masks: bool, body: Callable[[Index, int, Value | None], None]) -> None:
    """Emits body(first, lanes, mask) for all columns from `start` to `stop`: whole vectors, then what is left under a mask, or without masks one by one.

    Args:
        multiple: a number that is a multiple of the vectors' lanes only where nothing is ever left: all columns of a row.
    """
    whole = b.add(start, b.mul(b.div(b.sub(stop, start), lanes), lanes))
    with b.loop(start, whole, lanes) as column:
        body(column.index, lanes, None)
    if multiple % lanes and masks:
        left = b.sub(stop, whole)
        with b.when(b.icmp("sgt", left, 0)):
            body(whole, lanes, lanes_below(b, left, lanes))
    elif multiple % lanes:
        with b.loop(whole, stop) as column:
            body(column.index, 1, None)


def fill(b: Builder, pointer: Value, offset: Index, count: int, dtype: str, value: float, vector_bits: int) -> None:
    """Stores a constant to `count` consecutive elements; vectors overlap at the end, which a fill may."""
    element = STORED[dtype]
    lanes = vector_bits // (8 * SIZES[dtype])
    while lanes > count:
        lanes //= 2
    if not count:
        return
    stored = constant(dtype, value, lanes)
    whole = count // lanes

    def put(position: Index) -> None:
        b.store(stored, b.gep(pointer, b.add(offset, position), element), SIZES[dtype])

    if whole <= 16:
        for index in range(whole):
            put(index * lanes)
    else:
        with b.loop(0, whole // 4 * 4 * lanes, 4 * lanes) as loop:
            for index in range(4):
                put(b.add(loop.index, index * lanes))
        for index in range(whole // 4 * 4, whole):
            put(index * lanes)
    if count % lanes:
        put(count - lanes)


def fill_between(b: Builder, pointer: Value, start: Index, stop: Index, dtype: str, value: float, vector_bits: int) -> None:
    """Stores a constant to the elements from `start` to `stop`, which are known at run time only."""
    element = STORED[dtype]
    lanes = vector_bits // (8 * SIZES[dtype])
    whole = b.add(start, b.mul(b.div(b.smax(b.sub(stop, start), 0), lanes), lanes))
    for begin, end, step in ((start, whole, lanes), (whole, stop, 1)):
        with b.loop(begin, end, step) as place:
            b.store(constant(dtype, value, step), b.gep(pointer, place.index, element), SIZES[dtype])


def copy(b: Builder, source: Value, target: Value, count: int, dtype: str, vector_bits: int) -> None:
    """Copies `count` consecutive elements between buffers that do not overlap; vectors overlap at the end."""
    element, size = STORED[dtype], SIZES[dtype]
    lanes = vector_bits // (8 * size)
    while lanes > count:
        lanes //= 2
    if not count:
        return
    kind = vector(lanes, element)
    whole = count // lanes

    def move(position: Index) -> None:
        b.store(b.load(kind, b.gep(source, position, element), size), b.gep(target, position, element), size)

    if whole <= 16:
        for index in range(whole):
            move(index * lanes)
    else:
        with b.loop(0, whole // 4 * 4 * lanes, 4 * lanes) as loop:
            for index in range(4):
                move(b.add(loop.index, index * lanes))
        for index in range(whole // 4 * 4, whole):
            move(index * lanes)
    if count % lanes:
        move(count - lanes)


def transpose(b: Builder, rows: list[Value]) -> list[Value]:
    """Returns the columns of a square of registers; the number of rows is the number of lanes, a power of two."""
    lanes = len(rows)
    distance = 1
    while distance < lanes:
        low = [j if not j & distance else lanes + j - distance for j in range(lanes)]
        high = [j + distance if not j & distance else lanes + j for j in range(lanes)]
        for i in range(lanes):
            if not i & distance:
                first, second = rows[i], rows[i + distance]
                rows = [*rows]
                rows[i], rows[i + distance] = shuffle(b, first, second, low), shuffle(b, first, second, high)
        distance *= 2
    return rows


def shuffle(b: Builder, first: Value, second: Value, lanes: list[int]) -> Value:
    """Returns lanes chosen from two vectors of one type, numbered through."""
    count = len(lanes)
    mask = ", ".join(f"i32 {lane}" for lane in lanes)
    return b.define(vector(count, first.type[1:-1].split(" x ")[1]), f"shufflevector {first}, {second}, <{count} x i32> <{mask}>")
