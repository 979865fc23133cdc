"""Sorts words by their upper halves inside of a kernel: a radix sort by the least significant digit, in the time of a few passes over the data.

What is sorted is a key above a number, so a sorted word says where its element lies; equal keys keep their order. From Knuth, The Art of Computer
Programming, volume 3, section 5.2.5.
"""

from ngc.codegen.llvm.kernels.elements import fill
from ngc.codegen.llvm.text import FLOAT, I32, I64, PTR, Builder, Index, Value
from ngc.target import CpuTarget

_DIGIT_BITS = 8
_PASSES = 32 // _DIGIT_BITS
"""An even number, after which the words are back in their own buffer."""


def descending_key(b: Builder, score: Value) -> Value:
    """Returns an i64 whose upper half is smaller the larger a float is, and equal for both zeros; NaN has no place in that order."""
    bits = b.cast("bitcast", b.fbinary("fadd", score, b.constant(FLOAT, 0.0)), I32)  # -0 + 0 is 0
    # Two's complement of floats: the sign bit is flipped for positive numbers, all bits for negative ones; then all again, to descend.
    sign = b.define(I32, f"ashr {bits}, 31")
    flips = b.define(I32, f"or {sign}, -2147483648")
    ascending = b.define(I32, f"xor {bits}, {flips.name}")
    descending = b.define(I32, f"xor {ascending}, -1")
    return b.define(I64, f"shl {b.cast('zext', descending, I64)}, 32")


def with_number(b: Builder, key: Value, number: Index) -> Value:
    """Returns the word of a key and a number below 2^32."""
    return b.define(I64, f"or {key}, {number if isinstance(number, int) else number.name}")


def number_of(b: Builder, word: Value) -> Value:
    """Returns the number below a key."""
    return b.define(I64, f"and {word}, 4294967295")


def emit_radix_sort(b: Builder, target: CpuTarget, words: Value, spare: Value, count: Index) -> None:
    """Sorts `count` i64 words by their upper halves, ascending and stable; `spare` is a buffer as large."""
    digits = 1 << _DIGIT_BITS
    table = b.alloca(I64, digits)
    with b.loop(0, _PASSES, carried=[Value(PTR, words.name), Value(PTR, spare.name)], hint="digit") as each:
        source, goal = each.values
        shift = b.add(b.mul(each.index, _DIGIT_BITS), 32)

        def slot(word: Value, shift: Index = shift) -> Value:
            assert isinstance(shift, Value)
            digit = b.define(I64, f"and {b.define(I64, f'lshr {word}, {shift.name}')}, {digits - 1}")
            return b.gep(table, digit, I64)

        fill(b, table, 0, digits, "i64", 0, target.vector_bits)
        with b.loop(0, count) as place:
            counter = slot(b.load(I64, b.gep(source, place.index, I64), 8))
            b.store(b.define(I64, f"add {b.load(I64, counter, 8)}, 1"), counter, 8)
        with b.loop(0, digits, carried=[Value(I64, "0")]) as digit:
            begin, counter = digit.values[0], b.gep(table, digit.index, I64)
            digit.carry([b.define(I64, f"add {b.load(I64, counter, 8)}, {begin.name}")])
            b.store(begin, counter, 8)
        with b.loop(0, count) as place:
            word = b.load(I64, b.gep(source, place.index, I64), 8)
            counter = slot(word)
            position = b.load(I64, counter, 8)
            b.store(word, b.gep(goal, position, I64), 8)
            b.store(b.define(I64, f"add {position}, 1"), counter, 8)
        each.carry([goal, source])
