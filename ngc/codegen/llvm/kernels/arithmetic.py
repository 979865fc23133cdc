"""What operations on values in registers mean: MXNet's arithmetic, comparisons and casts, for floats and integers."""

from ngc.codegen.llvm.kernels.elements import STORED
from ngc.codegen.llvm.kernels.half import from_bits16, to_bits16
from ngc.codegen.llvm.lanes import Lanes
from ngc.codegen.llvm.text import I1, I8, I32, I64, Builder, Value, element_of, lanes_of, vector
from ngc.codegen.llvm.vector_math import ACTIVATIONS, emit_activation, emit_hypot, emit_modulo, emit_power, emit_unary
from ngc.target import CpuTarget

_COMPARISONS = {"eq": ("oeq", "eq"), "ne": ("une", "ne"), "lt": ("olt", "slt"), "le": ("ole", "sle"), "gt": ("ogt", "sgt"),
                "ge": ("oge", "sge")}  # fmt: skip


def is_float(kind: str) -> bool:
    """Returns whether a kind or dtype is floating-point."""
    return kind in ("f16", "bf16", "f32", "f64")


class Arithmetic:
    """Emits operations on scalars or vectors for one target; kinds are those of `expression`."""

    def __init__(self, b: Builder, target: CpuTarget) -> None:
        self.b, self.target = b, target

    # -- constants and truth ----------------------------------------------------------------------------------------

    def constant(self, kind: str, value: float, lanes: int) -> Value:
        """Returns a constant of a kind in all lanes."""
        from ngc.codegen.llvm.kernels.elements import constant

        return constant(kind, value, lanes)

    def truth(self, value: Value, kind: str) -> Value:
        """Returns i1 lanes: not zero, NaN included."""
        zero = self.constant(kind, 0.0, lanes_of(value.type))
        if is_float(kind):
            return self.b.fcmp("une", value, zero)
        return self._icmp("ne", value, zero)

    def number(self, truth: Value, kind: str) -> Value:
        """Returns one or zero of a kind for i1 lanes."""
        lanes = lanes_of(truth.type)
        return self.b.select(truth, self.constant(kind, 1.0, lanes), self.constant(kind, 0.0, lanes))

    def _icmp(self, predicate: str, a: Value, c: Value) -> Value:
        return self.b.define(vector(lanes_of(a.type), I1), f"icmp {predicate} {a}, {c.name}")

    def _int(self, operation: str, a: Value, c: Value) -> Value:
        return self.b.define(a.type, f"{operation} {a}, {c.name}")

    def compare(self, name: str, kind: str, a: Value, c: Value) -> Value:
        """Returns one or zero of the operands' kind."""
        floating, whole = _COMPARISONS[name]
        return self.number(self.b.fcmp(floating, a, c) if is_float(kind) else self._icmp(whole, a, c), kind)

    # -- operations -------------------------------------------------------------------------------------------------

    def unary(self, name: str, kind: str, x: Value, params: tuple[float, ...]) -> Value:
        """Returns a function of one value."""
        if is_float(kind):
            if name in ACTIVATIONS:
                return emit_activation(self.b, name, params, x, self.target)
            return emit_unary(self.b, name, x, self.target)
        lanes = lanes_of(x.type)
        zero, one = self.constant(kind, 0, lanes), self.constant(kind, 1, lanes)
        match name:
            case "identity" | "floor" | "ceil" | "trunc" | "fix" | "round" | "rint":
                return x
            case "negative":
                return self._int("sub", zero, x)
            case "abs":
                return self.b.select(self._icmp("slt", x, zero), self._int("sub", zero, x), x)
            case "square":
                return self._int("mul", x, x)
            case "relu":
                return self.b.select(self._icmp("sgt", x, zero), x, zero)
            case "sign":
                minus = self.b.select(self._icmp("slt", x, zero), self.constant(kind, -1, lanes), zero)
                return self.b.select(self._icmp("sgt", x, zero), one, minus)
            case "logical_not":
                return self.number(self._icmp("eq", x, zero), kind)
            case "clip":
                low, high = (self.constant(kind, bound, lanes) for bound in params)
                x = self.b.select(self._icmp("slt", x, low), low, x)
                return self.b.select(self._icmp("sgt", x, high), high, x)
        raise ValueError(f"no {name} of integers")

    def binary(self, name: str, kind: str, a: Value, c: Value) -> Value:
        """Returns an operation of two values of one kind."""
        if name.startswith("logical"):
            operation = {"logical_and": "and", "logical_or": "or", "logical_xor": "xor"}[name]
            return self.number(self._int(operation, self.truth(a, kind), self.truth(c, kind)), kind)
        return self._floats(name, a, c) if is_float(kind) else self._integers(name, kind, a, c)

    def _floats(self, name: str, a: Value, c: Value) -> Value:
        b = self.b
        match name:
            case "add" | "sub" | "mul" | "div":
                return b.fbinary("f" + name, a, c)
            case "maximum" | "minimum":
                chosen = b.select(b.fcmp("ogt" if name == "maximum" else "olt", a, c), a, c)  # a NaN in c stays
                return b.select(b.fcmp("uno", a, a), a, chosen)
            case "power":
                return emit_power(b, a, c, self.target)
            case "hypot":
                return emit_hypot(b, a, c, self.target)
            case "mod":
                return emit_modulo(b, a, c, self.target)
        raise ValueError(f"no {name} of floats")

    def _integers(self, name: str, kind: str, a: Value, c: Value) -> Value:
        b, lanes = self.b, lanes_of(a.type)
        match name:
            case "add" | "sub" | "mul":
                return self._int(name, a, c)
            case "bitwise_and" | "bitwise_or" | "bitwise_xor":
                return self._int(name.removeprefix("bitwise_"), a, c)
            case "shift_left" | "shift_right":
                return self._int("shl" if name == "shift_left" else "ashr", a, c)
            case "maximum" | "minimum":
                return b.select(self._icmp("sgt" if name == "maximum" else "slt", a, c), a, c)
            case "div" | "mod" | "floor_div":
                return self._divide(name, kind, a, c)
            case "power" | "hypot":
                wide = vector(lanes, "double")
                x, y = b.cast("sitofp", a, wide), b.cast("sitofp", c, wide)
                result = Lanes(b, self._floats(name, x, y), self.target).nearest().value if name == "power" else self._floats(name, x, y)
                return self.cast(result, "f64", kind)  # powers of integers are whole or below one half
        raise ValueError(f"no {name} of integers")

    def _divide(self, name: str, kind: str, a: Value, c: Value) -> Value:
        """Division without traps: by zero gives zero, and the least number by -1 wraps."""
        b, lanes = self.b, lanes_of(a.type)
        zero, one = self.constant(kind, 0, lanes), self.constant(kind, 1, lanes)
        minus_one = self.constant(kind, -1, lanes)
        by_zero, by_minus_one = self._icmp("eq", c, zero), self._icmp("eq", c, minus_one)
        divisor = b.select(self._int("or", by_zero, by_minus_one), one, c)
        quotient = self._int("sdiv", a, divisor)
        rest = self._int("sub", a, self._int("mul", quotient, divisor))
        opposite = self._icmp("slt", self._int("xor", rest, divisor), zero)
        uneven = self._int("and", self._icmp("ne", rest, zero), opposite)
        match name:
            case "mod":
                return b.select(uneven, self._int("add", rest, divisor), rest)  # by one the rest is zero anyway
            case "floor_div":
                quotient = b.select(uneven, self._int("sub", quotient, one), quotient)
        quotient = b.select(by_minus_one, self._int("sub", zero, a), quotient)
        return b.select(by_zero, zero, quotient)

    # -- conversions ------------------------------------------------------------------------------------------------

    def register(self, stored: Value, dtype: str) -> Value:
        """Returns an element as loaded in the kind that it has in registers."""
        lanes = lanes_of(stored.type)
        match dtype:
            case "i8":
                return self.b.cast("sext", stored, vector(lanes, I32))
            case "u8" | "bool":
                return self.b.cast("zext", stored, vector(lanes, I32))
            case "f16" | "bf16":
                return from_bits16(self.b, stored, dtype, self.target)
        return stored

    def memory(self, value: Value, dtype: str) -> Value:
        """Returns a value of a dtype's kind as it is stored."""
        lanes = lanes_of(value.type)
        match dtype:
            case "i8" | "u8" | "bool":
                return self.b.cast("trunc", value, vector(lanes, I8))
            case "f16" | "bf16":
                return to_bits16(self.b, value, dtype, self.target)
        return value

    def cast(self, value: Value, kind: str, dtype: str) -> Value:
        """Returns a value converted to a dtype, in the kind of that dtype."""
        from ngc.codegen.llvm.kernels.expression import KINDS

        if dtype == "bool":
            return self.number(self.truth(value, kind), "i32")
        to, lanes = KINDS[dtype], lanes_of(value.type)
        if kind != to:
            value = self._convert(value, kind, to, vector(lanes, STORED[to]))
        if dtype in ("i8", "u8", "f16", "bf16"):  # the dtype is narrower than its kind
            value = self.register(self.memory(value, dtype), dtype)
        return value

    def _convert(self, value: Value, kind: str, to: str, result: str) -> Value:
        b = self.b
        if is_float(kind) and is_float(to):
            return b.cast("fpext" if to == "f64" else "fptrunc", value, result)
        if is_float(to):
            return b.cast("sitofp", value, result)
        if not is_float(kind):
            return b.cast("sext" if to == "i64" else "trunc", value, result)
        lanes = lanes_of(value.type)
        limit = 2.0 ** (63 if to == "i64" else 31)
        low = b.fcmp("oge", value, self.constant(kind, -limit, lanes))
        high = b.fcmp("olt", value, self.constant(kind, limit, lanes))
        fits = self._int("and", low, high)
        bounded = b.select(fits, value, self.constant(kind, 0.0, lanes))
        return b.select(fits, b.cast("fptosi", bounded, result), self.constant(to, -limit, lanes))

    # -- reductions -------------------------------------------------------------------------------------------------

    def combine(self, name: str, kind: str, a: Value, c: Value) -> Value:
        """Returns a reduction's accumulator with one more value."""
        return self.binary({"sum": "add", "prod": "mul", "max": "maximum", "min": "minimum"}[name], kind, a, c)

    def neutral(self, name: str, kind: str, lanes: int) -> Value:
        """Returns what a reduction starts from."""
        if name in ("sum", "prod"):
            return self.constant(kind, float(name == "prod"), lanes)
        if is_float(kind):
            return self.constant(kind, float("-inf" if name == "max" else "inf"), lanes)
        bits = 63 if kind == "i64" else 31
        text = str(-(2**bits) if name == "max" else 2**bits - 1)
        element = I64 if kind == "i64" else I32
        return Value(vector(lanes, element), text if lanes == 1 else f"splat ({element} {text})")

    def across(self, name: str, kind: str, value: Value) -> Value:
        """Returns the reduction of a vector's lanes, halves first."""
        while lanes_of(value.type) > 1:
            low, high = self.halves(value)
            value = self.combine(name, kind, low, high)
        return value

    def halves(self, value: Value) -> tuple[Value, Value]:
        """Returns the first and the second half of a vector's lanes, scalars of two."""
        lanes = lanes_of(value.type) // 2
        kind = vector(lanes, element_of(value.type))
        if lanes == 1:
            return self.b.define(kind, f"extractelement {value}, i64 0"), self.b.define(kind, f"extractelement {value}, i64 1")
        numbers = (", ".join(f"i32 {first + lane}" for lane in range(lanes)) for first in (0, lanes))
        low, high = (self.b.define(kind, f"shufflevector {value}, {value.type} poison, <{lanes} x i32> <{half}>") for half in numbers)
        return low, high


