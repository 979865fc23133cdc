"""Boxes that suppression has kept so far, in the scratch of a kernel: a box is compared with a vector of them at a time.

Every arithmetic operation is MXNet's, in its order and without contraction, so that a box at the threshold falls on the same side.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from ngc.codegen.llvm.lanes import Lanes
from ngc.codegen.llvm.text import FLOAT, I1, I64, Builder, Index, Value, overload, vector
from ngc.target import CpuTarget

Box = tuple[Lanes, Lanes, Lanes, Lanes]
"""Left, top, right and bottom."""

_COLUMNS = 6
"""Arrays of the kept: their four sides, areas and classes."""


def kept_bytes(capacity: int, target: CpuTarget) -> int:
    """Returns the scratch that `KeptBoxes` needs."""
    return 4 * _COLUMNS * _padded(capacity, target)


def _padded(capacity: int, target: CpuTarget) -> int:
    lanes = target.lanes()
    return -(-capacity // lanes) * lanes


@dataclass(frozen=True)
class Overlap:
    """When a box overlaps a kept one too much.

    Attributes:
        threshold: the share of the union that both have in common.
        predicate: LLVM's comparison with the threshold, ogt or oge.
        guarded: whether a union of no area means no overlap; else 0/0 is NaN, which is above no threshold.
        by_class: whether only boxes of one class are compared.
    """

    threshold: float
    predicate: str
    guarded: bool
    by_class: bool


class KeptBoxes:
    """Emits the comparison with boxes that were kept, and the keeping."""

    def __init__(self, b: Builder, target: CpuTarget, scratch: Value, capacity: int, overlap: Overlap) -> None:
        self.b, self.target, self.overlap = b, target, overlap
        self.lanes = target.lanes()
        self._pitch = _padded(capacity, target)
        self._scratch = scratch
        self._count = b.alloca(I64)

    def clear(self) -> None:
        """Begins a list of boxes."""
        self.b.store(Value(I64, "0"), self._count, 8)

    def count(self) -> Value:
        """Returns how many boxes are kept."""
        return self.b.load(I64, self._count, 8)

    def _array(self, column: int, at: Index) -> Value:
        return self.b.gep(self._scratch, self.b.add(at, column * self._pitch))

    def overlaps(self, box: Box, area: Lanes, id: Lanes) -> Value:
        """Returns the i1 that a box overlaps one of the kept too much; a class is compared as a float."""
        b, lanes = self.b, self.lanes
        kind = vector(lanes, FLOAT)
        left, top, right, bottom, own, ids = (Lanes(b, b.splat(part.value, lanes), self.target) for part in (*box, area, id))
        mask = vector(lanes, I1)
        with b.loop(0, self.count(), lanes, carried=[Value(mask, "zeroinitializer")], hint="kept") as loop:
            sides = [Lanes(b, b.load(kind, self._array(column, loop.index), 4 * lanes), self.target) for column in range(_COLUMNS - 1)]
            width = (sides[2].at_most(right) - sides[0].at_least(left)).at_least(0.0)
            height = (sides[3].at_most(bottom) - sides[1].at_least(top)).at_least(0.0)
            shared = width * height
            union = sides[4] + own - shared
            share = shared / union
            if self.overlap.guarded:
                share = share.const(0.0).where(union.compare("ole", 0.0), share)
            hit = share.compare(self.overlap.predicate, self.overlap.threshold)
            if self.overlap.by_class:
                hit = hit & Lanes(b, b.load(kind, self._array(_COLUMNS - 1, loop.index), 4 * lanes), self.target).equals(ids)
            loop.carry([b.define(mask, f"or {hit.value}, {loop.values[0].name}")])
        return b.intrinsic(f"llvm.vector.reduce.or.{overload(mask)}", I1, loop.results[0])

    def keep(self, box: Box, area: Lanes, id: Lanes) -> None:
        """Adds a box. Areas after the last are NaN up to a whole vector, so that what was never kept overlaps nothing."""
        b, count = self.b, self.count()
        with b.when(b.icmp("eq", b.rem(count, self.lanes), 0)):
            absent = area.const(float("nan")).value.name
            b.store(Value(vector(self.lanes, FLOAT), f"splat (float {absent})"), self._array(_COLUMNS - 2, count), 4 * self.lanes)
        columns: Sequence[Lanes] = (*box, area, id)
        for column, part in enumerate(columns):
            b.store(part.value, self._array(column, count))
        self.b.store(b.define(I64, f"add {count}, 1"), self._count, 8)
