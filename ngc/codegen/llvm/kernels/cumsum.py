"""Running sums along an axis."""

from dataclasses import dataclass

from ngc.codegen.llvm.kernel import KernelSpec
from ngc.codegen.llvm.kernels.arithmetic import Arithmetic
from ngc.codegen.llvm.kernels.elements import STORED, each_column, load, store
from ngc.codegen.llvm.kernels.expression import KINDS, Extent, N
from ngc.codegen.llvm.text import Builder, Index, Value
from ngc.target import CpuTarget

_STRIP = 64
"""Columns of a work item: whole vectors of any element type."""


@dataclass(frozen=True)
class CumsumKernel(KernelSpec):
    """y[i] = y[i - 1] + x[i] along the middle axis of a plain [rows][axis][inner] tensor; each sum is rounded to the element type.

    args: x, y. Work items: strips of columns of each row.
    """

    rows: Extent
    axis: int
    inner: int
    dtype: str = "f32"

    @property
    def work(self) -> tuple[int, int]:
        """Returns the number of strips."""
        strips = -(-self.inner // _STRIP)
        return (self.rows.coefficient * strips, 0) if isinstance(self.rows, N) else (0, self.rows * strips)

    def flops(self) -> int:
        """Returns one addition an element."""
        rows = self.rows.coefficient if isinstance(self.rows, N) else self.rows
        return rows * self.axis * self.inner

    def emit(self, target: CpuTarget) -> str:
        """Returns the module."""
        module, b = self.open(target)
        x, y = (b.load_pointer(b.argument(0), position) for position in (0, 1))
        lanes = min(target.lanes("f32"), _STRIP)
        if self.dtype in ("f64", "i64"):
            lanes = max(lanes // 2, 1)
        strips = -(-self.inner // _STRIP)
        with b.loop(b.argument(2), b.argument(3), hint="item") as item:
            row, strip = b.div(item.index, strips), b.rem(item.index, strips)
            base, start = b.mul(row, self.axis * self.inner), b.mul(strip, _STRIP)
            stop = b.smin(b.add(start, _STRIP), self.inner)

            def columns(first: Index, count: int, mask: Value | None, base: Index = base) -> None:
                self._columns(b, target, x, y, b.add(base, first), count, mask)

            each_column(b, start, stop, self.inner, lanes, target.has_avx512 and self.inner > lanes, columns)
        b.ret()
        return str(module)

    def _columns(self, b: Builder, target: CpuTarget, x: Value, y: Value, first: Index, lanes: int, mask: Value | None) -> None:
        """The sums of neighbouring columns, a lane each."""
        math, kind = Arithmetic(b, target), KINDS[self.dtype]
        with b.loop(0, self.axis, carried=[math.constant(kind, 0, lanes)]) as step:
            offset = b.add(first, b.mul(step.index, self.inner))
            value = math.register(load(b, b.gep(x, offset, STORED[self.dtype]), self.dtype, lanes, mask), self.dtype)
            total = math.cast(math.binary("add", kind, step.values[0], value), kind, self.dtype)
            store(b, math.memory(total, self.dtype), b.gep(y, offset, STORED[self.dtype]), self.dtype, mask)
            step.carry([total])
