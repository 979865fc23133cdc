"""Emits the code of a `WinogradKernel`: the walk over a thread's work items, and internal functions for the two transforms and the products."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ngc.codegen.llvm.kernel import Geometry
from ngc.codegen.llvm.kernels.dot import fma_dot
from ngc.codegen.llvm.kernels.elements import STORED
from ngc.codegen.llvm.kernels.microkernel import emit_tile
from ngc.codegen.llvm.kernels.splits import by_size, split_start
from ngc.codegen.llvm.kernels.winograd_algebra import TAPS
from ngc.codegen.llvm.kernels.winograd_transforms import INPUT_PARAMETERS, OUTPUT_PARAMETERS, emit_input, emit_output
from ngc.codegen.llvm.text import PTR, Builder, Index, Module, Value
from ngc.target import CpuTarget

if TYPE_CHECKING:
    from ngc.codegen.llvm.kernels.winograd import WinogradKernel

_PRODUCT_PARAMETERS = ((f"{PTR} noalias readonly", "x"), (f"{PTR} noalias readonly", "w"), (f"{PTR} noalias", "to"))


def emit(spec: WinogradKernel, target: CpuTarget, module: Module, b: Builder) -> None:
    """Emits the kernel's function into `b` and those that it calls beside it."""
    _Kernel(spec, target, module, b).emit()


@dataclass(frozen=True)
class _Segment:
    """Tiles of one row of the grid: its image, row and first column in its lattice, the number of tiles, and where they lie in the scratch.

    `remainders` says which lattice it is: the row and column of its first output in the image.
    """

    image: Index
    row: Index
    column: Index
    remainders: tuple[Index, Index]
    count: Index
    slot: Index


@dataclass(frozen=True)
class _Later:
    """A row of tiles of a tensor that is needed soon: where it begins and how many rows of pixels it has."""

    corner: Value
    tensor: Geometry
    rows: int


