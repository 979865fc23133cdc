"""Largest elements in the bins of regions of interest."""

from dataclasses import dataclass

from ngc.codegen.llvm.kernels.region_pooling import Region, RegionKernel, integer_of
from ngc.codegen.llvm.lanes import Lanes
from ngc.codegen.llvm.text import FLOAT, Index, Value
from ngc.codegen.llvm.vector_math import emit_unary
from ngc.ir.ops.pooling import LOWEST
from ngc.ir.ops.region_pooling import REGION_WIDTH


@dataclass(frozen=True)
class RoiMaxPoolKernel(RegionKernel):
    """The operator `roi_max_pool`."""

    def emit_bins(self, region: Region, bins: Value) -> None:
        """Emits all bins of a region for the blocks of an item."""
        b = region.b
        corners = [region.scaled(column) for column in range(1, REGION_WIDTH)]
        left, top, right, bottom = (self._rounded(region, corner) for corner in corners)
        unknown = (corners[0].compare("uno", corners[1]) | corners[2].compare("uno", corners[3])).value
        with b.loop(0, self.bins[0], hint="row") as row:
            above, below = self._edges(region, top, bottom, row.index, self.bins[0], self.x.spatial[1])
            with b.loop(0, self.bins[1], hint="column") as column:
                before, after = self._edges(region, left, right, column.index, self.bins[1], self.x.spatial[2])
                with b.loop(above, below, carried=region.accumulators(LOWEST)) as y:
                    with b.loop(before, after, carried=y.values) as x:
                        held = [Lanes(b, value, region.target) for value in x.values]
                        x.carry([part.where(part > most, most).value for part, most in zip(region.load(y.index, x.index), held, strict=True)])
                    y.carry(x.results)
                is_empty = b.define("i1", f"or {b.icmp('sle', below, above)}, {b.icmp('sle', after, before).name}")
                is_empty = b.define("i1", f"or {is_empty}, {unknown.name}")
                most = [Lanes(b, value, region.target) for value in y.results]
                region.store([part.like(b.select(is_empty, part.const(0.0).value, part.value)) for part in most], bins, row.index, column.index)

    def _rounded(self, region: Region, corner: Lanes) -> Value:
        return integer_of(region.b, region.scalar(emit_unary(region.b, "round", corner.value, region.target)))

    def _edges(self, region: Region, first: Value, last: Value, bin: Value, bins: int, size: int) -> tuple[Index, Index]:
        """Returns the first row or column of a bin and the one after its last, within the map."""
        b = region.b
        extent = b.smax(b.add(b.sub(last, first), 1), 1)
        assert isinstance(extent, Value)
        length = region.scalar(b.cast("sitofp", extent, FLOAT)) / float(bins)
        number = region.scalar(b.cast("sitofp", bin, FLOAT))
        begin, end = (number * length).floor(), ((number + 1.0) * length).ceil()
        start, stop = (b.smin(b.smax(b.add(integer_of(b, edge), first), 0), size) for edge in (begin, end))
        return start, stop
