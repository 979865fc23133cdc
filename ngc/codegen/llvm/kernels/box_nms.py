"""Suppression of overlapping boxes: rows above a score, best first, without those that overlap a better one of their class.

A list of rows is a work item. What is valid is collected first, which is little of a detector's candidates; only that is sorted, and each row then compared
with the rows that were kept. No row is compared after the result is full.
"""

from dataclasses import dataclass

from ngc.codegen.llvm.kernel import KernelSpec
from ngc.codegen.llvm.kernels.elements import copy, fill_between
from ngc.codegen.llvm.kernels.expression import N
from ngc.codegen.llvm.kernels.kept_boxes import Box, KeptBoxes, Overlap, kept_bytes
from ngc.codegen.llvm.kernels.radix_sort import descending_key, emit_radix_sort, number_of, with_number
from ngc.codegen.llvm.lanes import Lanes, Mask
from ngc.codegen.llvm.text import FLOAT, I1, I64, Builder, Value
from ngc.target import CpuTarget


@dataclass(frozen=True)
class BoxNmsKernel(KernelSpec):
    """Suppression in lists of rows of plain floats, [list][row][column].

    args: x, y, this thread's scratch of `scratch_bytes(target)`. Work items: lists. The attributes are those of the operator `box_nms`, where not said
    otherwise.

    Attributes:
        lists: number of lists, `N(k)` for k times the batch.
        count: rows of a list.
        width: columns of a row.
        rows: rows of a list of the result.
        topk: rows that take part, 1 to `count`.
        by_class: whether boxes of one class only are compared, which column `id_index` holds.
    """

    lists: int | N
    count: int
    width: int
    rows: int
    topk: int
    overlap_thresh: float = 0.5
    valid_thresh: float = 0.0
    coord_start: int = 2
    score_index: int = 1
    id_index: int = -1
    background_id: int = -1
    by_class: bool = False
    in_format: str = "corner"
    out_format: str = "corner"

    @property
    def work(self) -> tuple[int, int]:
        """Returns the number of lists."""
        return (self.lists.coefficient, 0) if isinstance(self.lists, N) else (0, self.lists)

    def scratch_bytes(self, target: CpuTarget) -> int:
        """Returns the bytes of scratch that each thread must bring: two buffers of words to sort, and the boxes that are kept."""
        return 2 * self._words_bytes + kept_bytes(self._most_kept, target)

    @property
    def _words_bytes(self) -> int:
        return -(-8 * self.count // 64) * 64

    @property
    def _most_kept(self) -> int:
        return min(self.topk, self.rows)

    def emit(self, target: CpuTarget) -> str:
        """Returns the module."""
        module, b = self.open(target)
        x, y, words = (b.load_pointer(b.argument(0), position) for position in range(3))
        spare, scratch = b.gep(words, self._words_bytes, "i8"), b.gep(words, 2 * self._words_bytes, "i8")
        kept = KeptBoxes(b, target, scratch, self._most_kept, Overlap(self.overlap_thresh, "ogt", guarded=False, by_class=self.by_class))
        with b.loop(b.argument(2), b.argument(3), hint="list") as item:
            rows = b.gep(x, b.mul(item.index, self.count * self.width))
            result = b.gep(y, b.mul(item.index, self.rows * self.width))
            found = self._collect(b, rows, words)
            emit_radix_sort(b, target, words, spare, found)
            kept.clear()
            with b.loop(0, b.smin(found, self.topk), hint="candidate") as candidate, b.when(b.icmp("slt", kept.count(), self.rows)):
                place = number_of(b, b.load(I64, b.gep(words, candidate.index, I64), 8))
                self._compare(b, target, kept, b.gep(rows, b.mul(place, self.width)), result)
            fill_between(b, result, b.mul(kept.count(), self.width), self.rows * self.width, "f32", -1, target.vector_bits)
        b.ret()
        return str(module)

    def _collect(self, b: Builder, rows: Value, words: Value) -> Value:
        """Stores a word for each valid row, in their order; returns how many there are."""
        with b.loop(0, self.count, carried=[Value(I64, "0")], hint="row") as row:
            place, found = b.mul(row.index, self.width), row.values[0]
            score = b.load(FLOAT, b.gep(rows, b.add(place, self.score_index)))
            valid = b.fcmp("ogt", score, b.constant(FLOAT, self.valid_thresh))
            if self.id_index >= 0:
                id = b.load(FLOAT, b.gep(rows, b.add(place, self.id_index)))
                valid = b.define(I1, f"and {valid}, {b.fcmp('une', id, b.constant(FLOAT, self.background_id)).name}")
            with b.when(valid):
                b.store(with_number(b, descending_key(b, score), row.index), b.gep(words, found, I64), 8)
            row.carry([b.define(I64, f"add {found}, {b.cast('zext', valid, I64).name}")])
        return row.results[0]

    def _compare(self, b: Builder, target: CpuTarget, kept: KeptBoxes, row: Value, result: Value) -> None:
        """Copies a row to the result and keeps its box unless that overlaps a kept one."""

        def column(number: int) -> Lanes:
            return Lanes(b, b.load(FLOAT, b.gep(row, number)), target)

        first, second, third, fourth = (column(self.coord_start + number) for number in range(4))
        if self.in_format == "corner":
            box: Box = (first, second, third, fourth)
            width, height = third - first, fourth - second
        else:
            width, height = third, fourth
            box = (first - third * 0.5, second - fourth * 0.5, first + third * 0.5, second + fourth * 0.5)
        nothing = (width < 0.0) | (height < 0.0)
        area = width.const(0.0).where(nothing, width * height)
        id = column(self.id_index).truncate() if self.by_class else area
        with b.when((~Mask(b, kept.overlaps(box, area, id))).value):
            target_row = b.gep(result, b.mul(kept.count(), self.width))
            copy(b, row, target_row, self.width, "f32", target.vector_bits)
            if self.in_format != self.out_format:
                self._convert(b, (first, second, third, fourth), target_row)
            kept.keep(box, area, id)

    def _convert(self, b: Builder, box: Box, row: Value) -> None:
        """Writes a box in the other format, unless its first number is negative: MXNet leaves such boxes as they are."""
        first, second, third, fourth = box
        if self.out_format == "center":
            converted = ((first + third) * 0.5, (second + fourth) * 0.5, third - first, fourth - second)
        else:
            converted = (first - third * 0.5, second - fourth * 0.5, first + third * 0.5, second + fourth * 0.5)
        with b.when((~(first < 0.0)).value):
            for number, part in enumerate(converted):
                b.store(part.value, b.gep(row, self.coord_start + number))
