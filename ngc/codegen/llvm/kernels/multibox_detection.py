"""Detections of an SSD: the best class of each anchor, boxes from offsets, suppression in place.

An image is a work item. Anchors are looked through a vector at a time; only boxes of those that reach the threshold are computed.
"""

from dataclasses import dataclass

from ngc.codegen.llvm.float_math import exp
from ngc.codegen.llvm.kernel import KernelSpec
from ngc.codegen.llvm.kernels.elements import fill_between
from ngc.codegen.llvm.kernels.expression import N
from ngc.codegen.llvm.kernels.kept_boxes import Box, KeptBoxes, Overlap, kept_bytes
from ngc.codegen.llvm.kernels.radix_sort import descending_key, emit_radix_sort, number_of, with_number
from ngc.codegen.llvm.lanes import Lanes
from ngc.codegen.llvm.text import FLOAT, I32, I64, Builder, Index, Value, vector
from ngc.ir.ops.suppression import COORDINATES, DETECTION_WIDTH
from ngc.target import CpuTarget


@dataclass(frozen=True)
class MultiboxDetectionKernel(KernelSpec):
    """Rows [class, score, left, top, right, bottom] of plain scores [image][class][anchor], offsets [image][anchor][4] and anchors [anchor][4], all f32.

    args: scores, offsets, anchors, y, this thread's scratch of `scratch_bytes(target)`. Work items: images. The attributes are those of the operator
    `multibox_detection`, where not said otherwise.

    Attributes:
        images: number of images, `N(k)` for k times the batch.
        classes: classes with the background.
        count: anchors of an image.
        topk: detections that are sorted in front and take part in suppression, 1 to `count`.
        suppress: whether anything is sorted and suppressed.
    """

    images: int | N
    classes: int
    count: int
    topk: int
    threshold: float = 0.01
    nms_threshold: float = 0.5
    variances: tuple[float, ...] = (0.1, 0.1, 0.2, 0.2)
    clip: bool = True
    force_suppress: bool = False
    suppress: bool = True

    @property
    def work(self) -> tuple[int, int]:
        """Returns the number of images."""
        return (self.images.coefficient, 0) if isinstance(self.images, N) else (0, self.images)

    def scratch_bytes(self, target: CpuTarget) -> int:
        """Returns the bytes of scratch that each thread must bring: words to sort and where they come from, and the boxes that are kept."""
        return sum(self._buffers) + kept_bytes(self.topk, target)

    @property
    def _buffers(self) -> tuple[int, ...]:
        """Bytes of the words, their spare, the numbers of the anchors that were found, the best scores of all anchors and their classes."""
        return tuple(-(-size * self.count // 64) * 64 for size in (8, 8, 4, 4, 4))

    def emit(self, target: CpuTarget) -> str:
        """Returns the module."""
        module, b = self.open(target)
        emitter = _Emitter(self, b, target)
        with b.loop(b.argument(2), b.argument(3), hint="image") as image:
            emitter.image(image.index)
        b.ret()
        return str(module)


class _Emitter:
    """Emits the code of one image."""

    def __init__(self, kernel: MultiboxDetectionKernel, b: Builder, target: CpuTarget) -> None:
        self.kernel, self.b, self.target = kernel, b, target
        self.scores, self.offsets, self.anchors, self.y, scratch = (b.load_pointer(b.argument(0), position) for position in range(5))
        starts = [sum(kernel._buffers[:position]) for position in range(len(kernel._buffers) + 1)]
        self.words, self.spare, self.found, self.best, self.classes, kept = (b.gep(scratch, start, "i8") for start in starts)
        self.kept = KeptBoxes(b, target, kept, kernel.topk, Overlap(kernel.nms_threshold, "oge", guarded=True, by_class=not kernel.force_suppress))

    def image(self, image: Index) -> None:
        """Emits all detections of an image."""
        kernel, b = self.kernel, self.b
        scores = b.gep(self.scores, b.mul(image, kernel.classes * kernel.count))
        offsets = b.gep(self.offsets, b.mul(image, kernel.count * COORDINATES))
        result = b.gep(self.y, b.mul(image, kernel.count * DETECTION_WIDTH))
        self._best_classes(scores)
        found = self._collect()
        if kernel.suppress:
            emit_radix_sort(b, self.target, self.words, self.spare, found)
            self.kept.clear()
        sorted_rows = b.smin(found, kernel.topk) if kernel.suppress else found
        with b.loop(0, sorted_rows, hint="row") as row:
            self._row(row.index, offsets, result)
        if kernel.suppress:
            with b.loop(sorted_rows, found, hint="row") as row:
                self._write(self._anchor(row.index), row.index, offsets, result, is_left=True)
        fill_between(b, result, b.mul(found, DETECTION_WIDTH), kernel.count * DETECTION_WIDTH, "f32", -1, self.target.vector_bits)

    def _best_classes(self, scores: Value) -> None:
        """Stores the best score of each anchor and its class among all but the first; -1 where none is above."""
        lanes, count = self.target.lanes(), self.kernel.count
        whole = count // lanes * lanes
        for begin, end, step in ((0, whole, lanes), (whole, count, 1)):
            with self.b.loop(begin, end, step, hint="anchor") as anchor:
                self._best_of(scores, anchor.index, step)

    def _best_of(self, scores: Value, anchor: Index, lanes: int) -> None:
        b, count = self.b, self.kernel.count
        kind = vector(lanes, FLOAT)
        none = b.constant(kind, -1.0)
        with b.loop(1, self.kernel.classes, carried=[none, none], hint="class") as each:
            score = b.load(kind, b.gep(scores, b.add(anchor, b.mul(each.index, count))))
            better = b.fcmp("ogt", score, each.values[0])
            id = b.splat(b.cast("sitofp", b.sub(each.index, 1), FLOAT), lanes)  # type: ignore[arg-type]  # a loop's index is no constant
            each.carry([b.select(better, score, each.values[0]), b.select(better, id, each.values[1])])
        for value, array in zip(each.results, (self.best, self.classes), strict=True):
            b.store(value, b.gep(array, anchor))

    def _collect(self) -> Value:
        """Stores a word and the number of each anchor that reaches the threshold, in their order; returns how many there are."""
        b, kernel = self.b, self.kernel
        with b.loop(0, kernel.count, carried=[Value(I64, "0")], hint="anchor") as anchor:
            found, score = anchor.values[0], b.load(FLOAT, b.gep(self.best, anchor.index))
            # a score of -1 is none, whatever the threshold
            valid = (Lanes(b, score, self.target) > -1.0) & Lanes(b, score, self.target).compare("oge", kernel.threshold)
            with b.when(valid.value):
                b.store(b.cast("trunc", anchor.index, I32), b.gep(self.found, found, I32))
                b.store(with_number(b, descending_key(b, score), found), b.gep(self.words, found, I64), 8)
            anchor.carry([b.define(I64, f"add {found}, {b.cast('zext', valid.value, I64).name}")])
        return anchor.results[0]

    def _anchor(self, number: Index) -> Value:
        """Returns the anchor of what was found as number `number`."""
        return self.b.cast("zext", self.b.load(I32, self.b.gep(self.found, number, I32)), I64)

    def _row(self, row: Index, offsets: Value, result: Value) -> None:
        """Writes a row of those that suppression sees, or all where there is none."""
        b = self.b
        if not self.kernel.suppress:
            self._write(self._anchor(row), row, offsets, result)
            return
        anchor = self._anchor(number_of(b, b.load(I64, b.gep(self.words, row, I64), 8)))
        box, id = self._write(anchor, row, offsets, result)
        area = (box[2] - box[0]) * (box[3] - box[1])
        suppressed = self.kept.overlaps(box, area, id)
        with b.when(suppressed):
            b.store(b.constant(FLOAT, -1.0), b.gep(result, b.mul(row, DETECTION_WIDTH)))
        with b.when(b.define("i1", f"xor {suppressed}, true")):
            self.kept.keep(box, area, id)

    def _write(self, anchor: Value, row: Index, offsets: Value, result: Value, is_left: bool = False) -> tuple[Box, Lanes]:
        """Writes an anchor's detection, of no class where it `is_left` out of suppression; returns its box and class."""
        b = self.b
        box = self._box(b.gep(offsets, b.mul(anchor, COORDINATES)), b.gep(self.anchors, b.mul(anchor, COORDINATES)))
        id, score = (self._lane(array, anchor) for array in (self.classes, self.best))
        for number, part in enumerate((id.const(-1.0) if is_left else id, score, *box)):
            b.store(part.value, b.gep(result, b.add(b.mul(row, DETECTION_WIDTH), number)))
        return box, id

    def _lane(self, array: Value, at: Index) -> Lanes:
        return Lanes(self.b, self.b.load(FLOAT, self.b.gep(array, at)), self.target)

    def _box(self, offsets: Value, anchor: Value) -> Box:
        """Returns the box that offsets from an anchor mean."""
        lower: list[Lanes] = []
        upper: list[Lanes] = []
        for axis in (0, 1):
            begin, end = self._lane(anchor, axis), self._lane(anchor, axis + 2)
            move, grow = self._lane(offsets, axis), self._lane(offsets, axis + 2)
            extent = end - begin
            middle = move * self.kernel.variances[axis] * extent + (begin + end) * 0.5
            reach = exp(grow * self.kernel.variances[axis + 2]) * extent * 0.5
            for bounds, bound in ((lower, middle - reach), (upper, middle + reach)):
                bounds.append(bound.at_least(0.0).at_most(1.0) if self.kernel.clip else bound)
        return lower[0], lower[1], upper[0], upper[1]
