"""Means of bilinear samples in the bins of regions of interest, along the axes or rotated."""

from abc import abstractmethod
from dataclasses import dataclass
from math import pi
from typing import ClassVar

from ngc.codegen.llvm.kernels.region_pooling import Region, RegionKernel, integer_of
from ngc.codegen.llvm.lanes import Lanes, Mask
from ngc.codegen.llvm.text import FLOAT, Index, Value, as_value
from ngc.codegen.llvm.vector_math import emit_unary
from ngc.ir.ops.region_pooling import MOST_SAMPLES
from ngc.ir.ops.region_sampling import ROTATED_WIDTH


@dataclass(frozen=True)
class _Span:
    """A region along an axis: where it starts, the length of a bin, how many samples a bin has, and that as a float."""

    start: Lanes
    length: Lanes
    samples: Index
    count: Lanes

    def at(self, region: Region, bin: Value, sample: Value) -> Lanes:
        """Returns where a sample lies."""
        number, step = (region.scalar(region.b.cast("sitofp", value, FLOAT)) for value in (bin, sample))
        return self.start + number * self.length + (step + 0.5) * self.length / self.count


@dataclass(frozen=True)
class _Taps:
    """A sample along an axis: the two elements around it and their weights, 0 where it is outside of the map."""

    low: Value
    high: Value
    near_low: Lanes
    near_high: Lanes


@dataclass(frozen=True)
class SampledKernel(RegionKernel):
    """What pools regions by bilinear samples, `sample_ratio` a bin and axis or, where that is not positive, one an element."""

    sample_ratio: int = -1

    def flops(self) -> int:
        """Returns the operations of one region with as many samples a bin as `sample_ratio`, or one: eight a sample and channel."""
        return 8 * self.bins[0] * self.bins[1] * max(self.sample_ratio, 1) ** 2 * self.y.channels

    def span(self, region: Region, start: Lanes, extent: Lanes, bins: int) -> _Span:
        """Returns a region along an axis."""
        length = extent / float(bins)
        if self.sample_ratio > 0:
            return _Span(start, length, self.sample_ratio, region.constant(self.sample_ratio))
        count = length.ceil().at_least(0.0).at_most(float(MOST_SAMPLES))
        return _Span(start, length, integer_of(region.b, count), count)

    def taps(self, region: Region, at: Lanes, size: int) -> _Taps:
        """Returns the elements around a place along an axis."""
        b = region.b
        inside = _inside(at, size)
        at = at.where(inside, 0.0).at_least(0.0).at_most(float(size - 1))
        low = integer_of(b, at)
        part = at - region.scalar(b.cast("sitofp", low, FLOAT))
        return _Taps(low, as_value(b.smin(b.add(low, 1), size - 1)), (1.0 - part).where(inside, 0.0), part.where(inside, 0.0))

    def add_sample(self, region: Region, sums: list[Value], above: _Taps, beside: _Taps, number: Index) -> list[Value]:
        """Returns the sums with a sample of each channel's map `number`."""
        b = region.b
        totals = [Lanes(b, value, region.target) for value in sums]
        for row, down in ((above.low, above.near_low), (above.high, above.near_high)):
            for column, across in ((beside.low, beside.near_low), (beside.high, beside.near_high)):
                weight = b.splat((down * across).value, self.x.block)
                totals = [part.fma(part.like(weight), total) for part, total in zip(region.load(row, column, number), totals, strict=True)]
        return [total.value for total in totals]

    def store_means(self, region: Region, sums: list[Value], total: Lanes, bins: Value, row: Index, column: Index) -> None:
        """Stores the sums of a bin divided by a number of samples."""
        parts = [Lanes(region.b, value, region.target) for value in sums]
        region.store([part / part.like(region.b.splat(total.value, self.x.block)) for part in parts], bins, row, column)

    @abstractmethod
    def spans(self, region: Region) -> tuple[_Span, _Span]:
        """Returns a region along its vertical and its horizontal axis."""

    def samples_of(self, region: Region, down: _Span, across: _Span) -> Lanes:
        """Returns the samples of a bin as a float, at least one."""
        return region.scalar(region.b.cast("sitofp", as_value(region.b.smax(region.b.mul(down.samples, across.samples), 1)), FLOAT))


