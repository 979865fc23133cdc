"""Emits the code of a `ConvKernel`: the loop over work items, and one internal function for every distinct size of tile."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ngc.codegen.llvm.kernels.conv_prologue import emit_prologue
from ngc.codegen.llvm.kernels.dot import dot_of
from ngc.codegen.llvm.kernels.elements import STORED
from ngc.codegen.llvm.kernels.microkernel import emit_tile, start_vectors
from ngc.codegen.llvm.kernels.site import BlockedTile, finish_tile
from ngc.codegen.llvm.kernels.splits import by_size, each_part, split_start
from ngc.codegen.llvm.kernels.steps import operands_of
from ngc.codegen.llvm.text import I64, PTR, Builder, Index, Module, Value
from ngc.target import CpuTarget

if TYPE_CHECKING:
    from ngc.codegen.llvm.kernels.conv import ConvKernel

_TILE_PARAMETERS = ((f"{PTR} noalias readonly", "args"), (PTR, "x"), (PTR, "w"), (I64, "image"), (I64, "block"),
                    (I64, "depth"), (I64, "row"), (I64, "column"))


def emit(spec: ConvKernel, target: CpuTarget, module: Module, b: Builder) -> None:
    """Emits the kernel's function into `b` and its tiles beside it."""
    _Kernel(spec, target, module, b).emit()


