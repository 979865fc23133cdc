"""Suppression of overlapping boxes: rows above a score, best first, without those that overlap a better one of their class.

A list of rows is a work item. What is valid is collected first, which is little of a detector's candidates; only that is sorted, and each row then compared
with the rows that were kept. No row is compared after the result is full.

Rows are read where they lie: together, or as columns that a detector computed apart, which then never become rows but those that survive.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

from ngc.codegen.llvm.kernel import KernelSpec
from ngc.codegen.llvm.kernels.elements import fill_between
from ngc.codegen.llvm.kernels.expression import N
from ngc.codegen.llvm.kernels.kept_boxes import Box, KeptBoxes, Overlap, kept_bytes
from ngc.codegen.llvm.kernels.radix_sort import descending_key, emit_radix_sort, number_of, with_number
from ngc.codegen.llvm.lanes import Lanes, Mask
from ngc.codegen.llvm.text import FLOAT, I64, Builder, Index, Value
from ngc.target import CpuTarget


class RowSource(ABC):
    """Where the rows of one list are read from while code is emitted."""

    def __init__(self, b: Builder, target: CpuTarget) -> None:
        self.b, self.target = b, target

    def lane(self, array: Value, at: Index) -> Lanes:
        """Returns a float of an array."""
        return Lanes(self.b, self.b.load(FLOAT, self.b.gep(array, at)), self.target)

    @abstractmethod
    def score(self, place: Value) -> Lanes:
        """Returns the score of a row."""

    @abstractmethod
    def id(self, place: Value) -> Lanes:
        """Returns the class of a row."""

    @abstractmethod
    def box(self, place: Value) -> Box:
        """Returns the four numbers of a row's box."""

    @abstractmethod
    def copy(self, place: Value, row: Value) -> None:
        """Copies a row to the result."""

    @abstractmethod
    def each_candidate(self, threshold: float, take: Callable[[Value], None]) -> None:
        """Emits the loops that take rows in their order, all whose score is above the threshold and maybe others."""


@dataclass(frozen=True)
class SuppressionKernel(KernelSpec):
    """Suppression in lists of rows of plain floats; the attributes are those of the operator `box_nms`, where not said otherwise.

    Work items: lists. This thread's scratch of `scratch_bytes(target)` is the last argument, the result [list][row][column] the one before.

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

    @property
    @abstractmethod
    def operands(self) -> int:
        """How many operands the rows are read from."""

    @abstractmethod
    def source(self, b: Builder, target: CpuTarget, operands: list[Value], list_number: Value) -> RowSource:
        """Returns where the rows of a list are read from."""

    def emit(self, target: CpuTarget) -> str:
        """Returns the module."""
        module, b = self.open(target)
        *operands, y, words = (b.load_pointer(b.argument(0), position) for position in range(self.operands + 2))
        spare, scratch = b.gep(words, self._words_bytes, "i8"), b.gep(words, 2 * self._words_bytes, "i8")
        kept = KeptBoxes(b, target, scratch, self._most_kept, Overlap(self.overlap_thresh, "ogt", guarded=False, by_class=self.by_class))
        found = b.alloca(I64)
        with b.loop(b.argument(2), b.argument(3), hint="list") as item:
            source = self.source(b, target, operands, item.index)
            result = b.gep(y, b.mul(item.index, self.rows * self.width))
            b.store(Value(I64, "0"), found, 8)
            source.each_candidate(self.valid_thresh, lambda place, source=source: self._take(source, place, words, found))  # type: ignore[misc]  # bound now
            count = b.load(I64, found, 8)
            emit_radix_sort(b, target, words, spare, count)
            kept.clear()
            with b.loop(0, b.smin(count, self.topk), hint="candidate") as candidate, b.when(b.icmp("slt", kept.count(), self.rows)):
                place = number_of(b, b.load(I64, b.gep(words, candidate.index, I64), 8))
                self._compare(source, place, kept, result)
            fill_between(b, result, b.mul(kept.count(), self.width), self.rows * self.width, "f32", -1, target.vector_bits)
        b.ret()
        return str(module)

    def _take(self, source: RowSource, place: Value, words: Value, found: Value) -> None:
        """Stores a row's word if it is valid."""
        b, score = source.b, source.score(place)
        valid = score > self.valid_thresh
        if self.id_index >= 0:
            valid = valid & source.id(place).compare("une", self.background_id)
        with b.when(valid.value):
            count = b.load(I64, found, 8)
            b.store(with_number(b, descending_key(b, score.value), place), b.gep(words, count, I64), 8)
            b.store(b.define(I64, f"add {count}, 1"), found, 8)

    def _compare(self, source: RowSource, place: Value, kept: KeptBoxes, result: Value) -> None:
        """Copies a row to the result and keeps its box unless that overlaps a kept one."""
        b = source.b
        numbers = first, second, third, fourth = source.box(place)
        if self.in_format == "corner":
            box, width, height = numbers, third - first, fourth - second
        else:
            box, width, height = _corners(numbers), third, fourth
        area = width.const(0.0).where((width < 0.0) | (height < 0.0), width * height)
        id = source.id(place).truncate() if self.by_class else area
        with b.when((~Mask(b, kept.overlaps(box, area, id))).value):
            row = b.gep(result, b.mul(kept.count(), self.width))
            source.copy(place, row)
            if self.in_format != self.out_format:
                self._convert(b, numbers, row)
            kept.keep(box, area, id)

    def _convert(self, b: Builder, box: Box, row: Value) -> None:
        """Writes a box in the other format, unless its first number is negative: MXNet leaves such boxes as they are."""
        first, second, third, fourth = box
        centered = (first + third) * 0.5, (second + fourth) * 0.5, third - first, fourth - second
        converted = centered if self.out_format == "center" else _corners(box)
        with b.when((~(first < 0.0)).value):
            for number, part in enumerate(converted):
                b.store(part.value, b.gep(row, self.coord_start + number))


def _corners(box: Box) -> Box:
    """Returns the corners of a box of a center and extents."""
    x, y, width, height = box
    return x - width * 0.5, y - height * 0.5, x + width * 0.5, y + height * 0.5
