"""Suppression in rows that lie together."""

from collections.abc import Callable
from dataclasses import dataclass

from ngc.codegen.llvm.kernels.elements import copy
from ngc.codegen.llvm.kernels.kept_boxes import Box
from ngc.codegen.llvm.kernels.suppression import RowSource, SuppressionKernel
from ngc.codegen.llvm.lanes import Lanes
from ngc.codegen.llvm.text import Builder, Value
from ngc.ir.ops.suppression import COORDINATES
from ngc.target import CpuTarget


@dataclass(frozen=True)
class BoxNmsKernel(SuppressionKernel):
    """Suppression in rows [list][row][column]. args: x, y, scratch."""

    @property
    def operands(self) -> int:
        """How many operands the rows are read from."""
        return 1

    def source(self, b: Builder, target: CpuTarget, operands: list[Value], list_number: Value) -> RowSource:
        """Returns where the rows of a list are read from."""
        return _Rows(b, target, self, b.gep(operands[0], b.mul(list_number, self.count * self.width)))


class _Rows(RowSource):
    """Rows that lie together."""

    def __init__(self, b: Builder, target: CpuTarget, kernel: BoxNmsKernel, rows: Value) -> None:
        super().__init__(b, target)
        self._kernel, self._rows = kernel, rows

    def _column(self, place: Value, number: int) -> Lanes:
        return self.lane(self._rows, self.b.add(self.b.mul(place, self._kernel.width), number))

    def score(self, place: Value) -> Lanes:
        return self._column(place, self._kernel.score_index)

    def id(self, place: Value) -> Lanes:
        return self._column(place, self._kernel.id_index)

    def box(self, place: Value) -> Box:
        first, second, third, fourth = (self._column(place, self._kernel.coord_start + number) for number in range(COORDINATES))
        return first, second, third, fourth

    def copy(self, place: Value, row: Value) -> None:
        copy(self.b, self.b.gep(self._rows, self.b.mul(place, self._kernel.width)), row, self._kernel.width, "f32", self.target.vector_bits)

    def each_candidate(self, threshold: float, take: Callable[[Value], None]) -> None:
        with self.b.loop(0, self._kernel.count, hint="row") as row:
            take(row.index)
