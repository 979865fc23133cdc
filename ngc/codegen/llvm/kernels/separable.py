"""A depthwise convolution and the 1x1 convolution of its result in one kernel: what lies between them stays in the second-level cache.

For each band of output rows that a thread has work in, it computes the depthwise convolution, all channels of it, into its scratch, and from there the panels
of output channels that are its work. Threads that share a band both compute its depthwise part, a small share of the arithmetic; so bands can be large and
shares equal all the same. Both halves are the tiles of the two kernels that it stands for, so its results are theirs, bit by bit.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from math import prod
from typing import Any

from ngc.codegen.llvm.kernel import Geometry, KernelSpec, Spatial, StepSpec
from ngc.codegen.llvm.kernels.borders import require_halo
from ngc.codegen.llvm.kernels.conv import PREFETCH_BYTES, ConvKernel
from ngc.codegen.llvm.kernels.conv_emit import emit_tile_function
from ngc.codegen.llvm.kernels.depthwise import DepthwiseKernel
from ngc.codegen.llvm.kernels.dot import PER_LANE
from ngc.codegen.llvm.kernels.elements import SIZES, STORED
from ngc.codegen.llvm.kernels.splits import by_size, each_part, split_start
from ngc.codegen.llvm.kernels.steps import operands_of
from ngc.codegen.llvm.text import Builder, Index, Module
from ngc.codegen.llvm.tiles import L1_BYTES, L2_BYTES, ONE_PIXEL, Split, Tile, cheapest, modelled_tiles
from ngc.errors import CodegenError
from ngc.target import CpuTarget

SCRATCH_BYTES = L2_BYTES // 2
"""Most bytes of a band between the two convolutions: the weights and the input pass through the same cache."""

ITEMS = 28
"""Work items that all images together should have, and bands where the depthwise part is all the work, so that threads get nearly equal shares."""


@dataclass(frozen=True)
class SeparableKernel(KernelSpec):
    """y = steps(pointwise(between(depthwise(x)))); `SeparableKernel.plan` chooses the band and the tiles.

    Arguments: x, packed depthwise weights, y, the operands of `between`, this thread's scratch of `scratch_bytes`, packed pointwise weights, the operands of
    `steps`.

    Attributes:
        x: the input; its halo must cover every tap.
        y: the output, blocked by the vector width like the input.
        kernel: taps of the depthwise convolution; `stride`, `dilation` and `pad` are its, too.
        between: per-channel steps on the depthwise convolution's result.
        steps: what is done to each output in registers.
        band: most output rows of a band; planned where 0.
        depthwise_tile: how the band is covered with tiles of the depthwise convolution.
        tile: how it is covered with tiles of the pointwise one.
        per_lane: the taps of the depthwise convolution that meet in a lane.
    """

    x: Geometry
    y: Geometry
    kernel: Spatial
    stride: Spatial = (1, 1, 1)
    dilation: Spatial = (1, 1, 1)
    pad: Spatial = (0, 0, 0)
    between: tuple[StepSpec, ...] = ()
    steps: tuple[StepSpec, ...] = ()
    band: int = 0
    depthwise_tile: Tile = ONE_PIXEL
    tile: Tile = ONE_PIXEL
    per_lane: int = 1

    @classmethod
    def plan(cls, target: CpuTarget, images: int = 1, **fields: Any) -> "SeparableKernel":
        """Returns the kernel of the given fields with the band and the tiles that suit the target; a `band` among the fields is the largest that it may have.

        Args:
            target: the processor.
            images: how many images a run has at least.
            fields: the fields of the kernel.
        """
        draft = cls(**fields)
        _, height, width = draft.y.spatial
        depth = -(-draft.x.channels // PER_LANE[draft.x.dtype])
        tile = cheapest(modelled_tiles(target, width=width, rows=height, blocks=draft.y.blocks, depth=depth))
        panel = depth * tile.vectors * draft.y.block * 4
        tile = replace(tile, prefetch=PREFETCH_BYTES if panel > L1_BYTES else 0)
        if not draft.band:
            taps, row = prod(draft.kernel), draft.x.blocks * draft.x.block * width * SIZES[draft.x.dtype]
            bands = max(1, ITEMS // Split(draft.y.blocks, tile.vectors).parts, ITEMS * taps // (taps + draft.y.channels))
            draft = replace(draft, band=max(1, min(SCRATCH_BYTES // row, height * images // bands)))
        draft = replace(draft, band=Split(height, min(height, draft.band)).size, tile=tile)
        depthwise = DepthwiseKernel.plan(target, **draft._depthwise_fields())
        return replace(draft, depthwise_tile=depthwise.tile, per_lane=depthwise.per_lane)

    def _depthwise_fields(self) -> dict[str, Any]:
        return {"x": self.x, "y": self.middle, "kernel": self.kernel, "stride": self.stride, "dilation": self.dilation, "pad": self.pad, "steps": self.between}

    @property
    def bands(self) -> Split:
        """How the rows of a plane are split into work items."""
        return Split(self.y.spatial[1], self.band)

    @property
    def middle(self) -> Geometry:
        """The scratch: a band of the depthwise convolution's result. A column more keeps its planes from lying multiples of 4 KiB apart."""
        return Geometry(self.x.channels, self.x.block, (1, self.band, self.y.spatial[2]), ((0, 0), (0, 0), (0, 1)), dtype=self.x.dtype)

    @property
    def depthwise(self) -> DepthwiseKernel:
        """The depthwise convolution of one band."""
        return DepthwiseKernel(**self._depthwise_fields(), tile=self.depthwise_tile, per_lane=self.per_lane)

    @property
    def pointwise(self) -> ConvKernel:
        """The pointwise convolution from one band into the whole output."""
        return ConvKernel(self.middle, self.y, (1, 1, 1), steps=self.steps, tile=self.tile)

    @property
    def work(self) -> tuple[int, int]:
        """Work items: panels of output channels of a band of rows."""
        return self.bands.parts * self.pointwise.panels.parts, 0

    @property
    def scratch_bytes(self) -> int:
        """Bytes of scratch that each thread must bring."""
        return self.middle.bytes

    def flops(self) -> int:
        """Returns the floating-point operations of one image, an fma counted as two."""
        return 2 * prod(self.y.spatial) * self.x.channels * (prod(self.kernel) + self.y.channels)

    def check(self, target: CpuTarget) -> None:
        """Checks that the kernel can be generated.

        Raises:
            CodegenError: tensors that are not planes in blocks of the vector width, or steps between the convolutions that read tensors.
        """
        if not self.x.block == self.y.block == target.lanes() or self.x.spatial[0] != 1 or self.kernel[0] != 1:
            raise CodegenError(f"separable convolution of {self.x.spatial} in blocks of {self.x.block} into blocks of {self.y.block}; "
                               f"{target.name} needs planes in blocks of {target.lanes()}")
        self.depthwise.check(target)  # the pointwise part reads what that one writes
        require_halo("separable convolution", self.x, self.y.spatial, self.kernel, self.stride, self.dilation, self.pad)
        if any(step.tensor or step.kind in ("add", "multiply", "tee") for step in self.between):
            raise CodegenError(f"the steps between the parts of a separable convolution are per channel, not {', '.join(s.kind for s in self.between)}")

    def emit(self, target: CpuTarget) -> str:
        """Returns the text of the LLVM module that defines `symbol(target)`."""
        self.check(target)
        module, b = self.open(target)
        emitter = _Emitter(self, target, module, b)
        begin, end, panels = b.argument(2), b.argument(3), self.pointwise.panels.parts
        with b.when(b.icmp("slt", begin, end)):
            stop = b.add(b.div(b.sub(end, 1), panels), 1)
            with b.loop(b.div(begin, panels), stop, nonempty=True, hint="band") as loop:
                first = b.mul(loop.index, panels)
                low, high = b.smax(b.sub(begin, first), 0), b.smin(b.sub(end, first), panels)
                image, band = b.div(loop.index, self.bands.parts), b.rem(loop.index, self.bands.parts)
                row = split_start(b, self.bands, band)

                def run(rows: int) -> None:
                    emitter.depthwise(image, row, rows)
                    emitter.pointwise(image, row, rows, low, high)

                by_size(b, self.bands, band, run)
        b.ret()
        return str(module)


