"""Pads the trailing axes of a plain tensor with a constant: rows are copied between fills."""

from dataclasses import dataclass
from math import prod

from ngc.codegen.llvm.kernel import KernelSpec, Spatial
from ngc.codegen.llvm.kernels.elements import STORED, copy, fill
from ngc.codegen.llvm.kernels.expression import N
from ngc.codegen.llvm.text import Builder, Value
from ngc.target import CpuTarget

_ITEM_ELEMENTS = 4096


@dataclass(frozen=True)
class PadKernel(KernelSpec):
    """Writes [planes][depth][height][width] between `before` and up to `padded` extents of `value`.

    args: input, output. Work items: groups of the output's rows.
    """

    planes: int | N
    spatial: Spatial
    before: Spatial
    padded: Spatial
    dtype: str = "f32"
    value: float = 0.0

    @property
    def _group(self) -> int:
        """Rows of a work item."""
        return min(self.padded[0] * self.padded[1], max(1, _ITEM_ELEMENTS // self.padded[2]))

    @property
    def work(self) -> tuple[int, int]:
        """Returns the number of items."""
        groups = -(-self.padded[0] * self.padded[1] // self._group)
        return (self.planes.coefficient * groups, 0) if isinstance(self.planes, N) else (0, self.planes * groups)

    def emit(self, target: CpuTarget) -> str:
        """Returns the module."""
        module, b = self.open(target)
        x, y = (b.load_pointer(b.argument(0), position) for position in (0, 1))
        rows = self.padded[0] * self.padded[1]
        groups, element = -(-rows // self._group), STORED[self.dtype]
        with b.loop(b.argument(2), b.argument(3), hint="item") as item:
            plane, group = b.div(item.index, groups), b.rem(item.index, groups)
            source = b.gep(x, b.mul(plane, prod(self.spatial)), element)
            result = b.gep(y, b.mul(plane, prod(self.padded)), element)
            start = b.mul(group, self._group)
            with b.loop(start, b.smin(b.add(start, self._group), rows)) as row:
                self._row(b, source, b.gep(result, b.mul(row.index, self.padded[2]), element), row.index, target.vector_bits)
        b.ret()
        return str(module)

    def _row(self, b: Builder, source: Value, row: Value, index: Value, bits: int) -> None:
        """Writes one row of the output: a copy between two fills, or only the fill."""
        element = STORED[self.dtype]
        depth = b.sub(b.div(index, self.padded[1]), self.before[0])
        height = b.sub(b.rem(index, self.padded[1]), self.before[1])
        inside = b.icmp("ult", depth, self.spatial[0])  # as unsigned numbers, what lies before is large
        inside = b.define("i1", f"and {inside}, {b.icmp('ult', height, self.spatial[1]).name}")
        width, left = self.spatial[2], self.before[2]
        with b.when(inside):
            line = b.mul(b.add(b.mul(depth, self.spatial[1]), height), width)
            copy(b, b.gep(source, line, element), b.gep(row, left, element), width, self.dtype, bits)
            fill(b, row, 0, left, self.dtype, self.value, bits)
            fill(b, row, left + width, self.padded[2] - left - width, self.dtype, self.value, bits)
        outside = b.define("i1", f"xor {inside}, true")
        with b.when(outside):
            fill(b, row, 0, self.padded[2], self.dtype, self.value, bits)