def _inside(at: Lanes, size: int) -> Mask:
    return at.compare("oge", -1.0) & at.compare("ole", float(size))


@dataclass(frozen=True)
class RoiAlignKernel(SampledKernel):
    """The operator `roi_align`, whose attributes `aligned` and `position_sensitive` it has."""

    aligned: bool = False
    position_sensitive: bool = False

    @property
    def maps(self) -> int:
        """Channels of `x` for each of `y`: one a bin, or the same for all."""
        return self.bins[0] * self.bins[1] if self.position_sensitive else 1

    def spans(self, region: Region) -> tuple[_Span, _Span]:
        """Returns a region along both axes. Regions that are not aligned are an element long at least."""
        shift = 0.5 if self.aligned else 0.0
        found = []
        for first, last, bins in ((2, 4, self.bins[0]), (1, 3, self.bins[1])):
            start = region.scaled(first) - shift
            extent = region.scaled(last) - shift - start
            found.append(self.span(region, start, extent if self.aligned else extent.at_least(1.0), bins))
        return found[0], found[1]

    def emit_bins(self, region: Region, bins: Value) -> None:
        """Emits all bins of a region for the blocks of an item."""
        b = region.b
        down, across = self.spans(region)
        total = self.samples_of(region, down, across)
        with b.loop(0, self.bins[0], hint="row") as row, b.loop(0, self.bins[1], hint="column") as column:
            number = b.add(b.mul(row.index, self.bins[1]), column.index) if self.position_sensitive else 0
            with b.loop(0, down.samples, carried=region.accumulators(0.0)) as y:
                above = self.taps(region, down.at(region, row.index, y.index), self.x.spatial[1])
                with b.loop(0, across.samples, carried=y.values) as x:
                    beside = self.taps(region, across.at(region, column.index, x.index), self.x.spatial[2])
                    x.carry(self.add_sample(region, x.values, above, beside, number))
                y.carry(x.results)
            self.store_means(region, y.results, total, bins, row.index, column.index)


@dataclass(frozen=True)
class RotatedRoiAlignKernel(SampledKernel):
    """The operator `rotated_roi_align`: regions [image, center x, center y, width, height, degrees]."""

    columns: ClassVar[int] = ROTATED_WIDTH

    def spans(self, region: Region) -> tuple[_Span, _Span]:
        """Returns a region along its own axes, from its center."""
        extents = [region.scaled(column).at_least(1.0) for column in (4, 3)]
        down, across = (self.span(region, extent * -0.5, extent, bins) for extent, bins in zip(extents, self.bins, strict=True))
        return down, across

    def emit_bins(self, region: Region, bins: Value) -> None:
        """Emits all bins of a region for the blocks of an item."""
        b = region.b
        down, across = self.spans(region)
        total = self.samples_of(region, down, across)
        center_x, center_y, angle = region.scaled(1), region.scaled(2), region.numbers[4] * (pi / 180)
        cos, sin = (region.scalar(emit_unary(b, name, angle.value, region.target)) for name in ("cos", "sin"))
        rows, columns = self.x.spatial[1:]
        with b.loop(0, self.bins[0], hint="row") as row, b.loop(0, self.bins[1], hint="column") as column:
            with b.loop(0, down.samples, carried=region.accumulators(0.0)) as y:
                from_top = down.at(region, row.index, y.index)
                with b.loop(0, across.samples, carried=y.values) as x:
                    from_left = across.at(region, column.index, x.index)
                    above = self.taps(region, from_top * cos - from_left * sin + center_y, rows)
                    beside = self.taps(region, from_left * cos + from_top * sin + center_x, columns)
                    x.carry(self.add_sample(region, x.values, above, beside, 0))
                y.carry(x.results)
            self.store_means(region, y.results, total, bins, row.index, column.index)
