"""Emits softmax: three passes over each row or strip of columns, for the maximum, the sum of exponentials and the results."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ngc.codegen.llvm.float_math import exp, log
from ngc.codegen.llvm.kernels.arithmetic import Arithmetic
from ngc.codegen.llvm.kernels.elements import SIZES, STORED, lanes_below, load
from ngc.codegen.llvm.kernels.half import load_reals, store_reals
from ngc.codegen.llvm.kernels.softmax import SoftmaxKernel
from ngc.codegen.llvm.lanes import Lanes, Mask
from ngc.codegen.llvm.text import I1, I64, Builder, Index, Value, vector
from ngc.target import CpuTarget

_KEPT_FLOATS = 4096
"""Most elements that are kept on the stack between passes."""


@dataclass(frozen=True)
class _Group:
    """Lanes at one place of a row or strip, and which of them are there."""

    offset: Index
    lanes: int
    mask: Value | None
    counts: Value | None
    """i1 lanes that lie within their length."""
    kept: Value | None = None
    """Where the elements are kept between passes, instead of being read again."""
    is_kept: bool = False


Step = Callable[[_Group, Lanes], Lanes]


class SoftmaxEmitter:
    """Emits one softmax kernel."""

    def __init__(self, kernel: SoftmaxKernel, b: Builder, target: CpuTarget) -> None:
        self.kernel, self.b, self.target = kernel, b, target
        self.math = Arithmetic(b, target)
        self.x = b.load_pointer(b.argument(0), 0)
        self.lengths = b.load_pointer(b.argument(0), 1) if kernel.lengths else None
        self.y = b.load_pointer(b.argument(0), 2 if kernel.lengths else 1)
        self.kind = "f64" if kernel.dtype == "f64" else "f32"
        self.element = STORED[self.kind]
        self.is_narrow = kernel.dtype != self.kind
        self.lanes = target.lanes(self.kind)
        extent = kernel.axis if kernel.inner == 1 else kernel.inner
        while self.lanes > extent:
            self.lanes //= 2

    def emit(self) -> None:
        """Emits the loop over this thread's items."""
        kernel, b = self.kernel, self.b
        strips = -(-kernel.inner // kernel.strip)
        with b.loop(b.argument(2), b.argument(3), hint="item") as item:
            row, strip = b.div(item.index, strips), b.rem(item.index, strips)
            if kernel.inner == 1:
                self._row(row)
            else:
                self._strip(row, b.mul(strip, kernel.strip))

    def _strip(self, row: Index, start: Index) -> None:
        b, lanes = self.b, self.lanes
        stop = b.smin(b.add(start, self.kernel.strip), self.kernel.inner)
        whole = b.add(start, b.mul(b.div(b.sub(stop, start), lanes), lanes))
        with b.loop(start, whole, lanes) as columns:
            self._columns(row, columns.index, lanes, None)
        self._tail_columns(row, whole, stop)

    # -- the elements -----------------------------------------------------------------------------------------------

    def _wrap(self, value: Value) -> Lanes:
        return Lanes(self.b, value, self.target)

    def _constant(self, lanes: int, value: float) -> Lanes:
        kind = vector(lanes, self.element)
        return Lanes(self.b, Value(kind, "poison"), self.target).const(value)

    def _load(self, group: _Group) -> Lanes:
        """Returns inputs with the sign and scale of the exponent; absent ones are -inf."""
        kernel = self.kernel
        if group.kept is not None and group.is_kept:
            return self._wrap(self.b.load(vector(group.lanes, self.element), group.kept, SIZES[self.kind]))
        x = self._wrap(load_reals(self.b, self._at(self.x, group), kernel.dtype, group.lanes, self.target, group.mask, -math.inf))
        if kernel.kind == "softmin":
            x = -x
        if kernel.temperature != 1.0:
            x = x * (1.0 / kernel.temperature)
        for present in (group.counts, group.mask if kernel.kind == "softmin" or kernel.temperature <= 0 else None):
            if present is not None:
                x = x.where(Mask(self.b, present), -math.inf)
        return x

    def _largest(self, group: _Group, held: Lanes) -> Lanes:
        x = self._load(group)
        if group.kept is not None:
            self.b.store(x.value, group.kept, SIZES[self.kind])
        return x.where(x > held, held)

    def _exponentials(self, largest: Callable[[int], Lanes]) -> Step:
        def step(group: _Group, held: Lanes) -> Lanes:
            e = exp(self._load(group) - largest(group.lanes))
            for present in (group.counts, group.mask):
                if present is not None:
                    e = e.where(Mask(self.b, present), 0.0)
            if self.kernel.kind != "log_softmax" and group.kept is not None:
                self.b.store(e.value, group.kept, SIZES[self.kind])
            elif self.kernel.kind != "log_softmax" and not self.is_narrow:
                store_reals(self.b, e.value, self._at(self.y, group), self.kernel.dtype, self.target, group.mask)
            return held + e

        return step

    def _results(self, group: _Group, largest: Lanes, total: Lanes) -> None:
        """Stores the results; `total` is one over the sum of exponentials, or the logarithm of it."""
        if self.kernel.kind == "log_softmax":
            result = self._load(group) - largest - total
        elif group.kept is not None:
            result = self._load(group) * total
        elif self.is_narrow:  # the exponentials would be rounded on their way through memory: they are computed again
            result = exp(self._load(group) - largest) * total
        else:
            result = self._wrap(load_reals(self.b, self._at(self.y, group), self.kernel.dtype, group.lanes, self.target, group.mask)) * total
        if group.counts is not None:
            result = result.where(Mask(self.b, group.counts), 0.0)
        store_reals(self.b, result.value, self._at(self.y, group), self.kernel.dtype, self.target, group.mask)

    def _at(self, base: Value, group: _Group) -> Value:
        return self.b.gep(base, group.offset, STORED[self.kernel.dtype])

    def _total(self, total: Lanes) -> Lanes:
        return log(total) if self.kernel.kind == "log_softmax" else 1.0 / total

    # -- rows of contiguous elements --------------------------------------------------------------------------------

    def _row(self, row: Index) -> None:
        kernel, b = self.kernel, self.b
        base = b.mul(row, kernel.axis)
        length = None
        if self.lengths is not None:
            assert kernel.lengths is not None
            stored = b.load(STORED[kernel.lengths], b.gep(self.lengths, row, STORED[kernel.lengths]), SIZES[kernel.lengths])
            length = stored if stored.type == I64 else b.cast("sext", stored, I64)

        def spread(value: Lanes) -> Callable[[int], Lanes]:
            wide = self._wrap(b.splat(value.value, self.lanes))
            return lambda lanes: value if lanes == 1 else wide

        largest = self._fold(base, length, -math.inf, self._largest, "max")
        of_lanes = spread(largest)
        total = self._total(self._fold(base, length, 0.0, self._exponentials(of_lanes), "sum"))
        totals = spread(total)

        def results(group: _Group, _: Lanes) -> Lanes:
            self._results(group, of_lanes(group.lanes), totals(group.lanes))
            return _

        self._fold(base, length, 0.0, results, None)

    def _group(self, base: Index, at: Index, lanes: int, length: Value | None, mask: Value | None) -> _Group:
        counts = None if length is None else lanes_below(self.b, self.b.sub(length, at), lanes)
        return _Group(self.b.add(base, at), lanes, mask, counts)

    def _fold(self, base: Index, length: Value | None, initial: float, step: Step, combine: str | None) -> Lanes:
        """Runs a step on a whole row with several accumulators of lanes; returns them combined in a fixed order."""
        b, lanes, axis = self.b, self.lanes, self.kernel.axis
        several = 4 if axis >= 8 * lanes else 1
        held = [self._constant(lanes, initial).value for _ in range(several)]
        done = 0
        for together in sorted({several, 1}, reverse=True):
            until = done + (axis - done) // (lanes * together) * lanes * together
            if until == done:
                continue
            with b.loop(done, until, lanes * together, carried=held) as loop:
                following = list(loop.values)
                for place in range(together):
                    group = self._group(base, b.add(loop.index, place * lanes), lanes, length, None)
                    following[place] = step(group, self._wrap(loop.values[place])).value
                loop.carry(following)
            held = loop.results
            done = until
        if done < axis and self.target.has_avx512 and lanes > 1:
            group = self._group(base, done, lanes, length, lanes_below(b, axis - done, lanes))
            held = [step(group, self._wrap(held[0])).value, *held[1:]]
            done = axis
        total = self._combined(held, combine)
        if done < axis:
            with b.loop(done, axis, carried=[total.value]) as tail:
                tail.carry([step(self._group(base, tail.index, 1, length, None), self._wrap(tail.values[0])).value])
            total = self._wrap(tail.results[0])
        return total

    def _combined(self, held: Sequence[Value], combine: str | None) -> Lanes:
        if combine is None:
            return self._constant(1, 0.0)
        parts = list(held)
        while len(parts) > 1:
            parts = [self.math.combine(combine, self.kind, a, c) for a, c in zip(parts[::2], parts[1::2], strict=True)]
        return self._wrap(self.math.across(combine, self.kind, parts[0]))

    # -- columns ----------------------------------------------------------------------------------------------------

    def _tail_columns(self, row: Index, start: Index, stop: Index) -> None:
        b, lanes = self.b, self.lanes
        if self.kernel.inner % lanes == 0:
            return
        if not self.target.has_avx512:
            with b.loop(start, stop) as column:
                self._columns(row, column.index, 1, None)
            return
        left = b.sub(stop, start)
        with b.when(b.icmp("sgt", left, 0)):
            self._columns(row, start, lanes, lanes_below(b, left, lanes))

    def _columns(self, row: Index, column: Index, lanes: int, mask: Value | None) -> None:
        """Softmax of neighbouring columns, a lane each."""
        kernel, b = self.kernel, self.b
        base = b.add(b.mul(row, kernel.axis * kernel.inner), column)
        length = None
        if self.lengths is not None:
            assert kernel.lengths is not None
            place = b.gep(self.lengths, b.add(b.mul(row, kernel.inner), column), STORED[kernel.lengths])
            length = load(b, place, kernel.lengths, lanes, mask)
            if kernel.lengths != "i64":
                length = b.cast("sext", length, vector(lanes, I64))

        kept = self._buffer(lanes)

        def fold(initial: float, step: Step, is_kept: bool = True) -> Lanes:
            with b.loop(0, kernel.axis, carried=[self._constant(lanes, initial).value]) as loop:
                counts = None
                if length is not None:
                    at = b.splat(loop.index, lanes)
                    counts = b.define(vector(lanes, I1), f"icmp slt {at}, {length.name}")
                place = None if kept is None else b.gep(kept, b.mul(loop.index, lanes), self.element)
                group = _Group(b.add(base, b.mul(loop.index, kernel.inner)), lanes, mask, counts, place, is_kept)
                loop.carry([step(group, self._wrap(loop.values[0])).value])
            return self._wrap(loop.results[0])

        largest = fold(-math.inf, self._largest, is_kept=False)
        total = self._total(fold(0.0, self._exponentials(lambda _: largest)))

        def results(group: _Group, held: Lanes) -> Lanes:
            self._results(group, largest, total)
            return held

        fold(0.0, results)

    def _buffer(self, lanes: int) -> Value | None:
        """Returns stack space for the columns: their elements lie far apart, often at distances that share few cache sets."""
        size = self.kernel.axis * lanes
        return self.b.alloca(self.element, size) if lanes > 1 and size <= _KEPT_FLOATS else None