@dataclass
class _Kernel:
    spec: WinogradKernel
    target: CpuTarget
    module: Module
    b: Builder
    _functions: dict[str, str] = field(default_factory=dict)

    def emit(self) -> None:
        spec, b = self.spec, self.b
        args, n, begin, end = (b.argument(i) for i in range(4))
        x, w, y, data = (b.load_pointer(args, i) for i in range(4))
        with b.when(b.icmp("slt", begin, end)):
            most = spec.images * spec.units.parts  # units that share the weights of a chunk
            items = most * spec.chunks
            with b.loop(b.div(begin, items), b.add(b.div(b.sub(end, 1), items), 1), nonempty=True, hint="images") as images:
                at, origin = b.mul(images.index, items), b.mul(images.index, most)
                units = b.smin(most, b.sub(b.mul(n, spec.units.parts), origin))
                low, high = b.smax(b.sub(begin, at), 0), b.smin(b.sub(end, at), b.mul(units, spec.chunks))
                self._chunks(args, x, w, y, data, origin, units, low, high)
        b.ret()

    def _chunks(self, args: Value, x: Value, w: Value, y: Value, data: Value, origin: Index, units: Index, low: Index,
                high: Index) -> None:
        """Emits the items [low, high) of the images whose units begin at `origin`: units of the first chunk, of the second and so on."""
        spec, b = self.spec, self.b
        products = b.gep(data, spec.positions * spec.input_pitch)
        first = b.div(low, units)
        with b.loop(first, b.add(b.div(b.sub(high, 1), units), 1), nonempty=True, hint="chunk") as chunk:
            at = b.mul(chunk.index, units)
            start, end = b.smax(b.sub(low, at), 0), b.smin(b.sub(high, at), units)
            # Where all units are one group, the inputs transformed for the chunk before serve this one too, if that began with the first unit.
            fresh = b.define("i1", f"or {b.icmp('eq', chunk.index, first)}, {b.icmp('slt', b.sub(at, units), low).name}")
            fresh = b.define("i1", f"or {fresh}, {b.icmp('sgt', units, spec.group).name}")
            with b.loop(start, end, spec.group, nonempty=True, hint="group") as group:
                begin, stop = b.add(origin, group.index), b.add(origin, b.smin(b.add(group.index, spec.group), end))
                with b.when(fresh):
                    self._each_segment(begin, stop, lambda segment: self._transform(x, data, segment))
                later = []
                if spec.prefetches:
                    later = [_Later(self._corner(x, spec.x, stop, spec.pad[1:]), spec.x, spec.size + TAPS - 1),
                             _Later(self._corner(y, spec.y, begin, (0, 0)), spec.y, spec.size)]
                self._multiply(data, w, products, chunk.index, begin, stop, later)
                self._each_segment(begin, stop, lambda segment: self._finish(args, products, chunk.index, segment))

    # -- the walk over tiles --------------------------------------------------------------------------------------

    def _each_segment(self, start: Index, stop: Index, body: Callable[[_Segment], None]) -> None:
        """Emits `body` for the segments of all units of a group."""
        b, units, columns = self.b, self.spec.units, self.spec.grid[1]
        with b.loop(start, stop, hint="unit") as loop:
            image, part = b.div(loop.index, units.parts), b.rem(loop.index, units.parts)
            begin, end = split_start(b, units, part), split_start(b, units, b.add(part, 1))
            slot = b.sub(b.mul(b.sub(loop.index, start), units.size), begin)
            with b.loop(b.div(begin, columns), b.div(b.add(end, columns - 1), columns), hint="row") as row:
                at = b.mul(row.index, columns)
                low, high = b.smax(begin, at), b.smin(end, b.add(at, columns))
                across, down = self.spec.lattices[1], self.spec.lattices[0]
                line, left = b.div(row.index, across), b.rem(row.index, across)
                remainders = b.rem(line, down), left
                body(_Segment(image, b.div(line, down), b.sub(low, at), remainders, b.sub(high, low), b.add(slot, low)))

    def _place(self, segment: _Segment) -> tuple[Index, Index]:
        """Returns the row and column in the image of a segment's first output."""
        b, spec = self.b, self.spec
        row, column = (b.add(b.mul(tile, spec.size * step), first) for tile, step, first
                       in zip((segment.row, segment.column), spec.dilation[1:], segment.remainders, strict=True))
        return row, column

    def _left(self, axis: int, tile: Index, remainder: Index) -> Index:
        """Returns the rows (axis 0) or columns of outputs of a lattice from one of its tiles on."""
        b, spec = self.b, self.spec
        extent, step = spec.y.spatial[1 + axis], spec.dilation[1 + axis]
        return b.sub(b.div(b.sub(extent + step - 1, remainder), step), b.mul(tile, spec.size))

    def _by_edge(self, segment: _Segment, body: Callable[[int, int, Index, Index], None]) -> None:
        """Emits `body(rows, columns of outputs, first tile, count)` for the parts of a segment whose tiles lie alike at the image's border."""
        b, spec = self.b, self.spec
        last = spec.lattice_tiles[1] - 1
        widths, heights = spec.last_extents(1), spec.last_extents(0)

        def across(rows: int) -> None:
            if widths == [spec.size]:
                body(rows, spec.size, 0, segment.count)
                return
            inner = b.smin(segment.count, b.sub(last, segment.column))
            if last:
                body(rows, spec.size, 0, inner)
            self._by_extent(1, widths, last, segment.remainders[1], lambda columns: body(rows, columns, inner, b.sub(segment.count, inner)))

        bottom = spec.lattice_tiles[0] - 1
        if heights == [spec.size]:
            across(spec.size)
            return
        if bottom:
            with b.when(b.icmp("slt", segment.row, bottom)):
                across(spec.size)
        with b.when(b.icmp("eq", segment.row, bottom)):
            self._by_extent(0, heights, bottom, segment.remainders[0], across)

    def _by_extent(self, axis: int, extents: Sequence[int], tile: int, remainder: Index, body: Callable[[int], None]) -> None:
        """Emits `body` for each extent that the last tile of a lattice may have, run where it has it; a tile without outputs has no code."""
        if len(extents) == 1:
            body(extents[0])
            return
        left = self._left(axis, tile, remainder)
        for extent in filter(None, extents):
            with self.b.when(self.b.icmp("eq", left, extent)):
                body(extent)

    # -- the three phases -----------------------------------------------------------------------------------------

    def _transform(self, x: Value, data: Value, segment: _Segment) -> None:
        """Emits the transform of the inputs of a segment, for all channel blocks."""
        spec, b = self.spec, self.b
        _, row_pitch, pitch = spec.x.strides
        corner = spec.x.origin - spec.pad[1] * row_pitch - spec.pad[2] * pitch
        element = STORED[spec.x.dtype]
        row, column = self._place(segment)
        x = b.gep(x, b.add(b.mul(segment.image, spec.x.stride_n), b.add(b.mul(row, row_pitch), corner)), element)
        x = b.gep(x, b.mul(column, pitch), element)
        step = spec.size * spec.dilation[2] * pitch
        data = b.gep(data, b.mul(segment.slot, spec.x.block))

        def part(rows: int, columns: int, first: Index, count: Index) -> None:
            callee = self._function(f"input_{rows}x{columns}", INPUT_PARAMETERS,
                                    lambda inner: emit_input(inner, spec, self.target, rows, columns))
            with b.loop(0, spec.x.blocks, hint="block") as block:
                source = b.gep(x, b.add(b.mul(block.index, spec.x.block_stride), b.mul(first, step)), element)
                to = b.gep(data, b.add(b.mul(block.index, spec.room * spec.x.block), b.mul(first, spec.x.block)))
                self.b.call(callee, source, to, count)

        self._by_edge(segment, part)

    def _multiply(self, data: Value, w: Value, products: Value, chunk: Index, start: Index, stop: Index, later: Sequence[_Later]) -> None:
        """Emits the products of a group with the weights of a chunk, position by position and panel by panel."""
        spec, b = self.spec, self.b
        panels, depth, lanes = spec.panels, spec.product.depth, spec.y.block
        low = b.mul(chunk, spec.chunk)
        high = b.smin(b.add(low, spec.chunk), panels.parts)
        first = split_start(b, panels, low)
        blocks = b.sub(split_start(b, panels, high), first)
        w = b.gep(w, b.mul(first, spec.positions * depth * lanes))
        with b.loop(0, spec.positions, hint="position") as position:
            for part in later:
                self._prefetch(part, position.index)
            with b.loop(low, high, hint="panel") as panel:
                block = b.sub(split_start(b, panels, panel.index), first)
                weights = b.gep(w, b.mul(b.add(b.mul(position.index, blocks), block), depth * lanes))
                source = b.gep(data, b.mul(position.index, spec.input_pitch))
                to = b.gep(products, b.add(b.mul(position.index, spec.product_pitch), b.mul(block, spec.room * lanes)))
                by_size(b, panels, panel.index, lambda vectors: self._panel(source, weights, to, start, stop, vectors))

    def _panel(self, source: Value, weights: Value, to: Value, start: Index, stop: Index, vectors: int) -> None:
        """Emits the products of all units of a group with one panel of weights of one position."""
        spec, b = self.spec, self.b
        with b.loop(start, stop, hint="unit") as unit:
            slot = b.mul(b.sub(unit.index, start), spec.units.size * spec.y.block)

            def tile(width: int) -> None:
                callee = self._function(f"product_{width}x{vectors}", _PRODUCT_PARAMETERS, lambda inner: self._emit_product(inner, width, vectors))
                self.b.call(callee, b.gep(source, slot), weights, b.gep(to, slot))

            by_size(b, spec.units, b.rem(unit.index, spec.units.parts), tile)

    def _finish(self, args: Value, products: Value, chunk: Index, segment: _Segment) -> None:
        """Emits the transform of the products of a segment into the output, for all channel blocks of a chunk."""
        spec, b = self.spec, self.b
        low = b.mul(chunk, spec.chunk)
        start = split_start(b, spec.panels, low)
        stop = split_start(b, spec.panels, b.smin(b.add(low, spec.chunk), spec.panels.parts))
        row, column = self._place(segment)

        def part(rows: int, columns: int, first: Index, count: Index) -> None:
            callee = self._function(f"output_{rows}x{columns}", OUTPUT_PARAMETERS,
                                    lambda inner: emit_output(inner, spec, self.target, rows, columns))
            with b.loop(start, stop, hint="block") as block:
                slot = b.add(b.mul(b.sub(block.index, start), spec.room), b.add(segment.slot, first))
                source = b.gep(products, b.mul(slot, spec.y.block))
                place = b.add(column, b.mul(first, spec.size * spec.dilation[2]))
                self.b.call(callee, args, source, segment.image, block.index, row, place, count)

        self._by_edge(segment, part)

    # -- prefetches -----------------------------------------------------------------------------------------------

    def _corner(self, base: Value, tensor: Geometry, unit: Index, before: Sequence[int]) -> Value:
        """Returns where the first row of a unit begins in a tensor, `before` rows and columns ahead of the unit's first output."""
        b, spec = self.b, self.spec
        _, row_pitch, pitch = tensor.strides
        tile = b.mul(b.rem(unit, spec.units.parts), spec.units.size)
        row, column = b.div(tile, spec.grid[1]), b.rem(tile, spec.grid[1])
        inside = b.add(b.mul(row, spec.size * row_pitch), b.mul(column, spec.size * pitch))
        first = b.add(b.mul(b.div(unit, spec.units.parts), tensor.stride_n), tensor.origin - before[0] * row_pitch - before[1] * pitch)
        return b.gep(base, b.add(first, inside), STORED[tensor.dtype])

    def _prefetch(self, later: _Later, position: Index) -> None:
        """Emits prefetches of one row of a unit in some channel blocks; those at all positions together ask for all."""
        spec, b, tensor = self.spec, self.b, later.tensor
        _, row_pitch, pitch = tensor.strides
        each = -(-tensor.blocks // (spec.positions // later.rows))
        row, low = b.rem(position, later.rows), b.mul(b.div(position, later.rows), each)
        with b.loop(low, b.smin(b.add(low, each), tensor.blocks), hint="block") as block:
            source = b.gep(later.corner, b.add(b.mul(block.index, tensor.block_stride), b.mul(row, row_pitch)), STORED[tensor.dtype])
            with b.loop(0, (spec.units.size - 1) * spec.size + later.rows, hint="pixel") as pixel:
                b.prefetch(b.gep(source, b.mul(pixel.index, pitch), STORED[tensor.dtype]), locality=2)

    # -- functions ------------------------------------------------------------------------------------------------

    def _emit_product(self, b: Builder, width: int, vectors: int) -> None:
        """Emits the products of `width` tiles with `vectors` vectors of output channels at one position."""
        spec = self.spec
        x, w, to = (b.argument(i) for i in range(3))
        lanes = spec.y.block
        product = spec.product
        tiles = emit_tile(b, fma_dot(self.target.has_fma), lanes, [m * lanes for m in range(width)], vectors, product.nests(), x, w,
                          prefetch=spec.tile.prefetch)
        for v in range(vectors):
            for m in range(width):
                b.store(tiles[v][m], b.gep(to, (v * spec.room + m) * lanes), align=4 * lanes)

    def _function(self, name: str, parameters: tuple[tuple[str, str], ...], body: Callable[[Builder], None]) -> str:
        """Returns an internal function, emitted when it is first asked for."""
        if name not in self._functions:
            inner = self.module.function(name, parameters, linkage="internal", attributes=self.b.attributes + " noinline")
            body(inner)
            inner.ret()
            self._functions[name] = f"@{name}"
        return self._functions[name]