@dataclass(frozen=True)
class _Emitter:
    """Emits the loops over the tiles of a band, and one internal function for every distinct size of tile."""

    spec: SeparableKernel
    target: CpuTarget
    module: Module
    b: Builder
    functions: dict[tuple[int, ...], str] = field(default_factory=dict)

    @property
    def scratch(self) -> int:
        """Which argument the scratch is; the pointwise weights follow it."""
        return 3 + operands_of(self.spec.between)

    def depthwise(self, image: Index, row: Index, rows: int) -> None:
        """Emits the depthwise convolution of a band of `rows` rows, which begins at output row `row`, into the scratch."""
        b, part, args = self.b, self.spec.depthwise, self.b.argument(0)
        x, w = b.load_pointer(args, 0), b.load_pointer(args, 1)
        before = part.x.origin - sum(pad * stride for pad, stride in zip(part.pad, part.x.strides, strict=True))
        element = STORED[part.x.dtype]
        x = b.gep(x, b.add(b.add(b.mul(image, part.x.stride_n), b.mul(row, part.stride[1] * part.x.strides[1])), before), element)
        with b.loop(0, part.x.blocks, hint="block") as block:
            plane, taps = b.gep(x, b.mul(block.index, part.x.block_stride), element), b.gep(w, b.mul(block.index, part.block_size))

            def tile(height: int, width: int, line: Index, column: Index) -> None:
                if (height, width) not in self.functions:
                    self.functions[height, width] = f"@{part.emit_tile(self.target, self.module, height, width, output=self.scratch)}"
                at = b.gep(plane, b.add(b.mul(line, part.stride[1] * part.x.strides[1]), b.mul(column, part.stride[2] * part.x.strides[2])), element)
                b.call(self.functions[height, width], args, at, taps, 0, block.index, 0, line, column)

            self._tiles(rows, part.tile, tile)

    def pointwise(self, image: Index, row: Index, rows: int, low: Index, high: Index) -> None:
        """Emits the pointwise convolution of a band of `rows` rows from the scratch into the output's rows from `row` on, for panels [low, high)."""
        b, part, args = self.b, self.spec.pointwise, self.b.argument(0)
        x, w = b.load_pointer(args, self.scratch), b.load_pointer(args, self.scratch + 1)
        with b.loop(low, high, hint="panel") as panel:
            block = split_start(b, part.panels, panel.index)
            element, weights = STORED[part.x.dtype], b.gep(w, b.mul(block, part.depth * part.y.block))

            def run(vectors: int) -> None:
                def tile(height: int, width: int, line: Index, column: Index) -> None:
                    size = (height, width, vectors)
                    if size not in self.functions:
                        self.functions[size] = f"@{emit_tile_function(part, self.target, self.module, *size, self.scratch + 2)}"
                    at = b.gep(x, b.add(b.mul(line, part.x.strides[1]), b.mul(column, part.x.strides[2])), element)
                    b.call(self.functions[size], args, at, weights, image, block, 0, b.add(row, line), column)

                self._tiles(rows, part.tile, tile)

            by_size(b, part.panels, panel.index, run)

    def _tiles(self, rows: int, tile: Tile, body: Callable[[int, int, Index, Index], None]) -> None:
        """Emits `body(height, width, line, column)` for all tiles of a band."""
        columns = Split(self.spec.y.spatial[2], tile.pixels)
        each_part(self.b, Split(rows, tile.rows),
                  lambda height, line: each_part(self.b, columns, lambda width, column: body(height, width, line, column)))
