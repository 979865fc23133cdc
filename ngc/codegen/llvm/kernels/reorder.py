"""Moves a tensor between layouts: plain, bordered and blocked by channels, with any halo on either side.

Between block sizes a square of (lanes pixels) x (lanes channels) is transposed in registers; the last square of a row overlaps
the one before it. With one block size rows are copied, and planes of floats are quantized on their way into blocks of u8. Halos are
not written: that is `HaloKernel`'s work.
"""

from dataclasses import dataclass
from math import prod

from ngc.codegen.llvm.kernel import Geometry, KernelSpec, StepSpec
from ngc.codegen.llvm.kernels.elements import SIZES, STORED, constant, copy, lanes_below, transpose
from ngc.codegen.llvm.kernels.quantize_tile import WORD, QuantizeTile
from ngc.codegen.llvm.text import Builder, Index, Value, vector
from ngc.errors import CodegenError
from ngc.target import CpuTarget

_ITEM_ELEMENTS = 4096
"""Elements of a work item: many enough to pay for finding it, few enough to share."""
_ROW_PIXELS = 64
"""Least pixels of a row where rows may be chosen."""


@dataclass(frozen=True)
class ReorderKernel(KernelSpec):
    """Copies x to y, two geometries of one logical tensor and dtype; padding lanes of y become zero.

    args: x, y. One of the block sizes is 1, or both are equal. Work items: groups of rows of each image and channel block.

    Or x is in planes of f32 and y in blocks of u8: then what is stored are the values after `steps`, none of which has an operand, rounded to nearest
    even and saturated.
    """

    x: Geometry
    y: Geometry
    steps: tuple[StepSpec, ...] = ()

    def __post_init__(self) -> None:
        same = (self.x.channels, self.x.spatial) == (self.y.channels, self.y.spatial)
        moves = self.x.dtype == self.y.dtype and not self.steps and (1 in (self.x.block, self.y.block) or self.x.block == self.y.block)
        if not same or not (moves or self.quantizes):
            raise CodegenError(f"a reorder takes one tensor in two layouts, not {self.x} and {self.y}")
        if any(step.operands for step in self.steps):
            raise CodegenError("steps of a reorder have no operands")

    @property
    def quantizes(self) -> bool:
        """Whether floats become u8."""
        return (self.x.dtype, self.y.dtype, self.x.block) == ("f32", "u8", 1) and self.y.block % WORD == 0

    @property
    def _rows(self) -> tuple[int, int, int]:
        """Depth, height and width of the copy; where both sides are contiguous the pixels are cut anew."""
        if self._contiguous:
            pixels = prod(self.x.spatial)
            width = next(size for size in range(min(_ROW_PIXELS, pixels), pixels + 1) if pixels % size == 0)
            return 1, pixels // width, width
        return self.x.spatial

    @property
    def _contiguous(self) -> bool:
        return all(geometry.padded == geometry.spatial for geometry in (self.x, self.y))

    @property
    def _blocks(self) -> Geometry:
        return self.x if self.x.block > self.y.block else self.y

    @property
    def _group(self) -> int:
        """Rows of a work item, a divisor of the height."""
        _, height, width = self._rows
        rows = max(1, min(height, _ITEM_ELEMENTS // (width * self._blocks.block)))
        return next(size for size in range(rows, 0, -1) if height % size == 0)

    @property
    def work(self) -> tuple[int, int]:
        """Returns the number of items."""
        depth, height, _ = self._rows
        return self._blocks.blocks * depth * (height // self._group), 0

    def emit(self, target: CpuTarget) -> str:
        """Returns the module."""
        module, b = self.open(target)
        x, y = (b.load_pointer(b.argument(0), position) for position in (0, 1))
        depth, height, width = self._rows
        groups, blocks = height // self._group, self._blocks.blocks
        strides_x, strides_y = self._strides(self.x), self._strides(self.y)
        with b.loop(b.argument(2), b.argument(3)) as item:
            rest, group = b.div(item.index, groups), b.rem(item.index, groups)
            rest, slab = b.div(rest, depth), b.rem(rest, depth)
            image, block = b.div(rest, blocks), b.rem(rest, blocks)
            position = (image, slab, b.mul(group, self._group))
            from_x = self._offset(b, self.x, strides_x, position)
            to_y = self._offset(b, self.y, strides_y, position)
            tile = QuantizeTile(self, b, target, block) if self.quantizes else _Tile(self, b, target, block)
            with b.loop(0, self._group) as row:
                x_row = b.gep(x, b.add(from_x, b.mul(row.index, strides_x[1])), STORED[self.x.dtype])
                y_row = b.gep(y, b.add(to_y, b.mul(row.index, strides_y[1])), STORED[self.y.dtype])
                tile.row(x_row, y_row, width)
        b.ret()
        return str(module)

    def _strides(self, geometry: Geometry) -> tuple[int, int, int]:
        return (0, self._rows[2] * geometry.block, geometry.block) if self._contiguous else geometry.strides

    @staticmethod
    def _offset(b: Builder, geometry: Geometry, strides: tuple[int, int, int], position: tuple[Index, Index, Index]) -> Index:
        image, slab, row = position
        offset = b.add(b.mul(image, geometry.stride_n), geometry.origin)
        return b.add(offset, b.add(b.mul(slab, strides[0]), b.mul(row, strides[1])))


class _Tile:
    """One row of pixels of one channel block."""

    def __init__(self, kernel: ReorderKernel, b: Builder, target: CpuTarget, block: Index) -> None:
        self.kernel, self.b, self.bits = kernel, b, target.vector_bits
        x, y = kernel.x, kernel.y
        self.dtype, self.element, self.size = x.dtype, STORED[x.dtype], SIZES[x.dtype]
        self.blocked = kernel._blocks
        self.plain = y if self.blocked is x else x
        self.partial = self.blocked.channels % self.blocked.block != 0
        self.start = b.mul(block, self.blocked.block_stride)
        self.block = block
        self.lanes = min(self.blocked.block, target.vector_bits // 32)
        # channels beyond the last one read the last one's row, and their lanes are cleared
        self.channels = [self._channel(lane) for lane in range(self.blocked.block)] if self.blocked.block > 1 else []
        self.masks = [self._mask(first) for first in range(0, self.blocked.block, self.lanes)]

    def _channel(self, lane: int) -> Index:
        b = self.b
        channel = b.add(b.mul(self.block, self.blocked.block), lane)
        if self.partial:
            channel = b.smin(channel, self.blocked.channels - 1)
        return b.mul(channel, self.plain.block_stride)

    def _mask(self, first: int) -> Value | None:
        if not self.partial or self.blocked is self.kernel.x:
            return None
        b, lanes = self.b, self.lanes
        left = b.sub(self.blocked.channels, b.add(b.mul(self.block, self.blocked.block), first))
        return lanes_below(b, left, lanes)

    def row(self, x_row: Value, y_row: Value, width: int) -> None:
        """Copies one row of pixels, all channels of the block."""
        b = self.b
        if self.kernel.x.block == self.kernel.y.block:
            x_row = b.gep(x_row, b.mul(self.block, self.kernel.x.block_stride), self.element)
            y_row = b.gep(y_row, b.mul(self.block, self.kernel.y.block_stride), self.element)
            copy(b, x_row, y_row, width * self.kernel.x.block, self.dtype, self.bits)
            return
        to_blocks = self.blocked is self.kernel.y
        many, plain = (y_row, x_row) if to_blocks else (x_row, y_row)
        many = b.gep(many, self.start, self.element)
        for part, first in enumerate(range(0, self.blocked.block, self.lanes)):
            lane = b.gep(many, first, self.element)
            rows = [b.gep(plain, channel, self.element) for channel in self.channels[first : first + self.lanes]]
            mask = self.masks[part]
            tile = self._square if width >= self.lanes else self._pixels
            tile(lane, rows, width, to_blocks, mask)

    def _square(self, many: Value, rows: list[Value], width: int, to_blocks: bool, mask: Value | None) -> None:
        b, lanes = self.b, self.lanes
        whole = width // lanes * lanes
        with b.loop(0, whole, lanes) as loop:
            self._move(many, rows, loop.index, to_blocks, mask)
        if whole < width:
            self._move(many, rows, width - lanes, to_blocks, mask)

    def _move(self, many: Value, rows: list[Value], pixel: Index, to_blocks: bool, mask: Value | None) -> None:
        """Transposes one square that starts at a pixel."""
        b, kind = self.b, vector(self.lanes, self.element)
        squares = [b.gep(many, b.mul(b.add(pixel, i), self.blocked.block), self.element) for i in range(self.lanes)]
        lines = [b.gep(row, pixel, self.element) for row in rows]
        sources, targets = (lines, squares) if to_blocks else (squares, lines)
        values = transpose(b, [b.load(kind, source, self.size) for source in sources])
        # from the last to the first: rows beyond the last channel alias it, and its own values come after theirs
        for value, place in reversed(list(zip(values, targets, strict=True))):
            b.store(self._cleared(value, mask), place, self.size)

    def _pixels(self, many: Value, rows: list[Value], width: int, to_blocks: bool, mask: Value | None) -> None:
        """Moves rows that are shorter than a vector pixel by pixel."""
        b, kind = self.b, vector(self.lanes, self.element)
        with b.loop(0, width) as loop:
            place = b.gep(many, b.mul(loop.index, self.blocked.block), self.element)
            lines = [b.gep(row, loop.index, self.element) for row in rows]
            if to_blocks:
                value = Value(kind, "poison")
                for lane, line in enumerate(lines):
                    value = b.define(kind, f"insertelement {value}, {b.load(self.element, line, self.size)}, i64 {lane}")
                b.store(self._cleared(value, mask), place, self.size)
                return
            value = b.load(kind, place, self.size)
            for lane, line in reversed(list(enumerate(lines))):
                b.store(b.define(self.element, f"extractelement {value}, i64 {lane}"), line, self.size)

    def _cleared(self, value: Value, mask: Value | None) -> Value:
        return value if mask is None else self.b.select(mask, value, constant(self.dtype, 0.0, self.lanes))
