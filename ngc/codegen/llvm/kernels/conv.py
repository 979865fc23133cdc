"""The direct convolution: one kernel for any rank up to three, kernel size, stride, dilation and grouping, with all that surrounds it.

The input's halo holds what padding would read, so nothing here tests for borders; the output's interior alone is written. Work items are tiles of
rows (or stretches of a flattened plane) times panels of output channels, and no output is computed twice, so a residual may be the output's own buffer.

Where the input is bf16, so are the weights, and a step of the reduction is a pair of elements that lie side by side in memory: two channels of a block, of
which the last may be padding, or, where the input is planes (block 1), two taps of a row. Where it is u8, weights are i8, sums i32, and a step is four
channels of a block.
"""

from dataclasses import dataclass, replace
from math import prod
from typing import Any

from ngc.codegen.llvm.kernel import Geometry, KernelSpec, Spatial, StepSpec
from ngc.codegen.llvm.kernels import conv_emit
from ngc.codegen.llvm.kernels.borders import require_halo
from ngc.codegen.llvm.kernels.dot import PER_LANE, dot_of, has_dot
from ngc.codegen.llvm.kernels.elements import SIZES
from ngc.codegen.llvm.kernels.microkernel import Nest, depths, first_taps, unrolled
from ngc.codegen.llvm.tiles import L1_BYTES, L2_BYTES, ONE_PIXEL, UNROLL, Split, Tile, cheapest, modelled_tiles
from ngc.errors import CodegenError
from ngc.target import CpuTarget

PREFETCH_BYTES = 4096
"""How far ahead weights are asked for where a panel exceeds the first-level cache: far enough for memory, near enough to be there still.

Products of u8 take a quarter of the time: there it pays for every panel that is longer than the distance.
"""

_ITEM_WORK = 1 << 14
"""Vector multiply-adds that a work item of a flattened plane should have: large against the cost of finding its place."""

_PROLOGUE_ITEMS = 16
"""Work items that a flattened plane should have at least where all output channels of a stretch of pixels are one item."""


