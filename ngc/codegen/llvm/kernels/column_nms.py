"""Suppression in columns that a detector computed apart."""

from collections.abc import Callable
from dataclasses import dataclass

from ngc.codegen.llvm.kernels.kept_boxes import Box
from ngc.codegen.llvm.kernels.suppression import RowSource, SuppressionKernel
from ngc.codegen.llvm.lanes import Lanes
from ngc.codegen.llvm.text import I1, Builder, Value, overload, vector
from ngc.ir.ops.suppression import COORDINATES
from ngc.target import CpuTarget


@dataclass(frozen=True)
class ColumnNmsKernel(SuppressionKernel):
    """Suppression in columns. args: boxes [list][box][4], scores [list][row], [ids [list][row]], y, scratch.

    Attributes:
        boxes: boxes of a list; row r has the box r modulo their number.
    """

    boxes: int = 1

    @property
    def operands(self) -> int:
        """How many operands the rows are read from."""
        return 2 if self.id_index < 0 else 3

    def source(self, b: Builder, target: CpuTarget, operands: list[Value], list_number: Value) -> RowSource:
        """Returns where the rows of a list are read from."""
        sizes = (self.boxes * COORDINATES, self.count, self.count)
        return _Columns(b, target, self, [b.gep(operand, b.mul(list_number, size)) for operand, size in zip(operands, sizes, strict=False)])


class _Columns(RowSource):
    """Rows whose boxes, scores and classes lie apart."""

    def __init__(self, b: Builder, target: CpuTarget, kernel: ColumnNmsKernel, columns: list[Value]) -> None:
        super().__init__(b, target)
        self._kernel = kernel
        self._boxes, self._scores, *self._ids = columns

    def score(self, place: Value) -> Lanes:
        return self.lane(self._scores, place)

    def id(self, place: Value) -> Lanes:
        return self.lane(self._ids[0], place)

    def box(self, place: Value) -> Box:
        at = self.b.mul(self.b.rem(place, self._kernel.boxes) if self._kernel.boxes < self._kernel.count else place, COORDINATES)
        first, second, third, fourth = (self.lane(self._boxes, self.b.add(at, number)) for number in range(COORDINATES))
        return first, second, third, fourth

    def copy(self, place: Value, row: Value) -> None:
        parts = [*zip(range(self._kernel.coord_start, self._kernel.coord_start + COORDINATES), self.box(place), strict=True),
                 (self._kernel.score_index, self.score(place))]
        if self._ids:
            parts.append((self._kernel.id_index, self.id(place)))
        for number, part in parts:
            self.b.store(part.value, self.b.gep(row, number))

    def each_candidate(self, threshold: float, take: Callable[[Value], None]) -> None:
        """Looks through a vector of scores at a time: most have no valid one."""
        b, count, lanes = self.b, self._kernel.count, self.target.lanes()
        whole = count // lanes * lanes
        with b.loop(0, whole, lanes, hint="block") as block:
            scores = Lanes(b, b.load(vector(lanes), b.gep(self._scores, block.index)), self.target)
            valid = (scores > threshold).value
            with b.when(b.intrinsic(f"llvm.vector.reduce.or.{overload(valid.type)}", I1, valid)), b.loop(0, lanes, hint="row") as row:
                take(b.add(block.index, row.index))  # type: ignore[arg-type]  # loops' indices are no constants
        with b.loop(whole, count, hint="row") as row:
            take(row.index)
