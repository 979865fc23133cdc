"""The depthwise convolution: one output channel per input channel, so a vector of channels is multiplied by a vector of weights."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import Any

from ngc.codegen.llvm.kernel import Geometry, KernelSpec, Spatial, StepSpec
from ngc.codegen.llvm.kernels.borders import require_halo
from ngc.codegen.llvm.kernels.depthwise_fours import WINDOW, Fours, can_group, holds_plane, tap_groups
from ngc.codegen.llvm.kernels.depthwise_taps import Taps, can_pair
from ngc.codegen.llvm.kernels.dot import fma_dot, u8_dot
from ngc.codegen.llvm.kernels.elements import STORED
from ngc.codegen.llvm.kernels.microkernel import first_taps, start_vectors
from ngc.codegen.llvm.kernels.quantized import as_floats
from ngc.codegen.llvm.kernels.site import BlockedTile, finish_tile
from ngc.codegen.llvm.kernels.splits import by_size, each_part, split_start
from ngc.codegen.llvm.kernels.steps import is_cheap
from ngc.codegen.llvm.text import I64, PTR, Builder, Index, Module, Value
from ngc.codegen.llvm.tiles import ONE_PIXEL, Split, Tile, registers_of
from ngc.errors import CodegenError
from ngc.target import CpuTarget

_TILE_PARAMETERS = ((f"{PTR} noalias readonly", "args"), (PTR, "x"), (PTR, "w"), (I64, "image"), (I64, "block"),
                    (I64, "depth"), (I64, "row"), (I64, "column"))
_WRITTEN_OUT = 400
"""Multiply-adds of a tile up to which all taps are written out; larger kernels loop over their rows."""

_STRIDED_ROWS = 4
"""Output rows of a tile where neighbouring rows share input rows but not most of them: the cache's bandwidth is the bound there, and a tile of several rows
loads what its rows share while it is still near."""

_FOURS = ((7, 8), (5, 4))
_FEW_FOURS = ((2, 4),)
"""Rows and columns of tiles whose taps are taken in fours, the best first, with AVX-512 and with half its registers: rows share the rows of the input that they
meet, and four columns are stored at once."""

_LIVING = 20
"""Outputs of a tile of fours whose sums are all alive until the last tap."""

EXACT_TAPS = 2**24 // (255 * 128)
"""Taps up to which floats hold all sums of products of u8 by i8."""


@dataclass(frozen=True)
class DepthwiseKernel(KernelSpec):
    """A convolution of each channel of `x` with its own taps into the same channel of `y`; `DepthwiseKernel.plan` chooses the tile.

    Arguments: x, packed weights, y, with an offset its vector, then the operands of the steps. Fields are those of `ConvKernel`; the input is blocked like the
    output. Tensors of bf16 and u8 are widened as they are loaded and meet weights of f32, unless `per_lane` neighbouring taps of a row meet in a lane, two of
    bf16 or four of u8: then weights are bf16 or i8. Sums of u8 are exact either way.
    """

    x: Geometry
    y: Geometry
    kernel: Spatial
    stride: Spatial = (1, 1, 1)
    dilation: Spatial = (1, 1, 1)
    pad: Spatial = (0, 0, 0)
    steps: tuple[StepSpec, ...] = ()
    tile: Tile = ONE_PIXEL
    per_lane: int = 1
    offset: bool = False

    @classmethod
    def plan(cls, target: CpuTarget, **fields: Any) -> "DepthwiseKernel":
        """Returns the kernel of the given fields with the tile that suits the target; a `tile` among the fields is kept."""
        draft = cls(**fields)
        if "per_lane" not in fields:
            draft = replace(draft, per_lane=2 if can_pair(draft.x, draft.kernel, draft.dilation, target) else 1)
        return draft.tiled(target, draft.tile if "tile" in fields else draft.best_tile(target))

    def tiled(self, target: CpuTarget, tile: Tile) -> "DepthwiseKernel":
        """Returns the kernel with another tile; of u8 the tile decides whether taps are taken in fours."""
        draft = replace(self, tile=tile)
        return replace(draft, per_lane=WINDOW if draft.can_group(target) else 1) if self.x.dtype == "u8" else draft

    def can_group(self, target: CpuTarget) -> bool:
        """Returns whether taps can be taken in fours."""
        return can_group(self.x, self.kernel, self.stride, self.dilation, self.column_tiles.sizes, target)

    @property
    def finishes_rows(self) -> bool:
        """Whether a tile of fours finishes each row of outputs as soon as it is summed."""
        planes = all(holds_plane(self.kernel, self.stride, width) for width in self.column_tiles.sizes)
        return self.per_lane == WINDOW and self.kernel[0] == 1 and planes and is_cheap(self.steps)

    def best_tile(self, target: CpuTarget) -> Tile:
        """Returns the tile that suits the target."""
        for rows, columns in _FOURS if target.has_avx512 else _FEW_FOURS:
            tile = Tile(Split(self.y.spatial[2], columns).size, min(self.y.spatial[1], rows), 1, unroll=1)
            draft = self.tiled(target, tile)
            if draft.per_lane == WINDOW and (draft.finishes_rows or rows * columns <= _LIVING):
                return tile
        room = self.room(target)
        if 1 < self.stride[1] < self.kernel[1]:
            rows = min(_STRIDED_ROWS, self.y.spatial[1], room)
            return Tile(Split(self.y.spatial[2], min(2, room // rows)).size, rows, 1, unroll=1)
        width = Split(self.y.spatial[2], room).size
        rows = min(self.y.spatial[1], 14 // width) if 2 * width <= room and width == self.y.spatial[2] else 1
        return Tile(width, rows, 1, unroll=1)

    def room(self, target: CpuTarget) -> int:
        """Returns how many outputs a tile may have beside the taps of a line and an input."""
        return min(14, registers_of(target) - min(self.kernel[2], 5) - 2)

    @property
    def row_tiles(self) -> Split:
        """How the rows of a plane are split into tiles."""
        return Split(self.y.spatial[1], self.tile.rows)

    @property
    def column_tiles(self) -> Split:
        """How a row is split into tiles."""
        return Split(self.y.spatial[2], self.tile.pixels)

    @property
    def work(self) -> tuple[int, int]:
        """Work items: rows of tiles of one channel block of one image."""
        return self.x.blocks * self.y.spatial[0] * self.row_tiles.parts, 0

    def flops(self) -> int:
        """Returns the floating-point operations of one image, an fma counted as two."""
        return 2 * self.y.channels * prod(self.kernel) * prod(self.y.spatial)

    @property
    def line_size(self) -> int:
        """Words of the packed weights of one line of taps of a channel block, four bytes each: a weight of f32, two of bf16, four of i8."""
        width = self.kernel[2]
        return self.x.block * len(tap_groups(width) if self.per_lane == WINDOW else first_taps(width, self.per_lane == 2))

    @property
    def block_size(self) -> int:
        """Words of the packed weights of a channel block."""
        return self.kernel[0] * self.kernel[1] * self.line_size

    @property
    def weight_size(self) -> int:
        """Words of the packed weights."""
        return self.x.blocks * self.block_size

    def check(self, target: CpuTarget) -> None:
        """Checks that the kernel can be generated.

        Raises:
            CodegenError: the tensors do not fit each other or the target.
        """
        if self.x.channels != self.y.channels or not self.x.block == self.y.block == target.lanes():
            raise CodegenError(f"depthwise convolution of {self.x.channels} channels in blocks of {self.x.block} to {self.y.channels} in blocks of "
                               f"{self.y.block}; {target.name} needs equal channels in blocks of {target.lanes()}")
        if self.per_lane > 1 and not (can_pair(self.x, self.kernel, self.dilation, target) if self.per_lane == 2 else self.can_group(target)):
            kind = "pairs" if self.per_lane == 2 else "fours"
            raise CodegenError(f"{target.name} takes no {kind} of {self.kernel[2]} taps of {self.x.dtype} with a dilation of {self.dilation[2]}")
        if self.x.dtype == "u8" and prod(self.kernel) > EXACT_TAPS:
            raise CodegenError(f"depthwise convolution of u8 sums {EXACT_TAPS} products at most, not {prod(self.kernel)}")
        require_halo("depthwise convolution", self.x, self.y.spatial, self.kernel, self.stride, self.dilation, self.pad)

    def emit(self, target: CpuTarget) -> str:
        """Returns the text of the LLVM module that defines `symbol(target)`."""
        self.check(target)
        module, b = self.open(target)
        args, _, begin, end = (b.argument(i) for i in range(4))
        x, w = b.load_pointer(args, 0), b.load_pointer(args, 1)
        tiles: dict[tuple[int, int], str] = {}
        rows, strides = self.row_tiles, self.x.strides
        before = self.x.origin - sum(p * s for p, s in zip(self.pad, strides, strict=True))
        with b.loop(begin, end, hint="item") as loop:
            line, rest = b.rem(loop.index, rows.parts), b.div(loop.index, rows.parts)
            depth, rest = b.rem(rest, self.y.spatial[0]), b.div(rest, self.y.spatial[0])
            block, image = b.rem(rest, self.x.blocks), b.div(rest, self.x.blocks)
            row = split_start(b, rows, line)
            moved = b.add(b.mul(depth, self.stride[0] * strides[0]), b.mul(row, self.stride[1] * strides[1]))
            base = b.add(b.mul(image, self.x.stride_n), b.mul(block, self.x.block_stride))
            element = STORED[self.x.dtype]
            corner = b.gep(b.gep(x, base, element), b.add(moved, before), element)
            weights = b.gep(w, b.mul(block, self.block_size))

            def body(height: int) -> None:
                def tile(width: int, column: Index) -> None:
                    if (height, width) not in tiles:
                        tiles[height, width] = f"@{self.emit_tile(target, module, height, width)}"
                    at = b.gep(corner, b.mul(column, self.stride[2] * strides[2]), element)
                    b.call(tiles[height, width], args, at, weights, image, block, depth, row, column)

                each_part(b, self.column_tiles, tile)

            by_size(b, rows, line, body)
        b.ret()
        return str(module)

    def emit_tile(self, target: CpuTarget, module: Module, rows: int, width: int, first: int = 3, output: int = 2) -> str:
        """Emits the function of one size of tile; returns its name. Its offset and steps' operands start at argument `first`, its result goes to `output`."""
        name = f"depthwise_{rows}x{width}"
        b = module.function(name, _TILE_PARAMETERS, linkage="internal", attributes=module.functions[0].attributes)
        args, x, w, image, block, depth, row, column = (b.argument(i) for i in range(len(_TILE_PARAMETERS)))
        taps: Taps | Fours
        if self.per_lane == WINDOW:
            taps = Fours(b, target, self.x, self.kernel, self.stride, self.dilation, rows, width)
        else:
            taps = Taps(b, target, self.x, self.kernel, self.stride, self.dilation, rows, width, self.per_lane == 2)
        element = STORED[self.x.dtype]
        sums = [self._start(b, target, b.load_pointer(args, first) if self.offset else None, block)] * (rows * width)
        lines = self.kernel[0] * self.kernel[1]
        starts = [d * self.dilation[0] * self.x.strides[0] + h * self.dilation[1] * self.x.strides[1]
                  for d in range(self.kernel[0]) for h in range(self.kernel[1])]
        tile = BlockedTile(self.y, image, block, (depth, row, column), (1, 1, 1), (0, 0, 0), rows, width, 1)

        def finish(part: BlockedTile, values: Sequence[Value]) -> None:
            finish_tile(b, target, part, [values], self.steps, args, first + self.offset, output, exact=self.x.dtype == "u8")

        shares_rows = isinstance(taps, Fours) and holds_plane(self.kernel, self.stride, width)
        if isinstance(taps, Fours) and self.finishes_rows:
            # Other units of the processor do that while the next rows are summed, and few sums are alive.
            taps.plane(x, w, sums, lambda at, values: finish(replace(tile, rows=1, origin=(0, at, 0)), values))
            b.ret()
            return name
        if isinstance(taps, Fours) and shares_rows:
            for depth_tap in range(self.kernel[0]):
                at = depth_tap * self.kernel[1]
                sums = taps.plane(b.gep(x, starts[at], element), b.gep(w, at * self.line_size), sums)
        elif rows * width * prod(self.kernel) <= _WRITTEN_OUT:
            for line, at in enumerate(starts):
                sums = taps.line(b.gep(x, at, element), b.gep(w, line * self.line_size), sums)
        else:
            table = module.constant_array(I64, starts)
            with b.loop(0, lines, carried=sums, hint="line") as loop:
                start = b.load(I64, b.gep(table, loop.index, I64), align=8)
                loop.carry(taps.line(b.gep(x, start, element), b.gep(w, b.mul(loop.index, self.line_size)), list(loop.values)))
            sums = loop.results
        finish(tile, sums)
        b.ret()
        return name

    def _start(self, b: Builder, target: CpuTarget, offsets: Value | None, block: Value) -> Value:
        """Returns what the sums of a channel block begin with."""
        lanes, dot = self.y.block, u8_dot(target)
        if offsets is None:
            return dot.zero(lanes) if self.per_lane == WINDOW else fma_dot(target.has_fma).zero(lanes)
        (start,) = start_vectors(b, dot, lanes, offsets, block, 1)
        return start if self.per_lane == WINDOW else as_floats(b, start)
