"""Emits pooling: rows of windows, several at a time, that share the columns which they have in common."""

from collections.abc import Callable, Sequence
from functools import reduce
from math import prod

from ngc.codegen.llvm.kernels.arithmetic import Arithmetic
from ngc.codegen.llvm.kernels.elements import SIZES, STORED, constant, lanes_below
from ngc.codegen.llvm.kernels.half import load_floats, store_floats
from ngc.codegen.llvm.kernels.pool import PoolKernel
from ngc.codegen.llvm.kernels.quantized import fours_to_u8, runs_of_fours, stores_fours
from ngc.codegen.llvm.kernels.steps import after_steps
from ngc.codegen.llvm.text import DOUBLE, FLOAT, I1, I32, I64, Builder, Index, Value, vector
from ngc.codegen.llvm.vector_math import emit_unary
from ngc.target import CpuTarget

_TOGETHER = 6
"""Windows of a row that are pooled together."""
_UNROLLED = 96
"""Most loads written out for a row's border."""
_LOWEST = -3.4028234663852886e38

Columns = Callable[[Value, list[Value]], list[Value]]
"""Folds one line of the input in the accumulators."""


class PoolEmitter:
    """Emits one pooling kernel."""

    def __init__(self, kernel: PoolKernel, b: Builder, target: CpuTarget) -> None:
        self.kernel, self.b, self.target = kernel, b, target
        self.math = Arithmetic(b, target)
        self.dtype, self.element = kernel.x.dtype, STORED[kernel.x.dtype]
        self.lanes = min(kernel.x.block, target.vector_bits // (8 * SIZES[self.dtype]))
        self.type = vector(self.lanes, self.element)
        self.kind = "f32" if not kernel.is_integer else self.dtype if kernel.kind == "max" else "i32"  # what is accumulated
        self.area: Value | None = None
        self.factors: dict[int, Value] = {}
        self.inverses: dict[Value, Value] = {}
        self.mask: Value | None = None

    def emit(self) -> None:
        """Emits the loop over this thread's items."""
        kernel, b = self.kernel, self.b
        x, y = (b.load_pointer(b.argument(0), position) for position in (0, 1))
        depth, height, _ = kernel.y.spatial
        groups = height // kernel.group
        with b.loop(b.argument(2), b.argument(3), hint="item") as item:
            rest, group = b.div(item.index, groups), b.rem(item.index, groups)
            rest, slab = b.div(rest, depth), b.rem(rest, depth)
            image, block = b.div(rest, kernel.y.blocks), b.rem(rest, kernel.y.blocks)
            from_x = b.add(b.mul(image, kernel.x.stride_n), b.mul(block, kernel.x.block_stride))
            to_y = b.add(b.mul(image, kernel.y.stride_n), b.mul(block, kernel.y.block_stride))
            with b.loop(0, kernel.y.block, self.lanes) as part:
                self._mask_channels(block, part.index)
                plane_x = b.gep(x, b.add(b.add(from_x, kernel.x.origin), part.index), self.element)
                plane_y = b.gep(y, b.add(b.add(to_y, kernel.y.origin), part.index), STORED[kernel.y.dtype])
                with b.loop(0, kernel.group) as row:
                    self._row(plane_x, plane_y, slab, b.add(b.mul(group, kernel.group), row.index))

    def _mask_channels(self, block: Index, part: Index) -> None:
        """Prepares the lanes that have a channel, where a window without input or a step would write to those that have none."""
        kernel, b = self.kernel, self.b
        if kernel.y.channels % kernel.y.block == 0 or not (kernel.steps or kernel.has_empty_windows()):
            return
        left = b.sub(kernel.y.channels, b.add(b.mul(block, kernel.y.block), part))
        self.mask = lanes_below(b, left, self.lanes)

    # -- rows -------------------------------------------------------------------------------------------------------

    def _clip(self, dimension: int, position: Index) -> tuple[Index, Index, Index]:
        """Returns a window's first index, its end and its divisor, at run time."""
        kernel, b = self.kernel, self.b
        if isinstance(position, int):
            return kernel.window(dimension, position)
        size, k, p = kernel.x.spatial[dimension], kernel.kernel[dimension], kernel.pad[dimension]
        start = b.sub(b.mul(position, kernel.stride[dimension]), p)
        low, high = kernel.inside(dimension)
        if (low, high) == (0, kernel.y.spatial[dimension]):
            return start, b.add(start, k), k
        padded_end = b.smin(b.add(start, k), size + p)
        first, last = b.smax(start, 0), b.smin(padded_end, size)
        return first, last, b.sub(padded_end, start) if kernel.count_include_pad else b.sub(last, first)

    def _row(self, plane_x: Value, plane_y: Value, slab: Index, row: Index) -> None:
        kernel, b = self.kernel, self.b
        depths, rows = self._clip(0, slab), self._clip(1, row)
        area = b.mul(depths[2], rows[2])
        self.area = area if isinstance(area, Value) else Value(I64, str(area))
        self.factors = {}
        ranges = (depths[:2], rows[:2])
        out = b.add(b.mul(slab, kernel.y.strides[0]), b.mul(row, kernel.y.strides[1]))
        out_row = b.gep(plane_y, out, STORED[kernel.y.dtype])
        low, high = kernel.inside(2)
        width = kernel.y.spatial[2]
        if high == low:
            low = high = width
        border = [at for at in range(width) if not low <= at < high]
        written = sum(kernel.window(2, at)[1] - kernel.window(2, at)[0] for at in border)
        if kernel.kernel[2] > 16 or written > _UNROLLED:
            self._any_pixels(plane_x, out_row, ranges)
            return
        divisors = sorted({kernel.window(2, at)[2] for at in range(width)})
        if kernel.kind == "avg":
            self.factors = {divisor: self._factor(divisor) for divisor in divisors}  # once a row, before its loops
        for at in (at for at in border if at < low):
            self._pixels(plane_x, out_row, ranges, at, 1, kernel.window(2, at))
        whole = low + (high - low) // _TOGETHER * _TOGETHER
        window = (0, kernel.kernel[2], kernel.window(2, low)[2] if low < high else 1)
        if whole - low <= 2 * _TOGETHER:
            for at in range(low, whole, _TOGETHER):
                self._pixels(plane_x, out_row, ranges, at, _TOGETHER, window)
        else:
            with b.loop(low, whole, _TOGETHER) as loop:
                self._pixels(plane_x, out_row, ranges, loop.index, _TOGETHER, window)
        if whole < high:
            self._pixels(plane_x, out_row, ranges, whole, high - whole, window)
        for at in (at for at in border if at >= high):
            self._pixels(plane_x, out_row, ranges, at, 1, kernel.window(2, at))

    # -- windows ----------------------------------------------------------------------------------------------------

    def _pixels(self, plane: Value, out_row: Value, ranges: Sequence[tuple[Index, Index]], first: Index, count: int,
                window: tuple[int, int, int]) -> None:  # fmt: skip
        """Pools `count` neighbouring windows. An inner group's window counts from its own start, a border's from the input's."""
        kernel, b = self.kernel, self.b
        inner = window[:2] == (0, kernel.kernel[2]) and not (isinstance(first, int) and not kernel.is_inside(2, first))
        start: Index = b.sub(b.mul(first, kernel.stride[2]), kernel.pad[2]) if inner else 0
        totals = (self._shared_columns if kernel.is_integer else self._own_columns)(plane, ranges, start, count, window)
        factor = self.factors.get(window[2])
        values = [self._finished(total, factor) for total in totals]
        for run in runs_of_fours(count, stores_fours(kernel.y.dtype, self.lanes, self.target) and not self._compares):
            self._store([values[pixel] for pixel in run], out_row, b.add(first, run[0]))

    def _shared_columns(self, plane: Value, ranges: Sequence[tuple[Index, Index]], start: Index, count: int, window: tuple[int, int, int]) -> list[Value]:
        """Returns the totals of neighbouring windows of integers, whose order does not matter: each column's first, which its windows share."""
        b, block, stride = self.b, self.kernel.x.block, self.kernel.stride[2]
        wanted = [range(pixel * stride + window[0], pixel * stride + window[1]) for pixel in range(count)]
        needed = sorted(set().union(*wanted))

        def columns(line: Value, held: list[Value]) -> list[Value]:
            return [self._combine(sum_, self._load(b.gep(line, column * block, self.element))) for sum_, column in zip(held, needed, strict=True)]

        sums = dict(zip(needed, self._rows(plane, ranges, [self._initial()] * len(needed), start, columns), strict=True))
        return [reduce(self._combine, (sums[column] for column in window_columns)) if window_columns else self._initial() for window_columns in wanted]

    def _own_columns(self, plane: Value, ranges: Sequence[tuple[Index, Index]], start: Index, count: int, window: tuple[int, int, int]) -> list[Value]:
        """Returns the totals of neighbouring windows, each in the order of its taps."""
        kernel, b = self.kernel, self.b
        chains = max(1, min(4 // count, window[1] - window[0]))  # few windows take several accumulators, for latency

        def columns(line: Value, held: list[Value]) -> list[Value]:
            held = list(held)
            loaded: dict[int, Value] = {}
            for pixel in range(count):
                for tap in range(window[0], window[1]):
                    column = tap + pixel * kernel.stride[2]
                    if column not in loaded:
                        place = b.gep(line, column * kernel.x.block, self.element)
                        loaded[column] = self._power(self._load(place))
                    slot = pixel * chains + (tap - window[0]) % chains
                    held[slot] = self._combine(held[slot], loaded[column])
            return held

        held = self._rows(plane, ranges, [self._initial()] * (count * chains), start, columns)
        return [reduce(self._combine, held[pixel * chains : (pixel + 1) * chains]) for pixel in range(count)]

    def _rows(self, plane: Value, ranges: Sequence[tuple[Index, Index]], held: list[Value], start: Index,
              columns: Columns) -> list[Value]:  # fmt: skip
        """Runs `columns` on every line of the window's depth and height."""
        kernel, b = self.kernel, self.b
        (d0, d1), (h0, h1) = ranges
        base = b.gep(plane, b.mul(start, kernel.x.block), self.element)
        flat = kernel.kernel[0] == 1 and kernel.x.spatial[0] == 1 and (d0, d1) == (0, 1)
        clipped = kernel.inside(1) != (0, kernel.y.spatial[1])
        if flat and not clipped and kernel.kernel[1] <= 3:
            for tap in range(kernel.kernel[1]):
                held = columns(b.gep(base, b.mul(b.add(h0, tap), kernel.x.strides[1]), self.element), held)
            return held
        with b.loop(d0, d1, carried=held) as depth:
            slab = b.gep(base, b.mul(depth.index, kernel.x.strides[0]), self.element)
            with b.loop(h0, h1, carried=depth.values) as height:
                height.carry(columns(b.gep(slab, b.mul(height.index, kernel.x.strides[1]), self.element), height.values))
            depth.carry(height.results)
        return depth.results

    def _any_pixels(self, plane: Value, out_row: Value, ranges: Sequence[tuple[Index, Index]]) -> None:
        """Pools a row window by window with loops over the columns, for windows that are large or mostly clipped."""
        kernel, b = self.kernel, self.b
        width = kernel.y.spatial[2]
        with b.loop(0, width) as pixel:
            first, last, divisor = self._clip(2, 0 if width == 1 else pixel.index)

            def columns(line: Value, held: list[Value]) -> list[Value]:
                if len(held) > 1:
                    assert isinstance(first, int)
                    assert isinstance(last, int)
                    whole = first + (last - first) // 4 * 4
                    with b.loop(first, whole, 4, carried=held) as loop:
                        loop.carry([self._next(line, b.add(loop.index, i), loop.values[i]) for i in range(4)])
                    held = list(loop.results)
                    for column in range(whole, last):
                        held[column - whole] = self._next(line, column, held[column - whole])
                    return held
                with b.loop(first, last, carried=held) as loop:
                    loop.carry([self._next(line, loop.index, loop.values[0])])
                return loop.results

            chains = 4 if isinstance(first, int) and isinstance(last, int) and last - first >= 4 else 1
            parts = self._rows(plane, ranges, [self._initial()] * chains, 0, columns)
            total = parts[0]
            for part in parts[1:]:
                total = self._combine(total, part)
            self._store([self._finished(total, self._factor(divisor) if kernel.kind == "avg" else None)], out_row, pixel.index)

    def _next(self, line: Value, column: Index, held: Value) -> Value:
        place = self.b.gep(line, self.b.mul(column, self.kernel.x.block), self.element)
        return self._combine(held, self._power(self._load(place)))

    def _load(self, place: Value) -> Value:
        """Loads a pixel's channels; floats and what is summed are widened, integers that are compared stay as they are in memory."""
        if not self.kernel.is_integer:
            return load_floats(self.b, place, self.dtype, self.lanes, self.target)
        value = self.b.load(self.type, place, SIZES[self.dtype])
        return value if self.kernel.kind == "max" else self.b.cast("zext", value, vector(self.lanes, I32))

    # -- values -----------------------------------------------------------------------------------------------------

    def _initial(self) -> Value:
        if self.kernel.kind != "max":
            return constant(self.kind, 0.0, self.lanes)
        lowest = {"f32": _LOWEST, "i8": -128, "u8": 0, "i32": -(2**31)}[self.kind]
        return constant(self.kind, lowest, self.lanes)

    def _power(self, value: Value) -> Value:
        if self.kernel.kind != "lp" or self.kernel.p == 1:
            return value
        square = self.b.fbinary("fmul", value, value)
        return square if self.kernel.p == 2 else self.b.fbinary("fmul", square, value)

    def _combine(self, held: Value, value: Value) -> Value:
        b = self.b
        if self.kernel.kind != "max":
            return self.math.combine("sum", self.kind, held, value)
        if self.kind == "f32":
            return b.select(b.fcmp("ogt", value, held), value, held)
        predicate = "ugt" if self.dtype == "u8" else "sgt"
        larger = b.define(vector(self.lanes, I1), f"icmp {predicate} {value}, {held.name}")
        return b.select(larger, value, held)

    def _factor(self, divisor: Index) -> Value:
        """Returns one over the window's elements, or those for sums of integers, which are divided by them.

        A window past the end sums nothing, and its divisor, zero or less, becomes one.
        """
        b = self.b
        assert self.area is not None
        area = b.smax(b.mul(self.area, divisor), 1)
        count = area if isinstance(area, Value) else Value(I64, str(area))
        if self.kernel.is_integer:
            number = b.cast("sitofp", count, self._quotient)
            divisors = b.splat(number, self.lanes)
            self.inverses[divisors] = b.splat(b.fbinary("fdiv", b.constant(number.type, 1.0), number), self.lanes)
            return divisors
        return b.splat(b.fbinary("fdiv", b.constant(FLOAT, 1.0), b.cast("sitofp", count, FLOAT)), self.lanes)

    @property
    def _quotient(self) -> str:
        """The type in which sums of integers are divided, which holds them all."""
        return FLOAT if 255 * prod(self.kernel.kernel) <= 2**24 else DOUBLE

    def _mean(self, total: Value, factor: Value) -> Value:
        """Returns an average, as f32."""
        b = self.b
        if not self.kernel.is_integer:
            return b.fbinary("fmul", total, factor)
        sums = b.cast("sitofp", total, factor.type)
        if self._quotient == DOUBLE or not self.target.has_fma:
            mean = b.fbinary("fdiv", sums, factor)
            return mean if self._quotient == FLOAT else b.cast("fptrunc", mean, vector(self.lanes))
        # The quotient rounded once, by Markstein's theorem: the inverse is rounded, the rest is exact, and no divisor has a mantissa of ones only.
        inverse = self.inverses[factor]
        near = b.fbinary("fmul", sums, inverse)
        rest = b.fma(b.define(near.type, f"fneg {near}"), factor, sums)
        return b.fma(rest, inverse, near)

    @property
    def _compares(self) -> bool:
        """Whether integers are compared, and what is stored are those that were loaded."""
        return self.kernel.is_integer and self.kernel.kind == "max"

    def _finished(self, total: Value, factor: Value | None) -> Value:
        """Returns what is stored of a window's total, as f32 but for integers that are compared."""
        kernel, b = self.kernel, self.b
        if kernel.kind == "avg":
            assert factor is not None
            total = self._mean(total, factor)
        elif kernel.kind == "sum" and kernel.is_integer:
            total = b.cast("sitofp", total, vector(self.lanes))
        elif kernel.kind == "lp" and kernel.p > 1:
            total = emit_unary(b, "sqrt" if kernel.p == 2 else "cbrt", total, self.target)
        total = after_steps(b, kernel.steps, total, self.target)
        if self.mask is not None:
            total = b.select(self.mask, total, constant(self.kind if self._compares else "f32", 0.0, self.lanes))
        return total

    def _store(self, values: Sequence[Value], out_row: Value, pixel: Index) -> None:
        """Stores one finished value, or four of neighbouring pixels."""
        b, dtype = self.b, self.kernel.y.dtype
        place = b.gep(out_row, b.mul(pixel, self.kernel.y.block), STORED[dtype])
        if len(values) > 1:
            b.store(fours_to_u8(b, values), place, align=1)
        elif self._compares:
            b.store(values[0], place, SIZES[dtype])
        else:
            store_floats(b, values[0], place, dtype, self.target)
