"""Winograd's convolution for 3x3 kernels at stride 1: tiles of outputs from fewer products, with all that surrounds them.

A convolution of dilation d by e is d*e ordinary ones: the outputs whose rows leave the same remainder by d, and columns by e, read only inputs that do so too
(for the padding that the layer has). Tiles lie on these lattices, so that their elements are d rows and e columns of the image apart; nothing is copied.

Work items are (unit of tiles, chunk of output channels). A thread takes the items of its share in groups: it transforms the inputs of a group's tiles into
its scratch, multiplies them with each position's weights by the micro-kernel of direct convolutions, and transforms the products back through the steps
straight into the output. How items are grouped changes no result, because every value is computed by the same operations whatever its neighbours are.

Tiles that reach over the border of the image compute zeros for inputs that no output needs and store nothing outside the image.
"""

from dataclasses import dataclass, replace
from math import prod
from typing import Any

from ngc.codegen.llvm.kernel import Geometry, KernelSpec, Spatial, StepSpec
from ngc.codegen.llvm.kernels import winograd_emit
from ngc.codegen.llvm.kernels.borders import require_halo
from ngc.codegen.llvm.kernels.conv import ConvKernel
from ngc.codegen.llvm.kernels.winograd_algebra import SIZES, TAPS, algorithm
from ngc.codegen.llvm.kernels.winograd_blocking import choose_product_tile
from ngc.codegen.llvm.tiles import L2_BYTES, ONE_PIXEL, Split, Tile
from ngc.errors import CodegenError
from ngc.target import CpuTarget

_NEAR_BYTES, _IMAGE_BYTES, _SHARED_BYTES = L2_BYTES // 2, 5 * L2_BYTES // 4, 4 * L2_BYTES
_MOST_IMAGES = 8
_NEAR_WEIGHTS, _FAR_WEIGHTS = 4 << 20, 16 << 20
"""Weights that may be read again for each unit, and weights that the last-level cache may not keep from one group to the next."""


