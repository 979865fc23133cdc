"""Layer normalization along one axis: the mean, then the mean of squares of what is left without it, then the results.

Two passes over data that the caches hold lose no digits where the mean is large, as the difference of two sums of one pass would.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ngc.codegen.llvm.kernel import KernelSpec
from ngc.codegen.llvm.kernels.arithmetic import Arithmetic
from ngc.codegen.llvm.kernels.elements import SIZES, STORED, lanes_below
from ngc.codegen.llvm.kernels.expression import N
from ngc.codegen.llvm.kernels.half import load_reals, store_reals
from ngc.codegen.llvm.lanes import Lanes, Mask
from ngc.codegen.llvm.text import Builder, Index, Value, vector
from ngc.target import CpuTarget

_STRIP_VECTORS = 4
"""Vectors of columns that a work item has where the axis is not the last."""

_TOGETHER = 4
"""Accumulators of a row: the latency of an addition."""


@dataclass(frozen=True)
class LayerNormKernel(KernelSpec):
    """(x - mean) / sqrt(variance + eps) * gamma + beta over the middle axis of plain tensors [outer][axis][inner] of floats.

    args: x, gamma and beta of `axis` elements, y; x and y may be the same. Work items: rows, or where inner > 1 strips of columns.

    Attributes:
        outer: number of rows, `N(k)` for k times the batch.
        axis: elements along the axis.
        inner: elements between neighbours on the axis.
        eps: what is added to the variance.
        dtype: of all tensors; floats of 16 bits are computed with as f32.
    """

    outer: int | N
    axis: int
    inner: int
    eps: float
    dtype: str = "f32"

    @property
    def work(self) -> tuple[int, int]:
        """Returns the number of items; a strip has the width of the widest vectors, so that the number does not depend on the target."""
        strips = -(-self.inner // self.strip)
        return (self.outer.coefficient * strips, 0) if isinstance(self.outer, N) else (0, self.outer * strips)

    @property
    def strip(self) -> int:
        """Columns of a work item."""
        return 1 if self.inner == 1 else 64 // SIZES[self.dtype] * _STRIP_VECTORS

    def flops(self) -> int:
        """Returns eight operations an element: a sum, a difference and a multiply-add, then the scaling."""
        rows = self.outer.coefficient if isinstance(self.outer, N) else self.outer
        return 8 * rows * self.axis * self.inner

    def emit(self, target: CpuTarget) -> str:
        """Returns the text of the LLVM module that defines `symbol(target)`."""
        module, b = self.open(target)
        _Emitter(self, b, target).emit()
        b.ret()
        return str(module)


class _Emitter:
    """Emits one kernel."""

    def __init__(self, kernel: LayerNormKernel, b: Builder, target: CpuTarget) -> None:
        self.kernel, self.b, self.target = kernel, b, target
        self.x, self.gamma, self.beta, self.y = (b.load_pointer(b.argument(0), i) for i in range(4))
        self.kind = "f64" if kernel.dtype == "f64" else "f32"
        self.lanes = target.lanes(self.kind)
        extent = kernel.axis if kernel.inner == 1 else kernel.inner
        while self.lanes > extent:
            self.lanes //= 2

    def emit(self) -> None:
        """Emits the loop over this thread's items."""
        kernel, b = self.kernel, self.b
        strips = -(-kernel.inner // kernel.strip)
        with b.loop(b.argument(2), b.argument(3), hint="item") as item:
            if kernel.inner == 1:
                self._row(b.mul(item.index, kernel.axis))
            else:
                self._strip(b.div(item.index, strips), b.mul(b.rem(item.index, strips), kernel.strip))

    def _load(self, base: Value, at: Index, lanes: int, mask: Value | None = None) -> Lanes:
        pointer = self.b.gep(base, at, STORED[self.kernel.dtype])
        return Lanes(self.b, load_reals(self.b, pointer, self.kernel.dtype, lanes, self.target, mask), self.target)

    def _store(self, value: Lanes, at: Index, mask: Value | None) -> None:
        store_reals(self.b, value.value, self.b.gep(self.y, at, STORED[self.kernel.dtype]), self.kernel.dtype, self.target, mask)

    def _zero(self, lanes: int) -> Lanes:
        kind = vector(lanes, STORED[self.kind])
        return Lanes(self.b, self.b.constant(kind, 0.0), self.target)

    def _inverse(self, squares: Lanes) -> Lanes:
        """Returns one over the deviation, from a sum of squares."""
        return 1.0 / (squares * (1.0 / self.kernel.axis) + self.kernel.eps).sqrt()

    # -- rows of contiguous elements --------------------------------------------------------------------------------

    def _row(self, base: Index) -> None:
        b, kernel = self.b, self.kernel
        total = self._sum(lambda at, lanes, mask: self._load(self.x, b.add(base, at), lanes, mask))
        mean = total * (1.0 / kernel.axis)
        wide = Lanes(b, b.splat(mean.value, self.lanes), self.target)

        def square(at: Index, lanes: int, mask: Value | None) -> Lanes:
            centred = self._load(self.x, b.add(base, at), lanes, mask) - wide
            squared = centred * centred
            return squared if mask is None else squared.where(Mask(b, mask), 0.0)

        inverse = Lanes(b, b.splat(self._inverse(self._sum(square)).value, self.lanes), self.target)

        def result(at: Index, mask: Value | None) -> None:
            centred = self._load(self.x, b.add(base, at), self.lanes, mask) - wide
            scaled = (centred * inverse).fma(self._load(self.gamma, at, self.lanes, mask), self._load(self.beta, at, self.lanes, mask))
            self._store(scaled, b.add(base, at), mask)

        whole = kernel.axis // self.lanes * self.lanes
        with b.loop(0, whole, self.lanes, hint="i") as loop:
            result(loop.index, None)
        if whole < kernel.axis:
            result(whole, lanes_below(b, kernel.axis - whole, self.lanes))

    def _sum(self, term: Callable[[Index, int, Value | None], Lanes]) -> Lanes:
        """Returns the sum of a term over a row, added in an order that depends on the row's length alone."""
        b, lanes, axis = self.b, self.lanes, self.kernel.axis
        held = [self._zero(lanes).value] * _TOGETHER
        done = 0
        for together in (_TOGETHER, 1):
            until = done + (axis - done) // (lanes * together) * lanes * together
            if until > done:
                with b.loop(done, until, lanes * together, carried=held) as loop:
                    loop.carry([(Lanes(b, value, self.target) + term(b.add(loop.index, place * lanes), lanes, None)).value if place < together else value
                                for place, value in enumerate(loop.values)])
                held, done = loop.results, until
        if done < axis:
            mask = lanes_below(b, axis - done, lanes)
            held = [(Lanes(b, held[0], self.target) + term(done, lanes, mask)).value, *held[1:]]
        return self._across(held)

    def _across(self, held: Sequence[Value]) -> Lanes:
        math = Arithmetic(self.b, self.target)
        parts = list(held)
        while len(parts) > 1:
            parts = [math.combine("sum", self.kind, a, c) for a, c in zip(parts[::2], parts[1::2], strict=True)]
        return Lanes(self.b, math.across("sum", self.kind, parts[0]), self.target)

    # -- columns ----------------------------------------------------------------------------------------------------

    def _strip(self, row: Index, start: Index) -> None:
        b, kernel = self.b, self.kernel
        stop = b.smin(b.add(start, kernel.strip), kernel.inner)
        with b.loop(start, stop, self.lanes, hint="column") as column:
            mask = lanes_below(b, b.sub(stop, column.index), self.lanes) if kernel.inner % self.lanes else None
            self._columns(b.add(b.mul(row, kernel.axis * kernel.inner), column.index), mask)

    def _columns(self, base: Index, mask: Value | None) -> None:
        """Normalizes neighbouring columns, a lane each."""
        b, kernel, lanes = self.b, self.kernel, self.lanes

        def total(term: Callable[[Lanes], Lanes]) -> Lanes:
            with b.loop(0, kernel.axis, carried=[self._zero(lanes).value], hint="i") as loop:
                x = self._load(self.x, b.add(base, b.mul(loop.index, kernel.inner)), lanes, mask)
                loop.carry([(Lanes(b, loop.values[0], self.target) + term(x)).value])
            return Lanes(b, loop.results[0], self.target)

        mean = total(lambda x: x) * (1.0 / kernel.axis)
        inverse = self._inverse(total(lambda x: (x - mean) * (x - mean)))
        with b.loop(0, kernel.axis, hint="i") as loop:
            at = b.add(base, b.mul(loop.index, kernel.inner))
            gamma, beta = (Lanes(b, b.splat(self._load(vector_of, loop.index, 1).value, lanes), self.target) for vector_of in (self.gamma, self.beta))
            self._store(((self._load(self.x, at, lanes, mask) - mean) * inverse).fma(gamma, beta), at, mask)
