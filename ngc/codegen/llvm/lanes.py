"""Values of one float type with Python's operators: what vector math is written in.

`Lanes` wraps a scalar or a vector of the text builder, so that a polynomial reads like one. Nothing here assumes more of the
target than SSE2 or NEON: rounding and fused multiply-add fall back to plain arithmetic where they are no instruction, because
LLVM would call libm once per lane there.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from ngc.codegen.llvm.text import DOUBLE, FLOAT, I32, I64, Builder, Value, element_of, lanes_of, overload, vector
from ngc.target import CpuTarget


@dataclass(frozen=True)
class Mask:
    """Truth values, one a lane."""

    b: Builder
    value: Value

    def _logic(self, operation: str, other: str) -> "Mask":
        return Mask(self.b, self.b.define(self.value.type, f"{operation} {self.value}, {other}"))

    def __and__(self, other: "Mask") -> "Mask":
        return self._logic("and", other.value.name)

    def __or__(self, other: "Mask") -> "Mask":
        return self._logic("or", other.value.name)

    def __xor__(self, other: "Mask") -> "Mask":
        return self._logic("xor", other.value.name)

    def __invert__(self) -> "Mask":
        return self._logic("xor", "true" if lanes_of(self.value.type) == 1 else "splat (i1 true)")


@dataclass(frozen=True)
class Lanes:
    """A float or double value, scalar or vector, and the target that decides how it is computed with."""

    b: Builder
    value: Value
    target: CpuTarget

    # -- types and constants ----------------------------------------------------------------------------------------

    @property
    def type(self) -> str:
        """The LLVM type."""
        return self.value.type

    @property
    def is_double(self) -> bool:
        """Whether the lanes are doubles."""
        return element_of(self.type) == DOUBLE

    @property
    def integer_type(self) -> str:
        """The integer type of the same shape and width."""
        return vector(lanes_of(self.type), I64 if self.is_double else I32)

    def like(self, value: Value) -> "Lanes":
        """Wraps another value of the builder."""
        return Lanes(self.b, value, self.target)

    def const(self, value: float) -> "Lanes":
        """Returns a constant in all lanes; finite numbers are rounded to the lanes' type."""
        if math.isnan(value) or math.isinf(value):  # the builder rounds finite floats only
            literal = {True: "0x7FF8000000000000", False: "0x7FF0000000000000" if value > 0 else "0xFFF0000000000000"}
            text = literal[math.isnan(value)]
            if lanes_of(self.type) > 1:
                text = f"splat ({element_of(self.type)} {text})"
            return self.like(Value(self.type, text))
        return self.like(self.b.constant(self.type, value))

    def _of(self, other: "Lanes | float") -> "Lanes":
        return other if isinstance(other, Lanes) else self.const(other)

    def widen(self) -> "Lanes":
        """Returns the value as doubles."""
        return self if self.is_double else self.convert(DOUBLE, "fpext")

    def narrow(self, like: "Lanes") -> "Lanes":
        """Returns a value computed as doubles in the type of another one."""
        return self if like.is_double else self.convert(FLOAT, "fptrunc")

    def convert(self, element: str, operation: str) -> "Lanes":
        """Returns the lanes converted by one instruction to another element type."""
        return self.like(self.b.cast(operation, self.value, vector(lanes_of(self.type), element)))

    # -- arithmetic -------------------------------------------------------------------------------------------------

    def _binary(self, operation: str, other: "Lanes | float") -> "Lanes":
        return self.like(self.b.fbinary(operation, self.value, self._of(other).value))

    def __add__(self, other: "Lanes | float") -> "Lanes":
        return self._binary("fadd", other)

    def __sub__(self, other: "Lanes | float") -> "Lanes":
        return self._binary("fsub", other)

    def __mul__(self, other: "Lanes | float") -> "Lanes":
        return self._binary("fmul", other)

    def __truediv__(self, other: "Lanes | float") -> "Lanes":
        return self._binary("fdiv", other)

    def __radd__(self, other: float) -> "Lanes":
        return self.const(other) + self

    def __rsub__(self, other: float) -> "Lanes":
        return self.const(other) - self

    def __rmul__(self, other: float) -> "Lanes":
        return self.const(other) * self

    def __rtruediv__(self, other: float) -> "Lanes":
        return self.const(other) / self

    def __neg__(self) -> "Lanes":
        return self.like(self.b.define(self.type, f"fneg {self.value}"))

    def fma(self, factor: "Lanes | float", addend: "Lanes | float") -> "Lanes":
        """Returns self * factor + addend, in one rounding where the target can."""
        return self.like(
            self.b.fma(self.value, self._of(factor).value, self._of(addend).value, self.target.has_fma)
        )

    def polynomial(self, coefficients: Sequence[float]) -> "Lanes":
        """Returns sum(c[k] * self**k) by Horner's rule."""
        result = self.const(coefficients[-1])
        for coefficient in reversed(coefficients[:-1]):
            result = result.fma(self, coefficient)
        return result

    def _intrinsic(self, name: str, *others: "Lanes") -> "Lanes":
        return self.like(
            self.b.intrinsic(f"llvm.{name}.{overload(self.type)}", self.type, self.value, *(o.value for o in others))
        )

    def __abs__(self) -> "Lanes":
        return self._intrinsic("fabs")

    def sqrt(self) -> "Lanes":
        """Returns the correctly rounded square root."""
        return self._intrinsic("sqrt")

    def with_sign_of(self, other: "Lanes") -> "Lanes":
        """Returns the magnitude of self with the sign of another value."""
        return self._intrinsic("copysign", other)

    # -- comparisons ------------------------------------------------------------------------------------------------

    def compare(self, predicate: str, other: "Lanes | float") -> Mask:
        """Returns the lanes of an LLVM float comparison (olt, oge, uno, ...)."""
        return Mask(self.b, self.b.fcmp(predicate, self.value, self._of(other).value))

    def __lt__(self, other: "Lanes | float") -> Mask:
        return self.compare("olt", other)

    def __gt__(self, other: "Lanes | float") -> Mask:
        return self.compare("ogt", other)

    def equals(self, other: "Lanes | float") -> Mask:
        """Returns whether the lanes are equal; NaN equals nothing."""
        return self.compare("oeq", other)

    def where(self, condition: Mask, otherwise: "Lanes | float") -> "Lanes":
        """Returns condition ? self : otherwise."""
        return self.like(self.b.select(condition.value, self.value, self._of(otherwise).value))

    def at_most(self, bound: "Lanes | float") -> "Lanes":
        """Returns the smaller of self and a bound; NaN stays NaN."""
        bound = self._of(bound)
        return bound.where(bound < self, self)

    def at_least(self, bound: "Lanes | float") -> "Lanes":
        """Returns the larger of self and a bound; NaN stays NaN."""
        bound = self._of(bound)
        return bound.where(bound > self, self)

    def is_odd(self) -> Mask:
        """Returns whether small whole numbers are odd."""
        half = self * 0.5
        return half.truncate().compare("one", half)

    # -- rounding ---------------------------------------------------------------------------------------------------

    @property
    def _rounds_natively(self) -> bool:
        return self.target.arch == "aarch64" or self.target.has("sse4.1")

    def nearest(self) -> "Lanes":
        """Returns the nearest integer, halves to the even one."""
        if self._rounds_natively:
            return self._intrinsic("rint")
        magic = 2.0**52 if self.is_double else 2.0**23  # from here on every number is an integer
        magnitude = abs(self)
        rounded = (magnitude + magic) - magic
        return rounded.where(magnitude < magic, magnitude).with_sign_of(self)

    def floor(self) -> "Lanes":
        """Returns the largest integer that is not larger."""
        if self._rounds_natively:
            return self._intrinsic("floor")
        near = self.nearest()
        return (near - 1.0).where(near > self, near).with_sign_of(self)

    def ceil(self) -> "Lanes":
        """Returns the smallest integer that is not smaller."""
        if self._rounds_natively:
            return self._intrinsic("ceil")
        near = self.nearest()
        return (near + 1.0).where(near < self, near).with_sign_of(self)

    def truncate(self) -> "Lanes":
        """Returns the integer part."""
        if self._rounds_natively:
            return self._intrinsic("trunc")
        return abs(self).floor().with_sign_of(self)

    # -- bits -------------------------------------------------------------------------------------------------------

    def bits(self) -> Value:
        """Returns the representation as integers."""
        return self.b.cast("bitcast", self.value, self.integer_type)

    def from_bits(self, bits: Value) -> "Lanes":
        """Returns the floats that integers represent."""
        return self.like(self.b.cast("bitcast", bits, self.type))

    def integer(self, operation: str, a: Value, b: Value | int) -> Value:
        """Applies an LLVM integer instruction to integer lanes."""
        right = b if isinstance(b, Value) else self.b.integer(a.type, b)
        return self.b.define(a.type, f"{operation} {a}, {right.name}")

