"""Means of bilinear samples in the bins of regions of interest."""

from dataclasses import dataclass

from ngc.codegen.llvm.kernels.regions import Region, RegionKernel, integer_of
from ngc.codegen.llvm.lanes import Lanes
from ngc.codegen.llvm.text import FLOAT, I64, Index, Value
from ngc.ir.ops.region_pooling import MOST_SAMPLES


@dataclass(frozen=True)
class _Span:
    """A region along an axis: where it starts, the length of a bin, how many samples a bin has, the map's size, and the latter two as floats."""

    start: Lanes
    length: Lanes
    samples: Index
    count: Lanes
    size: int


@dataclass(frozen=True)
class _Taps:
    """A sample along an axis: the two elements around it and their weights, 0 where it is outside of the map."""

    low: Value
    high: Value
    near_low: Lanes
    near_high: Lanes


@dataclass(frozen=True)
class RoiAlignKernel(RegionKernel):
    """The operator `roi_align`, whose attributes `sample_ratio` and `aligned` it has."""

    sample_ratio: int = -1
    aligned: bool = False

    def flops(self) -> int:
        """Returns the operations of one region with as many samples a bin as `sample_ratio`, or one: seven a sample and channel."""
        return 8 * self.bins[0] * self.bins[1] * max(self.sample_ratio, 1) ** 2 * self.y.channels

    def emit_bins(self, region: Region, bins: Value) -> None:
        """Emits all bins of a region for the blocks of an item."""
        b = region.b
        down = self._span(region, region.top, region.bottom, self.bins[0], self.x.spatial[1])
        across = self._span(region, region.left, region.right, self.bins[1], self.x.spatial[2])
        total = region.scalar(b.cast("sitofp", _value(b.smax(b.mul(down.samples, across.samples), 1)), FLOAT))
        with b.loop(0, self.bins[0], hint="row") as row, b.loop(0, self.bins[1], hint="column") as column:
            bin = b.add(b.mul(row.index, self.bins[1]), column.index)
            with b.loop(0, down.samples, carried=region.accumulators(0.0)) as y:
                above = self._taps(region, down, row.index, y.index)
                with b.loop(0, across.samples, carried=y.values) as x:
                    beside = self._taps(region, across, column.index, x.index)
                    x.carry(self._add_sample(region, x.values, above, beside, bin))
                y.carry(x.results)
            sums = [Lanes(b, value, region.target) for value in y.results]
            region.store([part / part.like(b.splat(total.value, self.x.block)) for part in sums], bins, row.index, column.index)

    def _span(self, region: Region, first: Lanes, last: Lanes, bins: int, size: int) -> _Span:
        """Returns a region along an axis. Regions that are not aligned are an element long at least."""
        b, shift = region.b, 0.5 if self.aligned else 0.0
        start, end = first - shift, last - shift
        extent = end - start
        if not self.aligned:
            extent = extent.at_least(1.0)
        length = extent / float(bins)
        if self.sample_ratio > 0:
            return _Span(start, length, self.sample_ratio, region.constant(self.sample_ratio), size)
        whole = length.ceil()
        count = whole.at_least(0.0).at_most(float(MOST_SAMPLES))
        samples = integer_of(b, count)
        return _Span(start, length, samples, count, size)

    def _taps(self, region: Region, span: _Span, bin: Value, sample: Value) -> _Taps:
        b = region.b
        number, step = (region.scalar(b.cast("sitofp", value, FLOAT)) for value in (bin, sample))
        at = span.start + number * span.length + (step + 0.5) * span.length / span.count
        inside = at.compare("oge", -1.0) & at.compare("ole", float(span.size))
        at = at.where(inside, 0.0).at_least(0.0).at_most(float(span.size - 1))
        low = integer_of(b, at)
        part = at - region.scalar(b.cast("sitofp", low, FLOAT))
        high = _value(b.smin(b.add(low, 1), span.size - 1))
        return _Taps(low, high, (1.0 - part).where(inside, 0.0), part.where(inside, 0.0))

    def _add_sample(self, region: Region, sums: list[Value], above: _Taps, beside: _Taps, bin: Index) -> list[Value]:
        b = region.b
        totals = [Lanes(b, value, region.target) for value in sums]
        for row, down in ((above.low, above.near_low), (above.high, above.near_high)):
            for column, across in ((beside.low, beside.near_low), (beside.high, beside.near_high)):
                weight = b.splat((down * across).value, self.x.block)
                totals = [part.fma(part.like(weight), total) for part, total in zip(region.load(row, column, bin), totals, strict=True)]
        return [total.value for total in totals]


def _value(index: Index) -> Value:
    return index if isinstance(index, Value) else Value(I64, str(index))
