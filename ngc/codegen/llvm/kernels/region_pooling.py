"""What the kernels that pool regions of interest share: which region and channels an item is, and where a region lies.

A work item is a region with a few blocks of channels, each of which has an accumulator. Data is blocked, so that a vector holds neighbouring channels of a
pixel, or plain, where it holds one.
"""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from ngc.codegen.llvm.kernel import Geometry, KernelSpec
from ngc.codegen.llvm.kernels.expression import N
from ngc.codegen.llvm.lanes import Lanes
from ngc.codegen.llvm.text import FLOAT, I32, I64, Builder, Index, Value, vector
from ngc.errors import CodegenError
from ngc.ir.ops.region_pooling import REGION_WIDTH
from ngc.target import CpuTarget

_MOST_ACCUMULATORS = 8
"""Blocks of an item: what is computed once a sample serves as many vectors, and accumulators stay in registers."""


def integer_of(b: Builder, value: Lanes) -> Value:
    """Returns a float as an i64, truncated, saturated to 32 bits, and 0 for NaN."""
    return b.cast("sext", b.intrinsic("llvm.fptosi.sat.i32.f32", I32, value.value), I64)


@dataclass(frozen=True)
class RegionKernel(KernelSpec):
    """Bins of regions of `x` into `y`, whose images are the regions; all f32. A region is a row of `columns` numbers, of which the first is its image.

    args: x, regions, y. Work items: regions times groups of channels.

    Attributes:
        x: the maps.
        y: the bins; channels are blocked as those of the maps are.
        images: number of maps, `N(k)` for k times the batch.
        regions: number of regions, likewise.
        spatial_scale: what makes a region's corners places of the map.
    """

    columns: ClassVar[int] = REGION_WIDTH

    x: Geometry
    y: Geometry
    images: int | N
    regions: int | N
    spatial_scale: float

    def __post_init__(self) -> None:
        if self.x.block != self.y.block or (self.maps > 1 and self.x.block != 1):
            raise CodegenError(f"regions of maps in blocks of {self.x.block} cannot become bins in blocks of {self.y.block}"
                               f"{', each from channels of its own' * (self.maps > 1)}")

    @property
    def maps(self) -> int:
        """Channels of `x` for each of `y`: more than one where bins read channels of their own. Number m of channel c is channel c * maps + m."""
        return 1

    @property
    def bins(self) -> tuple[int, int]:
        """Rows and columns of bins."""
        return self.y.spatial[1], self.y.spatial[2]

    @property
    def together(self) -> int:
        """Blocks of channels of an item."""
        return max(count for count in range(1, _MOST_ACCUMULATORS + 1) if self.y.blocks % count == 0)

    @property
    def work(self) -> tuple[int, int]:
        """Returns the number of items."""
        groups = self.y.blocks // self.together
        return (self.regions.coefficient * groups, 0) if isinstance(self.regions, N) else (0, self.regions * groups)

    def emit(self, target: CpuTarget) -> str:
        """Returns the module."""
        module, b = self.open(target)
        maps, regions, y = (b.load_pointer(b.argument(0), position) for position in range(3))
        groups = self.y.blocks // self.together
        with b.loop(b.argument(2), b.argument(3), hint="item") as item:
            number, group = b.div(item.index, groups), b.mul(b.rem(item.index, groups), self.together)
            region = Region(self, b, target, maps, b.gep(regions, b.mul(number, self.columns)), group)
            bins = b.gep(y, b.add(b.mul(number, self.y.stride_n), b.add(b.mul(group, self.y.block_stride), self.y.origin)))
            self.emit_bins(region, bins)
        b.ret()
        return str(module)

    @abstractmethod
    def emit_bins(self, region: "Region", bins: Value) -> None:
        """Emits all bins of a region for the blocks of an item; `bins` points at the first of them."""


class Region:
    """A region while its bins are emitted: its corners, and the maps of the item's channels."""

    def __init__(self, kernel: RegionKernel, b: Builder, target: CpuTarget, maps: Value, row: Value, group: Index) -> None:
        self.kernel, self.b, self.target, self._group = kernel, b, target, group
        image, *self.numbers = (self.scalar(b.load(FLOAT, b.gep(row, column))) for column in range(kernel.columns))
        count = b.mul(b.argument(1), kernel.images.coefficient) if isinstance(kernel.images, N) else kernel.images
        limit = self.scalar(b.cast("sitofp", count if isinstance(count, Value) else Value(I64, str(count)), FLOAT))
        self._exists = (image > -1.0) & (image < limit)  # it is truncated
        known = integer_of(b, image.where(self._exists, 0.0))
        self._map = b.gep(maps, b.add(b.mul(known, kernel.x.stride_n), kernel.x.origin))

    def scaled(self, column: int) -> Lanes:
        """Returns a number of the region as a place or a length of the map; column 1 is the first after the image."""
        return self.numbers[column - 1] * self.kernel.spatial_scale

    def scalar(self, value: Value) -> Lanes:
        """Wraps a float."""
        return Lanes(self.b, value, self.target)

    def constant(self, value: float) -> Lanes:
        """Returns a float constant."""
        return self.scalar(self.b.constant(FLOAT, value))

    def accumulators(self, value: float) -> list[Value]:
        """Returns an accumulator for each block of the item."""
        return [self.constant(value).like(Value(vector(self.kernel.x.block), "poison")).const(value).value for _ in range(self.kernel.together)]

    def load(self, row: Value, column: Value, number: Index = 0) -> list[Lanes]:
        """Returns the elements at a place of the maps, of each channel's map `number`, one vector a block of the item."""
        b, x = self.b, self.kernel.x
        pixel = b.add(b.mul(row, x.strides[1]), b.mul(column, x.strides[2]))
        step = x.block_stride * self.kernel.maps
        place = b.gep(self._map, b.add(pixel, b.add(b.mul(self._group, step), b.mul(number, x.block_stride))))
        return [Lanes(b, b.load(vector(x.block), b.gep(place, block * step)), self.target) for block in range(self.kernel.together)]

    def store(self, results: Sequence[Lanes], bins: Value, row: Index, column: Index) -> None:
        """Stores a bin of each block, zeros where the region's image does not exist."""
        b, y = self.b, self.kernel.y
        place = b.gep(bins, b.add(b.mul(row, y.strides[1]), b.mul(column, y.strides[2])))
        for number, result in enumerate(results):
            stored = b.select(self._exists.value, result.value, result.const(0.0).value)
            b.store(stored, b.gep(place, number * y.block_stride))
