"""Emits the loops of a nest: work items, offsets of every access at the loop that they depend on, vectors and their tails."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate

from ngc.codegen.llvm.kernels.arithmetic import Arithmetic, is_float
from ngc.codegen.llvm.kernels.elements import lanes_below
from ngc.codegen.llvm.kernels.expression import Expr, Extent, Load, Reduce, kind_of, uses
from ngc.codegen.llvm.kernels.expression import Index as LoopIndex
from ngc.codegen.llvm.kernels.nest import NestKernel, Store, irregular
from ngc.codegen.llvm.kernels.nest_values import Evaluator
from ngc.codegen.llvm.text import Builder, Index, Value, lanes_of
from ngc.target import CpuTarget

Access = Load | Store
Body = Callable[[Index, int], None]


@dataclass(frozen=True)
class Point:
    """Where the nest is: the index of every entered loop and the offset of every access so far.

    With several `lanes`, loop `vector` stands for that many consecutive indices, the inactive ones of them masked off.
    """

    index: dict[int, Index]
    offsets: dict[Access, Index]
    lanes: int = 1
    vector: int | None = None
    mask: Value | None = None
    values: dict[Expr, Value] = field(default_factory=dict)

    def with_lanes(self, lanes: int, vector: int, mask: Value | None = None) -> "Point":
        """Returns the point about to enter its vector loop."""
        return replace(self, lanes=lanes, vector=vector, mask=mask, values={})


class NestEmitter:
    """Emits one nest into a function."""

    def __init__(self, kernel: NestKernel, b: Builder, target: CpuTarget) -> None:
        self.kernel, self.b, self.target = kernel, b, target
        self.n = b.argument(1)
        self.args = [b.load_pointer(b.argument(0), position) for position in range(len(kernel.operands))]
        self.math = Arithmetic(b, target)
        self.lanes = kernel.lanes(target)
        self.evaluator = Evaluator(self)
        self._counts: dict[Extent, Index] = {extent: self._count(extent) for extent in kernel.loops}
        for access in kernel.accesses:
            axes = access.axes if isinstance(access, Load) else ()
            for stride in (*access.strides, access.base, *(axis.stride for axis in axes)):
                self._counts.setdefault(stride, self._count(stride))

    def _count(self, extent: Extent) -> Index:
        return extent if isinstance(extent, int) else self.b.mul(self.n, extent.coefficient)

    def count(self, extent: Extent) -> Index:
        """Returns an extent or stride at run time."""
        return self._counts[extent]

    # -- loops ------------------------------------------------------------------------------------------------------

    def emit(self) -> None:
        """Emits the loop over this thread's work items; nothing where there are no elements to store."""
        kernel, b = self.kernel, self.b
        if 0 in kernel.loops[:kernel.outer]:
            return
        start = Point({}, {access: self.count(access.base) for access in kernel.accesses})
        start = self._add_axes(start, None)
        with b.loop(b.argument(2), b.argument(3), hint="item") as item:
            rest: Index = item.index
            chunk: Index = 0
            plan = kernel.plan
            if plan.chunk:
                extent = kernel.loops[plan.items]
                assert isinstance(extent, int)
                chunks = -(-extent // plan.chunk)
                rest, chunk = (b.div(rest, chunks), b.rem(rest, chunks)) if plan.items else (0, rest)
            indices: list[Index] = [0] * plan.items
            for loop in range(plan.items - 1, 0, -1):
                size = self.count(kernel.loops[loop])
                indices[loop], rest = b.rem(rest, size), b.div(rest, size)
            if plan.items:
                indices[0] = rest
            point = start
            for loop, index in enumerate(indices):
                point = self.enter(point, loop, index)
            self._nest(point, plan.items, b.mul(chunk, plan.chunk))

    def _nest(self, point: Point, loop: int, chunk_start: Index) -> None:
        """Emits the outer loops from `loop` on; the first of them is cut into chunks where the plan says so."""
        kernel, b = self.kernel, self.b
        start: Index = 0
        stop: Index = 0
        if loop < kernel.outer:
            stop = self.count(kernel.loops[loop])
            if loop == kernel.plan.items and kernel.plan.chunk:
                start, extent = chunk_start, stop
                stop = b.add(start, kernel.plan.chunk)
                if not (isinstance(extent, int) and extent % kernel.plan.chunk == 0):
                    stop = b.smin(stop, extent)
        reducing = kernel.reduces_in_vectors(self.lanes)
        if loop >= kernel.outer:
            self._finish([point])
        elif loop == kernel.outer - 1 and not reducing:
            self._vector_loop(point, loop, start, stop)
        elif loop == kernel.outer - 2 and not reducing and self._is_one_vector(kernel.loops[loop + 1]):
            self._rows(point, loop, start, stop)
        else:
            with b.loop(start, stop) as entered:
                self._nest(self.enter(point, loop, entered.index), loop + 1, 0)

    def _is_one_vector(self, extent: Extent) -> bool:
        return extent == self.lanes and self.kernel.unroll() > 1

    def _rows(self, point: Point, loop: int, start: Index, stop: Index) -> None:
        """A loop whose inner loop is exactly one vector: several rows together."""

        def body(index: Index, count: int) -> None:
            points = []
            for row in range(count):
                entered = self.enter(point, loop, self.b.add(index, row))
                points.append(self.enter(entered.with_lanes(self.lanes, loop + 1), loop + 1, 0))
            self._finish(points)

        self._unrolled(start, stop, 1, body)

    def _vector_loop(self, point: Point, loop: int, start: Index, stop: Index) -> None:
        b, lanes = self.b, self.lanes

        def body(index: Index, count: int) -> None:
            wide = point.with_lanes(lanes, loop)
            self._finish([self.enter(wide, loop, b.add(index, lanes * i)) for i in range(count)])

        done = self._unrolled(start, stop, lanes, body)
        if lanes == 1 or (isinstance(done, int) and isinstance(stop, int) and done == stop):
            return
        if self._masks_tails():
            left = b.sub(stop, done)
            if isinstance(left, int):
                masked = self._mask(left)
                self._finish([self.enter(point.with_lanes(lanes, loop, masked), loop, done)])
                return
            with b.when(b.icmp("sgt", left, 0)):
                self._finish([self.enter(point.with_lanes(lanes, loop, self._mask(left)), loop, done)])
            return
        with b.loop(done, stop) as tail:
            self._finish([self.enter(point.with_lanes(1, loop), loop, tail.index)])

    def _unrolled(self, start: Index, stop: Index, step: int, body: Body) -> Index:
        """Runs body(index, how many together) over whole steps from start; returns where they end."""
        b, unroll = self.b, self.kernel.unroll()
        length = b.sub(stop, start)
        if isinstance(length, int) and isinstance(start, int):
            steps = length // step
            if steps <= 2 * unroll:  # few enough to write them out
                for first in range(0, steps, unroll):
                    body(start + first * step, min(unroll, steps - first))
                return start + steps * step
        done = start
        for together in sorted({unroll, 1}, reverse=True):
            size = step * together
            whole = b.mul(b.div(b.sub(stop, done), size), size) if size > 1 else b.sub(stop, done)
            if whole == 0:
                continue
            until = b.add(done, whole)
            with b.loop(done, until, size) as loop:
                body(loop.index, together)
            done = until
        return done

    def _masks_tails(self) -> bool:
        kernel = self.kernel
        loop = kernel.outer - 1
        regular = all(load.strides[loop] in (0, 1) and not irregular(load, loop) for load in kernel.loads)
        return self.target.has_avx512 and regular and all(store.strides[loop] == 1 for store in kernel.stores)

    def _mask(self, left: Index) -> Value:
        return lanes_below(self.b, left, self.lanes)

    # -- points -----------------------------------------------------------------------------------------------------

    def enter(self, point: Point, loop: int, index: Index) -> Point:
        """Returns the point inside a loop at an index, with the offsets that are known from there on."""
        b = self.b
        offsets = {}
        for access, offset in point.offsets.items():
            stride: Extent = access.strides[loop] if loop < len(access.strides) else 0
            offsets[access] = b.add(offset, b.mul(index, self.count(stride))) if stride != 0 else offset
        entered = replace(point, index={**point.index, loop: index}, offsets=offsets, values={})
        return self._add_axes(entered, loop)

    def _add_axes(self, point: Point, loop: int | None) -> Point:
        """Adds the terms of addresses that are known inside `loop` and not before it; those of vector lanes come later."""
        offsets = dict(point.offsets)
        for access in self.kernel.loads:
            for axis in access.axes:
                late = point.lanes > 1 and point.vector is not None and uses(axis.index, point.vector)
                if not late and self.known_at(axis.index) == loop:
                    index = self.evaluator.scalar(axis.index, point)
                    offsets[access] = self.b.add(offsets[access], self.b.mul(index, self.count(axis.stride)))
        return replace(point, offsets=offsets)

    def known_at(self, expr: Expr) -> int | None:
        """Returns the innermost loop that an expression depends on."""
        return max((loop for loop in range(len(self.kernel.loops)) if uses(expr, loop)), default=None)

    # -- values -----------------------------------------------------------------------------------------------------

    def _finish(self, points: Sequence[Point]) -> None:
        """Reduces at all points together and stores."""
        if self.kernel.reductions:
            if self.kernel.reduces_in_vectors(self.lanes):
                self._reduce_in_vectors(points[0])
            else:
                self._reduce(points)
        for point in points:
            values = [self.evaluator.value(store.value, point) for store in self.kernel.stores]  # an output may lie in an input's place
            for store, value in zip(self.kernel.stores, values, strict=True):
                self.evaluator.store(store, value, point)

    def _initial(self, reduction: Reduce, lanes: int) -> list[Value]:
        if reduction.name.startswith("arg"):
            kind = kind_of(reduction.operand, self.kernel.operands)
            return [self.math.neutral(reduction.name[3:], kind, lanes), self.math.constant("i64", 0, lanes)]
        return [self.math.neutral(reduction.name, reduction.accumulator, lanes)]

    def _accumulate(self, reduction: Reduce, held: Sequence[Value], point: Point) -> list[Value]:
        value = self.evaluator.value(reduction.operand, point)
        kind = kind_of(reduction.operand, self.kernel.operands)
        if reduction.name.startswith("arg"):
            position = self.evaluator.value(LoopIndex(len(self.kernel.loops) - 1), point)
            better = self._is_better(reduction.name, kind, value, held[0])
            return [self.b.select(better, value, held[0]), self.b.select(better, position, held[1])]
        if kind != reduction.accumulator:
            value = self.math.cast(value, kind, reduction.accumulator)
        return [self.math.combine(reduction.name, reduction.accumulator, held[0], value)]

    def _is_better(self, name: str, kind: str, value: Value, held: Value) -> Value:
        """Returns where a value replaces the one held by argmax or argmin: where it is strictly better, and the first NaN is better than any number."""
        if not is_float(kind):
            return self.math.truth(self.math.compare("gt" if name == "argmax" else "lt", kind, value, held), kind)
        better = self.b.fcmp("ugt" if name == "argmax" else "ult", value, held)  # true for NaN
        is_number = self.b.fcmp("ord", held, held)
        return self.b.define(better.type, f"and {better}, {is_number.name}")

    def _reduce(self, points: Sequence[Point]) -> None:
        """Reduces element by element, one accumulator a lane; a single point takes turns between several, for latency."""
        kernel, b = self.kernel, self.b
        last = len(kernel.loops) - 1
        innermost = kernel.loops[last]
        several = 4 if len(points) == 1 and isinstance(innermost, int) and innermost >= 8 else 1
        slots = [(reduction, place) for reduction in kernel.reductions for place in range(len(points))]
        sets = [[value for reduction, place in slots for value in self._initial(reduction, points[place].lanes)] for _ in range(several)]
        width = len(sets[0])

        def step(held: list[Value], inner: list[Point], index: Index, together: int) -> list[Value]:
            following: list[Value] = []
            for turn in range(several):
                if turn >= together:
                    following += held[turn * width : (turn + 1) * width]
                    continue
                inside = [self.enter(point, last, b.add(index, turn)) for point in inner]
                at = turn * width
                for reduction, place in slots:
                    count = len(self._initial(reduction, 1))
                    following += self._accumulate(reduction, held[at : at + count], inside[place])
                    at += count
            return following

        def rec(loop: int, held: list[Value], inner: list[Point]) -> list[Value]:
            if loop < last:
                with b.loop(0, self.count(kernel.loops[loop]), carried=held) as entered:
                    entered.carry(rec(loop + 1, entered.values, [self.enter(point, loop, entered.index) for point in inner]))
                return entered.results
            extent = self.count(innermost)
            whole = extent // several * several if isinstance(extent, int) else extent
            with b.loop(0, whole, several, carried=held) as entered:
                entered.carry(step(entered.values, inner, entered.index, several))
            held = entered.results
            if isinstance(extent, int) and isinstance(whole, int) and whole < extent:
                held = step(held, inner, whole, extent - whole)
            return held

        held = rec(kernel.outer, [value for part in sets for value in part], list(points))
        at = 0
        for reduction, place in slots:
            count = len(self._initial(reduction, 1))
            parts = [held[turn * width + at : turn * width + at + count] for turn in range(several)]
            points[place].values[reduction] = self._tree(reduction, parts)[-1]
            at += count

    def _tree(self, reduction: Reduce, parts: list[list[Value]]) -> list[Value]:
        """Returns what several accumulators hold, in pairs joined to one."""
        while len(parts) > 1:
            parts = [self._join(reduction, a, c) for a, c in zip(parts[::2], parts[1::2], strict=True)]
        return parts[0]

    def _join(self, reduction: Reduce, a: Sequence[Value], c: Sequence[Value]) -> list[Value]:
        """Returns what two accumulators hold together; argmax and argmin of equals, or of two NaN, hold the lower index."""
        if not reduction.name.startswith("arg"):
            return [self.math.combine(reduction.name, reduction.accumulator, a[0], c[0])]
        b, math, kind = self.b, self.math, kind_of(reduction.operand, self.kernel.operands)
        same = math.truth(math.compare("eq", kind, a[0], c[0]), kind)
        if is_float(kind):
            absent = [b.fcmp("uno", value, value) for value in (a[0], c[0])]
            both = b.define(same.type, f"and {absent[0]}, {absent[1].name}")
            same = b.define(same.type, f"or {same}, {both.name}")
        lower = math.truth(math.compare("lt", "i64", c[1], a[1]), "i64")
        first = b.define(same.type, f"and {same}, {lower.name}")
        chosen = b.define(same.type, f"or {self._is_better(reduction.name, kind, c[0], a[0])}, {first.name}")
        return [b.select(chosen, of_c, of_a) for of_a, of_c in zip(a, c, strict=True)]

    def _across(self, reduction: Reduce, held: list[Value]) -> list[Value]:
        """Returns what the lanes of an accumulator hold together."""
        while lanes_of(held[0].type) > 1:
            halves = [self.math.halves(value) for value in held]
            held = self._join(reduction, [low for low, _ in halves], [high for _, high in halves])
        return held

    def _reduce_in_vectors(self, point: Point) -> None:
        """Reduces contiguous elements: four accumulators of lanes, then halves of the lanes, then the elements left over."""
        kernel, b, lanes = self.kernel, self.b, self.lanes
        last = len(kernel.loops) - 1
        count = self.count(kernel.loops[last])
        several = 4 if not isinstance(count, int) or count >= 4 * lanes else 1
        reductions = kernel.reductions
        slots = [self._initial(r, lanes) for r in reductions for _ in range(several)] + [self._initial(r, 1) for r in reductions]
        edges = [0, *accumulate(len(slot) for slot in slots)]
        start = [value for slot in slots for value in slot]

        def part(slot: int) -> slice:
            return slice(edges[slot], edges[slot + 1])

        whole = b.mul(b.div(count, lanes * several), lanes * several)
        vectors = b.mul(b.div(count, lanes), lanes)

        def step(held: list[Value], inner: Point, index: Index, together: int) -> list[Value]:
            held = list(held)
            for place in range(together):
                entered = self.enter(inner.with_lanes(lanes, last), last, b.add(index, place * lanes))
                for position, reduction in enumerate(reductions):
                    slot = part(position * several + place)
                    held[slot] = self._accumulate(reduction, held[slot], entered)
            return held

        def rec(loop: int, held: list[Value], inner: Point) -> list[Value]:
            if loop < last:
                with b.loop(0, self.count(kernel.loops[loop]), carried=held) as entered:
                    entered.carry(rec(loop + 1, entered.values, self.enter(inner, loop, entered.index)))
                return entered.results
            for begin, end, together in ((0, whole, several), (whole, vectors, 1)):
                if begin == end or (together == 1 and several == 1 and begin == whole):
                    continue
                with b.loop(begin, end, lanes * together, carried=held) as main:
                    main.carry(step(main.values, inner, main.index, together))
                held = main.results
            if vectors != count:
                with b.loop(vectors, count, carried=held) as tail:
                    following = list(tail.values)
                    at = self.enter(inner.with_lanes(1, last), last, tail.index)
                    for position, reduction in enumerate(reductions):
                        slot = part(len(reductions) * several + position)
                        following[slot] = self._accumulate(reduction, tail.values[slot], at)
                    tail.carry(following)
                held = tail.results
            return held

        held = rec(kernel.outer, start, point)
        for position, reduction in enumerate(reductions):
            parts = [held[part(position * several + place)] for place in range(several)]
            total = self._across(reduction, self._tree(reduction, parts))
            point.values[reduction] = self._join(reduction, total, held[part(len(reductions) * several + position)])[-1]
