"""The dot operations at the heart of a tile: one for each element type of the input, and for u8 one for each kind of instruction set.

Integers are multiplied and added without saturation anywhere on the way, so that all of them give the same sums.
"""

from dataclasses import dataclass

from ngc.codegen.llvm.text import FLOAT, I8, I32, Builder, Value, lanes_of, vector
from ngc.target import CpuTarget


@dataclass(frozen=True)
class DotOp:
    """Multiplies input by weights into an accumulator: the instruction at the heart of a tile.

    `per_lane` consecutive input channels meet in one lane of the accumulator (one for f32, two for bf16, four for u8); together they are one `scalar`
    of memory, which is what a broadcast load reads, and `element` is the type that the instruction sees. Offsets count elements of the operand.
    `intrinsic` is LLVM's name of the instruction for the target's vectors, empty where there is no single one. `parts` is the number of registers into which
    an operand is widened to be multiplied.
    """

    name: str
    element: str
    accumulator: str
    scalar: str
    per_lane: int
    fused: bool = True
    intrinsic: str = ""
    parts: int = 1

    def broadcast(self, b: Builder, pointer: Value, lanes: int) -> Value:
        """Returns one lane's input channels, loaded once and copied into all lanes."""
        value = b.splat(b.load(self.scalar, pointer, align=4 // self.per_lane), lanes)
        return value if self.per_lane == 1 else b.cast("bitcast", value, vector(lanes * self.per_lane, self.element))

    def weights(self, b: Builder, pointer: Value, lanes: int) -> Value:
        """Returns one vector of packed weights."""
        return b.load(vector(lanes * self.per_lane, self.element), pointer, align=4 * lanes)

    def zero(self, lanes: int) -> Value:
        """Returns an accumulator that holds nothing yet."""
        return Value(vector(lanes, self.accumulator), "zeroinitializer")

    def emit(self, b: Builder, accumulator: Value, x: Value, w: Value) -> Value:
        """Returns accumulator + x * w."""
        if self.intrinsic:
            return b.intrinsic(self.intrinsic, accumulator.type, accumulator, x, w)
        return b.fma(x, w, accumulator, fused=self.fused)


def fma_dot(fused: bool) -> DotOp:
    """Returns the f32 dot operation: a fused multiply-add, or a product and a sum where the instruction set has none."""
    return DotOp("fma", element=FLOAT, accumulator=FLOAT, scalar=FLOAT, per_lane=1, fused=fused)


BF16_DOT = DotOp("dpbf16ps", element="bfloat", accumulator=FLOAT, scalar=I32, per_lane=2, intrinsic="llvm.x86.avx512bf16.dpbf16ps.512")
"""Two products of bf16 pairs are added to an f32 accumulator; denormals count as zero."""


@dataclass(frozen=True)
class WordDot(DotOp):
    """Four products of u8 by i8 as two of 16-bit pairs: the even bytes of a lane and the odd ones, widened in place.

    Every dot operation says how its operands are widened; LLVM computes what is equal in a block once.
    """

    def emit(self, b: Builder, accumulator: Value, x: Value, w: Value) -> Value:
        """Returns accumulator + x * w."""
        for odd in (False, True):
            products = b.intrinsic(self.intrinsic, accumulator.type, self._words(b, x, odd, "lshr"), self._words(b, w, odd, "ashr"))
            accumulator = b.define(accumulator.type, f"add {accumulator}, {products.name}")
        return accumulator

    def _words(self, b: Builder, value: Value, odd: bool, shift: str) -> Value:
        """Returns the even or the odd bytes of a vector as 16-bit words."""
        words = b.cast("bitcast", value, vector(lanes_of(value.type) // 2, "i16"))
        eight = b.integer(words.type, 8).name
        if not odd:
            words = b.define(words.type, f"shl {words}, {eight}")
        return b.define(words.type, f"{shift} {words}, {eight}")


@dataclass(frozen=True)
class ByteDot(DotOp):
    """Four products of u8 by i8, one after the other in whole lanes: for any instruction set."""

    def emit(self, b: Builder, accumulator: Value, x: Value, w: Value) -> Value:
        """Returns accumulator + x * w."""
        for position in range(self.parts):
            data, weights = (self._byte(b, value, position, shift) for value, shift in ((x, "lshr"), (w, "ashr")))
            products = b.define(accumulator.type, f"mul {data}, {weights.name}")
            accumulator = b.define(accumulator.type, f"add {accumulator}, {products.name}")
        return accumulator

    def _byte(self, b: Builder, value: Value, position: int, shift: str) -> Value:
        """Returns the byte at a position of each lane, widened to the lane."""
        lanes = b.cast("bitcast", value, vector(lanes_of(value.type) // 4, I32))
        lifted = b.define(lanes.type, f"shl {lanes}, {b.integer(lanes.type, 24 - 8 * position).name}")
        return b.define(lanes.type, f"{shift} {lifted}, {b.integer(lanes.type, 24).name}")


PER_LANE = {"f32": 1, "bf16": 2, "u8": 4}
"""Elements of the input that meet in one lane of an accumulator, by the input's dtype."""

BYTE_DOT = ByteDot("bytes", I8, I32, I32, 4, parts=4)

_PAIRS = {512: "llvm.x86.avx512.pmaddw.d.512", 256: "llvm.x86.avx2.pmadd.wd", 128: "llvm.x86.sse2.pmadd.wd"}


def u8_dot(target: CpuTarget) -> DotOp:
    """Returns the dot operation of u8 data and i8 weights, whose sums are i32."""
    if target.has_vnni:
        return DotOp("vpdpbusd", I8, I32, I32, 4, intrinsic=f"llvm.x86.avx512.vpdpbusd.{target.vector_bits}")
    if target.arch == "x86_64":
        return WordDot("pmaddwd", I8, I32, I32, 4, intrinsic=_PAIRS[target.vector_bits], parts=2)
    return BYTE_DOT


def has_dot(dtype: str, target: CpuTarget) -> bool:
    """Returns whether a target multiplies inputs and weights of a dtype."""
    return dtype in PER_LANE and (dtype != "bf16" or target.has_bf16)


def dot_of(dtype: str, target: CpuTarget) -> DotOp:
    """Returns the dot operation of inputs of a dtype and their weights."""
    match dtype:
        case "bf16":
            return BF16_DOT
        case "u8":
            return u8_dot(target)
        case _:
            return fma_dot(target.has_fma)