@dataclass(frozen=True)
class ConvKernel(KernelSpec):
    """A convolution of `x` into `y`; `ConvKernel.plan` chooses the tile.

    Arguments: x, packed weights, y; with an offset the vector of i32; with a prologue the operands of its steps and this thread's scratch of
    `scratch_bytes`; then those of `steps`.

    Attributes:
        x: the input; its halo must cover every tap.
        y: the output, blocked by the vector width.
        kernel: taps along depth, height and width; a zero makes an output of zeros and steps.
        stride: input elements from one output to the next.
        dilation: input elements from one tap to the next.
        pad: how far before the input's first element the first output's first tap lies; may be negative.
        groups: groups of channels that do not meet.
        steps: what is done to each output in registers.
        prologue: per-channel steps that are done to the input first, as far as it is no halo.
        out_step: output elements from one computed output to the next, for the phases of a deconvolution.
        out_origin: the first computed output.
        offset: whether the sums of u8 data begin with an i32 of each output channel, padded to whole blocks, as `packing.pack_offset` makes them for data
            whose zero is another integer; else with zero.
        tile: how the output is covered.
    """

    x: Geometry
    y: Geometry
    kernel: Spatial
    stride: Spatial = (1, 1, 1)
    dilation: Spatial = (1, 1, 1)
    pad: Spatial = (0, 0, 0)
    groups: int = 1
    steps: tuple[StepSpec, ...] = ()
    prologue: tuple[StepSpec, ...] = ()
    out_step: Spatial = (1, 1, 1)
    out_origin: Spatial = (0, 0, 0)
    offset: bool = False
    tile: Tile = ONE_PIXEL

    @classmethod
    def plan(cls, target: CpuTarget, **fields: Any) -> "ConvKernel":
        """Returns the kernel of the given fields with the tile that suits the target; a `tile` among the fields is kept."""
        draft = cls(**fields)
        draft.check(target)
        if "tile" in fields:
            return draft
        return draft.ordered(cheapest(draft.tiles(target)))

    def tiles(self, target: CpuTarget) -> tuple[tuple[float, Tile], ...]:
        """Returns the tiles that a kernel without one may take, each with its modelled cycles for one image."""
        rows = self.out[1] if self.columns == self.out[2] else 1
        # Steps along a row of taps: two of them may broadcast the same element, which LLVM would keep in a register of its own.
        # Operands in parts fill the registers, of which LLVM would take more to begin with the next step.
        parts = dot_of(self.x.dtype, target).parts
        unroll = 1 if self.x.block == self.channels_per_step or parts > 1 else UNROLL
        # A panel of unaligned groups meets all input blocks that any of its channels meets: one vector wastes least.
        blocks = self.blocks_per_group if self.aligned else 1
        return modelled_tiles(target, width=max(1, self.columns), rows=max(1, rows), blocks=blocks, depth=self.depth, unroll=unroll, parts=parts)

    def ordered(self, tile: Tile) -> "ConvKernel":
        """Returns the kernel with a tile, completed by the size of a work item, the order of the items and the prefetch distance."""
        lanes = self.y.block
        draft = replace(self, tile=tile)
        panel = self.depth * tile.vectors * lanes * 4
        least = PREFETCH_BYTES if self.x.dtype == "u8" else L1_BYTES
        weights, inputs = self.weight_bytes, self.x.bytes
        chunk = 1
        if self.flat:
            parts = draft.column_tiles.parts
            chunk = -(-_ITEM_WORK // max(1, self.depth * tile.vectors * tile.pixels))
            if self.prologue:  # the scratch must stay in the second-level cache, and items must be many enough to share
                pixel = self.x.blocks * self.x.block * SIZES[self.x.dtype]
                chunk = min(L2_BYTES // 4 // (pixel * tile.pixels), parts // _PROLOGUE_ITEMS)
            chunk = -(-parts // -(-parts // max(1, min(chunk, parts))))
        pixels_first = inputs > L2_BYTES // 2 and weights <= L2_BYTES // 2 and draft.panels.parts * self.groups > 1
        return replace(self, tile=replace(tile, chunk=chunk, pixels_first=pixels_first, prefetch=PREFETCH_BYTES if panel > least else 0))

    def check(self, target: CpuTarget) -> None:
        """Checks that the kernel can be generated.

        Raises:
            CodegenError: a shape, halo or blocking that no code of this kernel can serve.
        """
        if self.y.block != target.lanes():
            raise CodegenError(f"convolution into blocks of {self.y.block}; {target.name} needs blocks of {target.lanes()}")
        if not has_dot(self.x.dtype, target):
            raise CodegenError(f"{target.name} has no convolution of {self.x.dtype} data")
        if self.x.dtype == "u8" and (self.x.block % self.per_lane or self.prologue):
            raise CodegenError(f"a convolution of u8 data takes channels by fours and no prologue, not blocks of {self.x.block} "
                               f"and {len(self.prologue)} steps")
        if self.paired and (self.dilation[2] != 1 or self.kernel[2] == 1):
            raise CodegenError(f"a convolution of {self.x.dtype} planes takes taps side by side, not {self.kernel[2]} in a row "
                               f"with a dilation of {self.dilation[2]}")
        if self.x.channels % self.groups or self.y.channels % self.groups:
            raise CodegenError(f"convolution of {self.x.channels} to {self.y.channels} channels cannot have {self.groups} groups")
        if self.prologue and (self.x.block != self.y.block or any(step.tensor or step.kind in ("add", "multiply", "tee") for step in self.prologue)):
            raise CodegenError(f"a convolution's prologue has per-channel steps on an input in blocks of {self.y.block}; "
                               f"here are {', '.join(step.kind for step in self.prologue)} on blocks of {self.x.block}")
        if not prod(self.kernel) or self.prologue:
            return
        require_halo("convolution", self.x, self.out, self.kernel, self.stride, self.dilation, self.pad)

    # -- what is computed -----------------------------------------------------------------------------------------

    @property
    def out(self) -> Spatial:
        """How many outputs are computed along each dimension."""
        d, h, w = (max(0, -(-(size - first) // step))
                   for size, first, step in zip(self.y.spatial, self.out_origin, self.out_step, strict=True))
        return d, h, w

    @property
    def per_lane(self) -> int:
        """Elements of the input that meet in one lane of an accumulator."""
        return PER_LANE[self.x.dtype]

    @property
    def paired(self) -> bool:
        """Whether the elements that meet in a lane are taps of a row instead of channels."""
        return self.per_lane > 1 and self.x.block == 1

    @property
    def channels_per_step(self) -> int:
        """Input channels that a step of the reduction takes."""
        return 1 if self.paired else self.per_lane

    @property
    def taps(self) -> list[tuple[int, int, int]]:
        """The kernel's positions in the order of the packed weights, of those that meet in a lane the first."""
        kd, kh, kw = self.kernel
        return [(d, h, w) for d in range(kd) for h in range(kh) for w in first_taps(kw, self.paired)]

    def flops(self) -> int:
        """Returns the floating-point operations of one image, an fma counted as two."""
        return 2 * self.y.channels * (self.x.channels // self.groups) * prod(self.kernel) * prod(self.out)

    # -- channels -------------------------------------------------------------------------------------------------

    @property
    def aligned(self) -> bool:
        """Whether groups begin and end at blocks of input and output, so that a panel meets the channels of its group alone."""
        return self.groups == 1 or (self.x.channels // self.groups % self.x.block == 0
                                    and self.y.channels // self.groups % self.y.block == 0)

    @property
    def blocks_per_group(self) -> int:
        """Vectors of output channels that share a range of input channels; all of them where groups are not aligned."""
        return self.y.blocks // self.groups if self.aligned else self.y.blocks

    @property
    def panels(self) -> Split:
        """How the vectors of output channels of a group are split into panels."""
        return Split(self.blocks_per_group, self.tile.vectors)

    @property
    def first_channels(self) -> tuple[int, ...]:
        """First input block of each panel; without alignment a panel meets all blocks that its channels' groups touch."""
        if self.aligned:
            per_group = self.x.blocks // self.groups
            return tuple(group * per_group for group in range(self.groups) for _ in range(self.panels.parts))
        return tuple(min(first, self.x.blocks - self._span) for first, _ in self._touched())

    def _touched(self) -> list[tuple[int, int]]:
        """Returns the half-open range of input blocks that each panel of unaligned groups touches."""
        inputs, outputs = self.x.channels // self.groups, self.y.channels // self.groups
        ranges, start = [], 0
        for panel in range(self.panels.parts):
            size = self.panels.size - (panel >= self.panels.wide)
            first, last = start * self.y.block, min((start + size) * self.y.block, self.y.channels) - 1
            ranges.append((first // outputs * inputs // self.x.block, -(-(last // outputs + 1) * inputs // self.x.block)))
            start += size
        return ranges

    @property
    def _span(self) -> int:
        return max(last - first for first, last in self._touched())

    @property
    def parts(self) -> list[tuple[int, int, int]]:
        """The input channels of a panel as (first channel, blocks, steps of each), in the order of the packed weights.

        Without alignment whole blocks are read: the weights of channels that a lane does not meet are zero.
        """
        block, per_step = self.x.block, self.channels_per_step
        if not self.aligned:
            return [(0, self._span, block // per_step)]
        channels = self.x.channels // self.groups
        whole, tail = divmod(channels, block)
        parts = [(0, whole, block // per_step)] if whole else []
        first = whole * block
        for depth in depths(-(-tail // per_step), self.tile.unroll):
            parts.append((first, 1, depth))
            first += depth * per_step
        return parts

    @property
    def depth(self) -> int:
        """Steps of the reduction: the vectors of packed weights of one output vector."""
        return len(self.taps) * sum(blocks * depth for _, blocks, depth in self.parts)

    @property
    def weight_size(self) -> int:
        """Words of the packed weights, four bytes each: a weight of f32, a pair of bf16, four of i8."""
        return self.depth * self.y.blocks * self.y.block

    @property
    def weight_bytes(self) -> int:
        """Bytes of the packed weights."""
        return 4 * self.weight_size

    # -- pixels ---------------------------------------------------------------------------------------------------

    @property
    def flat(self) -> bool:
        """Whether the output plane is one line of pixels: 1x1 at stride 1 where no operand has a halo."""
        tensors = [self.x, self.y, *(step.tensor for step in self.steps if step.tensor is not None)]
        return (prod(self.kernel) == 1 and self.stride == self.out_step == (1, 1, 1) and self.pad == self.out_origin == (0, 0, 0)
                and self.x.spatial == self.y.spatial
                and all(t.padded == t.spatial and t.spatial in (self.y.spatial, (1, 1, 1)) for t in tensors))

    @property
    def columns(self) -> int:
        """Pixels along which tiles follow each other: a row, or the flattened plane."""
        return prod(self.out) if self.flat else self.out[2]

    @property
    def row_tiles(self) -> Split:
        """How the rows of a plane are split into tiles."""
        return Split(1 if self.flat else self.out[1], self.tile.rows)

    @property
    def column_tiles(self) -> Split:
        """How a row is split into tiles."""
        return Split(self.columns, self.tile.pixels)

    @property
    def stretches(self) -> int:
        """Work items of one image and one panel."""
        if not prod(self.out):
            return 0
        if self.flat:
            return -(-self.column_tiles.parts // self.tile.chunk)
        return self.out[0] * self.row_tiles.parts

    @property
    def work(self) -> tuple[int, int]:
        """Work items: stretches of pixels, times panels unless a prologue makes each stretch run all of them."""
        panels = 1 if self.prologue else self.panels.parts * (self.groups if self.aligned else 1)
        return panels * self.stretches, 0

    # -- memory ---------------------------------------------------------------------------------------------------

    @property
    def source(self) -> Geometry:
        """Where the taps read: the input, or the scratch that the prologue fills for one work item."""
        if not self.prologue:
            return self.x
        if self.flat:
            columns = min(self.columns, self.tile.chunk * self.column_tiles.size)
            return Geometry(self.x.channels, self.x.block, (1, 1, columns), dtype=self.x.dtype)
        depth = (self.kernel[0] - 1) * self.dilation[0] + 1
        rows = (self.row_tiles.size - 1) * self.stride[1] + (self.kernel[1] - 1) * self.dilation[1] + 1
        width = (self.out[2] - 1) * self.stride[2] + (self.kernel[2] - 1) * self.dilation[2] + 1
        return Geometry(self.x.channels, self.x.block, (depth, rows, width), dtype=self.x.dtype)

    @property
    def scratch_bytes(self) -> int:
        """Bytes of scratch that each thread must bring; 0 without a prologue."""
        return self.source.bytes if self.prologue else 0

    def nests(self) -> list[Nest]:
        """Returns the reduction, in the order of the packed weights."""
        source = self.source
        taps = [sum(k * d * s for k, d, s in zip(tap, self.dilation, source.strides, strict=True)) for tap in self.taps]
        nests = []
        for first, blocks, depth in self.parts:
            at = first // source.block * source.block_stride + first % source.block
            nests += unrolled(blocks, source.block_stride, [at + tap for tap in taps], depth, self.tile.unroll, self.per_lane)
        return nests

    def emit(self, target: CpuTarget) -> str:
        """Returns the text of the LLVM module that defines `symbol(target)`."""
        self.check(target)
        module, b = self.open(target)
        conv_emit.emit(self, target, module, b)
        return str(module)
