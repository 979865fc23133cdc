"""Evaluates the expressions of a nest at a point: contiguous, copied or gathered loads, arithmetic, and stores."""

from dataclasses import replace
from typing import TYPE_CHECKING

from ngc.codegen.llvm.kernels.elements import SIZES, STORED, constant
from ngc.codegen.llvm.kernels.elements import load as load_elements
from ngc.codegen.llvm.kernels.elements import store as store_elements
from ngc.codegen.llvm.kernels.expression import (
    Batch,
    Binary,
    Cast,
    Compare,
    Const,
    Expr,
    Index,
    Load,
    Quantize,
    Select,
    Unary,
    kind_of,
    uses,
)
from ngc.codegen.llvm.kernels.quantized import to_u8
from ngc.codegen.llvm.text import I64, Value, as_value, vector
from ngc.codegen.llvm.text import Index as Offset

if TYPE_CHECKING:
    from ngc.codegen.llvm.kernels.nest import Store
    from ngc.codegen.llvm.kernels.nest_emit import NestEmitter, Point


class Evaluator:
    """Emits the values of one nest."""

    def __init__(self, emitter: "NestEmitter") -> None:
        self.emitter, self.b, self.math = emitter, emitter.b, emitter.math
        self.operands = emitter.kernel.operands

    def scalar(self, expr: Expr, point: "Point") -> Offset:
        """Returns an i64 expression that does not depend on the vector loop, folded where it is constant."""
        b = self.b
        match expr:
            case Index(loop):
                return point.index[loop]
            case Batch():
                return self.emitter.n
            case Const(value):
                return int(value)
            case Binary("add" | "sub" | "mul" as name, left, right):
                x, y = self.scalar(left, point), self.scalar(right, point)
                return {"add": b.add, "sub": b.sub, "mul": b.mul}[name](x, y)
            case Binary("maximum" | "minimum" as name, left, right):
                x, y = self.scalar(left, point), self.scalar(right, point)
                return b.smax(x, y) if name == "maximum" else b.smin(x, y)
        return self.value(expr, replace(point, lanes=1, vector=None, mask=None, values={}))

    def value(self, expr: Expr, point: "Point") -> Value:
        """Returns an expression's value for every lane of a point."""
        known = point.values.get(expr)
        if known is None:
            known = self._compute(expr, point)
            point.values[expr] = known
        return known

    def _compute(self, expr: Expr, point: "Point") -> Value:
        math, operands = self.math, self.operands
        match expr:
            case Const(value, kind):
                return math.constant(kind, value, point.lanes)
            case Index(loop):
                return self._index(loop, point)
            case Batch():
                return self.b.splat(self.emitter.n, point.lanes)
            case Load():
                return math.register(self._load(expr, point), operands[expr.operand])
            case Unary(name, operand, params):
                return math.unary(name, kind_of(operand, operands), self.value(operand, point), params)
            case Binary(name, left, right):
                return math.binary(name, kind_of(left, operands), self.value(left, point), self.value(right, point))
            case Compare(name, left, right):
                return math.compare(name, kind_of(left, operands), self.value(left, point), self.value(right, point))
            case Select(condition, then, otherwise):
                truth = math.truth(self.value(condition, point), kind_of(condition, operands))
                return self.b.select(truth, self.value(then, point), self.value(otherwise, point))
            case Cast(operand, dtype):
                return math.cast(self.value(operand, point), kind_of(operand, operands), dtype)
            case Quantize(operand):
                return math.register(to_u8(self.b, self.value(operand, point), self.emitter.target), "u8")
        raise ValueError(f"{type(expr).__name__} has no value before it is computed")

    def _index(self, loop: int, point: "Point") -> Value:
        index = point.index[loop]
        value = as_value(index)
        value = self.b.splat(value, point.lanes)
        if loop != point.vector or point.lanes == 1:
            return value
        numbers = ", ".join(f"i64 {lane}" for lane in range(point.lanes))
        return self.b.define(value.type, f"add {value}, <{numbers}>")

    # -- loads ------------------------------------------------------------------------------------------------------

    def _load(self, load: Load, point: "Point") -> Value:
        """Returns elements as they are in memory."""
        dtype = self.operands[load.operand]
        lanes, base = point.lanes, self.emitter.args[load.operand]
        stride = load.strides[point.vector] if point.vector is not None and lanes > 1 else 0
        late = [axis for axis in load.axes if lanes > 1 and point.vector is not None and uses(axis.index, point.vector)]
        guarded = load.guard is not None
        guard_varies = load.guard is not None and lanes > 1 and point.vector is not None and uses(load.guard, point.vector)
        if late or stride not in (0, 1) or guard_varies:
            return self._gather(load, point)
        offset = point.offsets[load]
        if guarded:
            assert load.guard is not None
            scalar = replace(point, lanes=1, vector=None, mask=None, values={})
            truth = self.math.truth(self.value(load.guard, scalar), "i64")
            return self._guarded(load, point, truth, offset, stride)
        if stride == 0:
            return self.b.splat(self.b.load(STORED[dtype], self.b.gep(base, offset, STORED[dtype]), SIZES[dtype]), lanes)
        return self._contiguous(dtype, base, offset, lanes, point.mask, 0.0)

    def _contiguous(self, dtype: str, base: Value, offset: Offset, lanes: int, mask: Value | None, fill: float) -> Value:
        pointer = self.b.gep(base, offset, STORED[dtype])
        return load_elements(self.b, pointer, dtype, lanes, mask, fill)

    def _guarded(self, load: Load, point: "Point", truth: Value, offset: Offset, stride: object) -> Value:
        """A load of all lanes or none."""
        b, dtype = self.b, self.operands[load.operand]
        base = self.emitter.args[load.operand]
        if stride == 1 and self.emitter.target.has_avx512:
            every = b.splat(truth, point.lanes)
            mask = every if point.mask is None else b.define(every.type, f"and {every}, {point.mask.name}")
            return self._contiguous(dtype, base, offset, point.lanes, mask, load.fill)
        if stride == 1:
            return self._gather(load, point)
        element = self._lane(dtype, base, offset, truth, load.fill)
        return b.splat(element, point.lanes)

    def _lane(self, dtype: str, base: Value, offset: Offset, truth: Value, fill: float) -> Value:
        """One element, or the fill without an access beyond the operand: its first element is there to be read."""
        b = self.b
        value = offset if isinstance(offset, Value) else Value(I64, str(offset))
        safe = b.select(truth, value, Value(I64, "0"))
        element = b.load(STORED[dtype], b.gep(base, safe, STORED[dtype]), SIZES[dtype])
        return b.select(truth, element, constant(dtype, fill, 1))

    def _gather(self, load: Load, point: "Point") -> Value:
        """Loads lane by lane."""
        b, dtype = self.b, self.operands[load.operand]
        assert point.vector is not None
        kind = vector(point.lanes, STORED[dtype])
        result = Value(kind, "poison")
        first = point.index[point.vector]
        for lane in range(point.lanes):
            index = b.add(first, lane)
            scalar = replace(point, lanes=1, index={**point.index, point.vector: index}, mask=None, values={})
            offset = b.add(point.offsets[load], b.mul(self.emitter.count(load.strides[point.vector]), lane))
            for axis in load.axes:
                if uses(axis.index, point.vector):
                    scalar_point = self._at_lane(scalar, point, lane)
                    position = self.scalar(axis.index, scalar_point)
                    offset = b.add(offset, b.mul(position, self.emitter.count(axis.stride)))
            if load.guard is not None:
                truth = self.math.truth(self.value(load.guard, self._at_lane(scalar, point, lane)), "i64")
                element = self._lane(dtype, self.emitter.args[load.operand], offset, truth, load.fill)
            else:
                pointer = b.gep(self.emitter.args[load.operand], offset, STORED[dtype])
                element = b.load(STORED[dtype], pointer, SIZES[dtype])
            result = b.define(kind, f"insertelement {result}, {element}, i64 {lane}")
        return result

    def _at_lane(self, scalar: "Point", point: "Point", lane: int) -> "Point":
        """Returns the point of one lane, the offsets of loads inside index expressions moved with it."""
        offsets = dict(point.offsets)
        for load in self.emitter.kernel.loads:
            assert point.vector is not None
            stride = self.emitter.count(load.strides[point.vector])
            offsets[load] = self.b.add(offsets[load], self.b.mul(stride, lane))
        return replace(scalar, offsets=offsets)

    # -- stores -----------------------------------------------------------------------------------------------------

    def store(self, store: "Store", value: Value, point: "Point") -> None:
        """Stores a value in memory's form."""
        b, dtype = self.b, self.operands[store.operand]
        base, offset = self.emitter.args[store.operand], point.offsets[store]
        value = self.math.memory(value, dtype)
        stride = store.strides[point.vector] if point.vector is not None and point.lanes > 1 else 1
        if stride == 1:
            pointer = b.gep(base, offset, STORED[dtype])
            store_elements(b, value, pointer, dtype, point.mask)
            return
        for lane in range(point.lanes):
            element = b.define(STORED[dtype], f"extractelement {value}, i64 {lane}")
            place = b.add(offset, b.mul(self.emitter.count(stride), lane))
            b.store(element, b.gep(base, place, STORED[dtype]), SIZES[dtype])