@dataclass(frozen=True)
class WinogradKernel(KernelSpec):
    """A 3x3 convolution at stride 1 of `x` into `y` by F(size x size, 3x3); `WinogradKernel.plan` chooses how it is blocked.

    Arguments: x, packed weights, y, this thread's scratch of `scratch_bytes`; then the operands of `steps`.

    Attributes:
        x: the input, blocked by the vector width; its halo must cover every tap.
        y: the output, blocked by the vector width.
        dilation: distance of taps; the depth's is 1.
        pad: how far before the input's first element the first output's first tap lies; may be negative.
        steps: what is done to each output in registers.
        size: outputs of a tile along each dimension.
        tile: accumulators of the products: `pixels` tiles of an image, `vectors` of output channels.
        group: units of `tile.pixels` tiles whose transformed inputs are in scratch at a time.
        chunk: panels of `tile.vectors` output channels that make a work item.
    """

    x: Geometry
    y: Geometry
    pad: Spatial = (0, 1, 1)
    dilation: Spatial = (1, 1, 1)
    steps: tuple[StepSpec, ...] = ()
    size: int = 4
    tile: Tile = ONE_PIXEL
    group: int = 1
    chunk: int = 1

    @classmethod
    def plan(cls, target: CpuTarget, **fields: Any) -> "WinogradKernel":
        """Returns the kernel of the given fields, blocked to suit the target; `tile`, `group` and `chunk` among the fields are kept."""
        draft = cls(**fields)
        draft.check(target)
        if "tile" not in fields:
            draft = replace(draft, tile=choose_product_tile(target, prod(draft.grid), draft.y.blocks, draft.x.channels))
        return draft if "group" in fields else draft._grouped()

    def _grouped(self) -> "WinogradKernel":
        """Returns the kernel with the sizes of groups and chunks.

        Weights stream behind the multiply-adds, scratch that leaves the second-level cache does not. So a group is what fits well, and a chunk is all panels,
        where weights are few enough to be read again by each thread and for each group. Else a group is whole images, and a chunk one panel, where the inputs
        of an image just fit; then threads read different weights, and many images share them. Where not even those fit, a group is a unit.

        Measured on a Zen 4 with two cores, inside ResNet-50: units take 0.75 to 0.88 of the time of images for 128 channels of 28x28 (2.4 MB of weights) and
        1.11 to 1.22 for 256 of 14x14 (9.4 MB); a kernel alone, whose other operands stay in the caches, takes 0.80 and 0.94.
        """
        size = 4 * self.weight_size
        units, images = self.grouped_by_units(), self.grouped_by_images(_SHARED_BYTES if size > _FAR_WEIGHTS else _IMAGE_BYTES)
        return units if images is None or (units.scratch_bytes <= _NEAR_BYTES and size <= _NEAR_WEIGHTS) else images

    def grouped_by_images(self, room: int = _SHARED_BYTES) -> "WinogradKernel | None":
        """Returns the kernel whose groups are whole images and whose chunks are single panels, None where that takes more scratch than `room`."""
        fine, units = replace(self, chunk=1), self.units.parts
        image = replace(fine, group=units).scratch_bytes
        return replace(fine, group=units * max(1, min(_MOST_IMAGES, room // image))) if image <= room else None

    def grouped_by_units(self) -> "WinogradKernel":
        """Returns the kernel whose groups are as many units as fit the second-level cache well and whose items have all panels."""
        whole = replace(self, chunk=self.panels.parts, group=1)
        return replace(whole, group=max(1, min(self.units.parts, _NEAR_BYTES // whole.scratch_bytes)))

    def check(self, target: CpuTarget) -> None:
        """Checks that the kernel can be generated.

        Raises:
            CodegenError: a shape, halo or blocking that no code of this kernel can serve.
        """
        lanes = target.lanes()
        if not self.x.block == self.y.block == lanes:
            raise CodegenError(f"Winograd convolution of blocks of {self.x.block} into blocks of {self.y.block}; {target.name} needs blocks of {lanes}")
        if self.size not in SIZES:
            raise CodegenError(f"Winograd convolution of tiles of {self.size}x{self.size}; there are {' and '.join(f'{s}x{s}' for s in SIZES)}")
        if self.x.spatial[0] != 1 or self.y.spatial[0] != 1 or self.pad[0]:
            raise CodegenError(f"Winograd convolution of an input of {self.x.spatial} into {self.y.spatial}; a depth of 1 is needed")
        if not prod(self.y.spatial):
            raise CodegenError("Winograd convolution without outputs")
        require_halo("Winograd convolution", self.x, self.y.spatial, (1, TAPS, TAPS), (1, 1, 1), self.dilation, self.pad)

    # -- tiles ----------------------------------------------------------------------------------------------------

    @property
    def positions(self) -> int:
        """Products of a tile for each pair of an input and an output channel."""
        return algorithm(self.size).extent**2

    @property
    def lattices(self) -> tuple[int, int]:
        """Remainders of rows and of columns by the dilation, each of which is a lattice of its own; those that no output has do not count."""
        return min(self.dilation[1], self.y.spatial[1]), min(self.dilation[2], self.y.spatial[2])

    @property
    def lattice_tiles(self) -> tuple[int, int]:
        """Rows and columns of tiles that cover the largest lattice of an image."""
        return -(-self._outputs(0)[0] // self.size), -(-self._outputs(1)[0] // self.size)

    @property
    def grid(self) -> tuple[int, int]:
        """Rows and columns of tiles of an image: row ((r * d) + i) * e + j is row r of the lattice of the remainders i by d and j by e."""
        rows, columns = self.lattice_tiles
        return rows * prod(self.lattices), columns

    def _outputs(self, axis: int) -> list[int]:
        """Returns the rows (axis 0) or columns of outputs of each lattice, most first."""
        extent, step = self.y.spatial[1 + axis], self.dilation[1 + axis]
        return [-(-(extent - remainder) // step) for remainder in range(self.lattices[axis])]

    def last_extents(self, axis: int) -> list[int]:
        """Returns how many rows (axis 0) or columns of outputs the last tile of a lattice may have, most first; 0 where one lattice has a tile less."""
        before = (self.lattice_tiles[axis] - 1) * self.size
        return sorted({outputs - before for outputs in self._outputs(axis)}, reverse=True)

    @property
    def units(self) -> Split:
        """How the tiles of an image are split into units: what the micro-kernel takes at a time."""
        return Split(prod(self.grid), self.tile.pixels)

    @property
    def images(self) -> int:
        """Images whose units share the weights of a chunk while those are in the cache: as many as fit a group."""
        return max(1, self.group // self.units.parts)

    @property
    def room(self) -> int:
        """Tiles for which there is scratch: each unit of a group has as many as the largest."""
        return self.group * self.units.size

    # -- products -------------------------------------------------------------------------------------------------

    @property
    def product(self) -> ConvKernel:
        """The products of one position as a 1x1 convolution of tiles."""
        tiles = (1, 1, self.room)
        return ConvKernel(Geometry(self.x.channels, self.x.block, tiles), Geometry(self.y.channels, self.y.block, tiles), (1, 1, 1), tile=self.tile)

    @property
    def panels(self) -> Split:
        """How the vectors of output channels are split into panels."""
        return Split(self.y.blocks, self.tile.vectors)

    @property
    def chunks(self) -> int:
        """Parts of the output channels that are work items of their own."""
        return -(-self.panels.parts // self.chunk)

    @property
    def chunk_blocks(self) -> int:
        """Most vectors of output channels of a chunk."""
        return min(self.y.blocks, self.chunk * self.panels.size)

    @property
    def work(self) -> tuple[int, int]:
        """Work items: units of tiles of each image, for each chunk."""
        return self.units.parts * self.chunks, 0

    def flops(self) -> int:
        """Returns the floating-point operations of the direct convolution of one image, which is what users compare; those done are fewer."""
        return 2 * self.y.channels * self.x.channels * TAPS**2 * prod(self.y.spatial)

    @property
    def weight_size(self) -> int:
        """Elements of the packed weights."""
        return self.positions * self.product.weight_size

    @property
    def prefetches(self) -> bool:
        """Whether the products of a unit ask for the inputs of the next and for the outputs: where they leave the second-level cache and lie in one row."""
        units = self.units
        return (self.dilation == (1, 1, 1) and self.group == 1 and len(units.sizes) == 1 and self.grid[1] % units.size == 0 and units.size > 1
                and self.x.bytes + self.y.bytes > L2_BYTES)

    # -- scratch --------------------------------------------------------------------------------------------------

    @property
    def input_pitch(self) -> int:
        """Elements from one position to the next of the transformed inputs, [position][block][tile][lane].

        A tile's positions are written together: a cache line more than a whole number of blocks keeps them in different sets of the cache.
        """
        return self._pitch(self.x.blocks)

    @property
    def product_pitch(self) -> int:
        """Elements from one position to the next of the products, [position][block of the chunk][tile][lane]."""
        return self._pitch(self.chunk_blocks)

    def _pitch(self, blocks: int) -> int:
        return (blocks * self.room | 1) * self.x.block

    @property
    def scratch_bytes(self) -> int:
        """Bytes of scratch that each thread must bring."""
        return self.positions * (self.input_pitch + self.product_pitch) * 4

    def emit(self, target: CpuTarget) -> str:
        """Returns the text of the LLVM module that defines `symbol(target)`."""
        self.check(target)
        module, b = self.open(target)
        winograd_emit.emit(self, target, module, b)
        return str(module)
