"""Conversions between 16-bit floats in memory and floats in registers, and loads and stores of tensors that are f32 in registers.

Where the target has no instruction LLVM would call compiler-rt once per lane; integer arithmetic on whole vectors does instead.
Rounding is to nearest, halves to even; overflow gives infinity and NaN stays NaN.
"""

from ngc.codegen.llvm.kernels import elements
from ngc.codegen.llvm.kernels.quantized import from_u8, to_u8
from ngc.codegen.llvm.text import FLOAT, I1, I32, Builder, Value, lanes_of, vector
from ngc.target import CpuTarget

_I16 = "i16"


class _Bits:
    """Terse 32-bit integer operations on lanes."""

    def __init__(self, b: Builder, lanes: int) -> None:
        self.b, self.lanes, self.kind = b, lanes, vector(lanes, I32)

    def do(self, operation: str, a: Value, c: Value | int) -> Value:
        right = c if isinstance(c, Value) else self.b.integer(self.kind, c)
        return self.b.define(self.kind, f"{operation} {a}, {right.name}")

    def less(self, a: Value, c: int) -> Value:
        return self.b.define(vector(self.lanes, I1), f"icmp ult {a}, {self.b.integer(self.kind, c).name}")

    def float(self, a: Value) -> Value:
        return self.b.cast("bitcast", a, vector(self.lanes, FLOAT))

    def of(self, a: Value) -> Value:
        return self.b.cast("bitcast", a, self.kind)


def _native(target: CpuTarget) -> bool:
    return target.arch == "aarch64" or target.has("f16c")


def from_bits16(b: Builder, stored: Value, dtype: str, target: CpuTarget) -> Value:
    """Returns f16 or bf16 elements, as 16-bit integers, as floats."""
    lanes = lanes_of(stored.type)
    if dtype == "f16" and _native(target):
        return b.cast("fpext", b.cast("bitcast", stored, vector(lanes, "half")), vector(lanes, FLOAT))
    bits = _Bits(b, lanes)
    word = b.cast("zext", stored, bits.kind)
    if dtype == "bf16":
        return bits.float(bits.do("shl", word, 16))
    magnitude = bits.do("shl", bits.do("and", word, 0x7FFF), 13)
    # the exponent's bias grows by 112: a multiplication does that, for denormals too; infinities and NaN need the largest exponent
    scaled = bits.of(b.fbinary("fmul", bits.float(magnitude), b.constant(vector(lanes, FLOAT), 2.0**112)))
    special = bits.do("or", magnitude, 0x7F800000)
    magnitude = b.select(bits.less(magnitude, 0x7C00 << 13), scaled, special)
    return bits.float(bits.do("or", magnitude, bits.do("shl", bits.do("and", word, 0x8000), 16)))


def to_bits16(b: Builder, value: Value, dtype: str, target: CpuTarget) -> Value:
    """Returns floats rounded to f16 or bf16 elements, as 16-bit integers."""
    lanes = lanes_of(value.type)
    if dtype == "f16" and _native(target):
        return b.cast("bitcast", b.cast("fptrunc", value, vector(lanes, "half")), vector(lanes, _I16))
    bits = _Bits(b, lanes)
    word = bits.of(value)
    if dtype == "bf16":
        odd = bits.do("and", bits.do("lshr", word, 16), 1)
        rounded = bits.do("lshr", bits.do("add", word, bits.do("add", odd, 0x7FFF)), 16)
        quiet = bits.do("or", bits.do("lshr", word, 16), 0x40)
        result = b.select(b.fcmp("uno", value, value), quiet, rounded)
    else:
        sign = bits.do("and", bits.do("lshr", word, 16), 0x8000)
        magnitude = bits.do("and", word, 0x7FFFFFFF)
        odd = bits.do("and", bits.do("lshr", magnitude, 13), 1)
        # from 2**-14 on: subtract 112 from the exponent and round; below, adding 1/2 aligns denormals to the end of the word
        normal = bits.do("lshr", bits.do("add", magnitude, bits.do("add", odd, 0xFFF - (112 << 23))), 13)
        half = b.constant(vector(lanes, FLOAT), 0.5)
        denormal = bits.do("sub", bits.of(b.fbinary("fadd", bits.float(magnitude), half)), bits.of(half))
        result = b.select(bits.less(magnitude, 113 << 23), denormal, normal)
        result = b.select(bits.less(magnitude, 0x477FF000), result, b.integer(bits.kind, 0x7C00))
        result = b.select(bits.less(magnitude, 0x7F800001), result, b.integer(bits.kind, 0x7E00))
        result = bits.do("or", result, sign)
    return b.cast("trunc", result, vector(lanes, _I16))


# -- tensors ------------------------------------------------------------------------------------------------------

_NARROWED = "llvm.x86.avx512bf16.cvtneps2bf16.512"
"""Rounds sixteen floats to bf16 as `to_bits16` does, but for denormals, which become zero."""


def load_reals(b: Builder, pointer: Value, dtype: str, lanes: int, target: CpuTarget, mask: Value | None = None, fill: float = 0.0) -> Value:
    """Loads consecutive elements of a tensor of floats as f64 where they are that, else as f32; lanes that the mask leaves out hold `fill`."""
    stored = elements.load(b, pointer, dtype, lanes, mask, fill)
    return stored if dtype in ("f32", "f64") else from_bits16(b, stored, dtype, target)


def store_reals(b: Builder, value: Value, pointer: Value, dtype: str, target: CpuTarget, mask: Value | None = None) -> None:
    """Stores f64 or f32 values to consecutive elements of a tensor of floats, those that the mask leaves out excepted."""
    elements.store(b, value if dtype in ("f32", "f64") else to_bits16(b, value, dtype, target), pointer, dtype, mask)


def load_floats(b: Builder, pointer: Value, dtype: str, lanes: int, target: CpuTarget, mask: Value | None = None) -> Value:
    """Loads consecutive elements of a tensor of floats or u8 as f32; lanes that the mask leaves out are not accessed and hold 0."""
    stored = elements.load(b, pointer, dtype, lanes, mask)
    if dtype == "u8":
        return from_u8(b, stored)
    return stored if dtype == "f32" else from_bits16(b, stored, dtype, target)


def store_floats(b: Builder, value: Value, pointer: Value, dtype: str, target: CpuTarget, mask: Value | None = None) -> None:
    """Stores f32 values to consecutive elements of a tensor of floats or u8, those that the mask leaves out excepted."""
    if dtype == "u8":
        value = to_u8(b, value, target)
    elif dtype == "bf16" and target.has_bf16 and lanes_of(value.type) == 16:
        value = b.cast("bitcast", b.intrinsic(_NARROWED, vector(16, "bfloat"), value), vector(16, _I16))
    elif dtype != "f32":
        value = to_bits16(b, value, dtype, target)
    elements.store(b, value, pointer, dtype, mask)
