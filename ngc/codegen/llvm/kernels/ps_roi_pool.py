"""Means over the bins of regions of interest, each bin of maps of its own."""

from dataclasses import dataclass

from ngc.codegen.llvm.kernels.region_pooling import Region, RegionKernel, integer_of
from ngc.codegen.llvm.lanes import Lanes
from ngc.codegen.llvm.text import FLOAT, Index, Value
from ngc.codegen.llvm.vector_math import emit_unary


@dataclass(frozen=True)
class PsRoiPoolKernel(RegionKernel):
    """The operator `ps_roi_pool`, whose attribute `groups` it has."""

    groups: int = 1

    @property
    def maps(self) -> int:
        """Channels of `x` for each of `y`: one a group."""
        return self.groups**2

    def emit_bins(self, region: Region, bins: Value) -> None:
        """Emits all bins of a region for the blocks of an item."""
        b = region.b
        (top, height), (left, width) = (self._span(region, first, first + 2, count) for first, count in zip((2, 1), self.bins, strict=True))
        with b.loop(0, self.bins[0], hint="row") as row:
            above, below = self._edges(region, top, height, row.index, self.x.spatial[1])
            with b.loop(0, self.bins[1], hint="column") as column:
                before, after = self._edges(region, left, width, column.index, self.x.spatial[2])
                group = b.add(b.mul(self._group(region, row.index, self.bins[0]), self.groups), self._group(region, column.index, self.bins[1]))
                with b.loop(above, below, carried=region.accumulators(0.0)) as y:
                    with b.loop(before, after, carried=y.values) as x:
                        held = [Lanes(b, value, region.target) for value in x.values]
                        x.carry([(total + part).value for total, part in zip(held, region.load(y.index, x.index, group), strict=True)])
                    y.carry(x.results)
                count = b.smax(b.mul(b.sub(below, above), b.sub(after, before)), 1)  # of a bin without elements the sum is 0
                assert isinstance(count, Value)
                area = region.scalar(b.cast("sitofp", count, FLOAT))
                region.store([Lanes(b, total, region.target) / area for total in y.results], bins, row.index, column.index)

    def _span(self, region: Region, first: int, last: int, bins: int) -> tuple[Lanes, Lanes]:
        """Returns where a region starts along an axis and the length of a bin; corners are whole pixels, the last ones included."""
        start, end = (region.scalar(emit_unary(region.b, "round", region.numbers[column - 1].value, region.target)) for column in (first, last))
        begin = start * self.spatial_scale
        return begin, ((end + 1.0) * self.spatial_scale - begin).at_least(0.1) / float(bins)

    def _edges(self, region: Region, start: Lanes, length: Lanes, bin: Value, size: int) -> tuple[Index, Index]:
        """Returns the first row or column of a bin and the one after its last, within the map and none before the first."""
        b = region.b
        number = region.scalar(b.cast("sitofp", bin, FLOAT))
        begin, end = (number * length + start).floor(), ((number + 1.0) * length + start).ceil()
        first, last = (b.smin(b.smax(integer_of(b, edge), 0), size) for edge in (begin, end))
        return first, b.smax(first, last)

    def _group(self, region: Region, bin: Value, bins: int) -> Index:
        b = region.b
        return b.smin(b.div(b.mul(bin, self.groups), bins), self.groups - 1)