@dataclass
class _Kernel:
    spec: ConvKernel
    target: CpuTarget
    module: Module
    b: Builder
    _tiles: dict[tuple[int, int, int], str] = field(default_factory=dict)

    @property
    def element(self) -> str:
        """The type of an element of the input in memory."""
        return STORED[self.spec.x.dtype]

    @property
    def _first(self) -> int:
        """The argument at which the operands of the epilogue's steps start."""
        return 3 + self.spec.offset + (operands_of(self.spec.prologue) + 1 if self.spec.prologue else 0)

    def emit(self) -> None:
        spec, b = self.spec, self.b
        n, begin, end = (b.argument(i) for i in (1, 2, 3))
        args = b.argument(0)
        x, w = b.load_pointer(args, 0), b.load_pointer(args, 1)
        stretches, panels = spec.stretches, len(spec.first_channels)
        if not stretches:
            b.ret()
            return
        with b.loop(begin, end, hint="item") as loop:
            panel: Index = 0
            rest: Index = loop.index
            if spec.prologue:
                pass
            elif spec.tile.pixels_first:
                panel, rest = b.rem(rest, panels), b.div(rest, panels)
            elif panels > 1:
                share = b.mul(n, stretches)
                panel = b.div(rest, share)
                rest = b.sub(rest, b.mul(panel, share))
            image, stretch = b.div(rest, stretches), b.rem(rest, stretches)
            if not spec.prologue:
                self._panel(args, x, w, panel, image, stretch)
            else:
                scratch = b.load_pointer(args, 3 + operands_of(spec.prologue))
                emit_prologue(spec, self.target, b, args, x, scratch, image, stretch)
                if panels == 1:
                    self._panel(args, scratch, w, 0, image, stretch)
                else:
                    with b.loop(0, panels, hint="panel") as inner:
                        self._panel(args, scratch, w, inner.index, image, stretch)
        b.ret()

    def _panel(self, args: Value, x: Value, w: Value, panel: Index, image: Index, stretch: Index) -> None:
        """Emits the tiles of one stretch of pixels for one panel of output channels."""
        spec, b = self.spec, self.b
        panels = spec.panels
        first: Index = 0
        block: Index
        if spec.aligned and spec.groups > 1:
            group, inside = b.div(panel, panels.parts), b.rem(panel, panels.parts)
            first = b.mul(group, spec.x.blocks // spec.groups)
            block = b.add(b.mul(group, spec.blocks_per_group), split_start(b, panels, inside))
        else:
            inside, block = panel, split_start(b, panels, panel)
            if any(spec.first_channels):
                table = self.module.constant_array(I64, spec.first_channels)
                first = b.load(I64, b.gep(table, panel, I64), align=8)
        w = b.gep(w, b.mul(block, spec.depth * spec.y.block))
        x = b.gep(x, b.mul(first, spec.source.block_stride), self.element)
        if not spec.prologue:
            x = b.gep(x, b.mul(image, spec.x.stride_n), self.element)
        by_size(b, panels, inside, lambda vectors: self._stretch(args, x, w, block, image, stretch, vectors))

    def _stretch(self, args: Value, x: Value, w: Value, block: Index, image: Index, stretch: Index, vectors: int) -> None:
        """Emits the tiles of one stretch for a panel of `vectors` vectors."""
        spec, b = self.spec, self.b
        columns = spec.column_tiles
        if spec.flat:
            low = b.mul(stretch, spec.tile.chunk)
            high = b.smin(b.add(low, spec.tile.chunk), columns.parts)
            origin = split_start(b, columns, low) if spec.prologue else 0
            x = b.gep(x, spec.source.origin, self.element)
            ranges = [(low, b.smin(high, columns.wide)), (b.smax(low, columns.wide), high)]
            for (start, stop), width in zip(ranges, columns.sizes, strict=False):
                with b.loop(start, high if len(columns.sizes) == 1 else stop, hint="tile") as loop:
                    column = split_start(b, columns, loop.index)
                    at = b.gep(x, b.mul(b.sub(column, origin), spec.source.block), self.element)
                    self._call((1, width, vectors), args, at, w, image, block, (0, 0, column))
            return
        rows = spec.row_tiles
        depth, line = b.div(stretch, rows.parts), b.rem(stretch, rows.parts)
        row = split_start(b, rows, line)
        x = b.gep(x, self._corner(depth, row), self.element)

        def tiles(height: int) -> None:
            def tile(width: int, column: Index) -> None:
                at = b.gep(x, b.mul(column, spec.stride[2] * spec.source.block), self.element)
                self._call((height, width, vectors), args, at, w, image, block, (depth, row, column))

            each_part(b, columns, tile)

        by_size(b, rows, line, tiles)

    def _corner(self, depth: Index, row: Index) -> Index:
        """Returns the offset of the first tap of the first output of a row, from the image's first block of a group."""
        spec, b = self.spec, self.b
        if spec.prologue:
            return 0
        pd, ph, pw = (p * s for p, s in zip(spec.pad, spec.x.strides, strict=True))
        moved = b.add(b.mul(depth, spec.stride[0] * spec.x.strides[0]), b.mul(row, spec.stride[1] * spec.x.strides[1]))
        return b.add(moved, spec.x.origin - pd - ph - pw)

    def _call(self, size: tuple[int, int, int], args: Value, x: Value, w: Value, image: Index, block: Index, place: tuple[Index, Index, Index]) -> None:
        if size not in self._tiles:
            self._tiles[size] = f"@{emit_tile_function(self.spec, self.target, self.module, *size, self._first)}"
        self.b.call(self._tiles[size], args, x, w, image, block, *place)


def emit_tile_function(spec: ConvKernel, target: CpuTarget, module: Module, rows: int, width: int, vectors: int, first: int) -> str:
    """Emits the function of one size of tile, whose steps' operands start at argument `first`; returns its name."""
    name = f"tile_{rows}x{width}x{vectors}"
    b = module.function(name, _TILE_PARAMETERS, linkage="internal", attributes=module.functions[0].attributes)
    args, x, w, image, block, depth, row, column = (b.argument(i) for i in range(len(_TILE_PARAMETERS)))
    source = spec.source
    pixels = [(r, c) for r in range(rows) for c in range(width)]
    reads = [r * spec.stride[1] * source.strides[1] + c * spec.stride[2] * source.strides[2] for r, c in pixels]
    dot = dot_of(spec.x.dtype, target)
    start = start_vectors(b, dot, spec.y.block, b.load_pointer(args, 3), block, vectors) if spec.offset else []
    tiles = emit_tile(b, dot, spec.y.block, reads, vectors, spec.nests(), x, w, prefetch=spec.tile.prefetch, start=start)
    tile = BlockedTile(spec.y, image, block, (depth, row, column), spec.out_step, spec.out_origin, rows, width, vectors)
    finish_tile(b, target, tile, tiles, spec.steps, args, first)
    b.ret()
    return name
