"""Emits a convolution's prologue: the input of one work item goes through per-channel steps into scratch that stays in the second-level cache.

The scratch is laid out as `ConvKernel.source`: [channel block][depth][row][column][lane], from the first tap of the item's first output to the last
tap of its last. What lies outside the input is zero there, because padding comes after the steps.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ngc.codegen.llvm.kernel import Geometry
from ngc.codegen.llvm.kernels.elements import SIZES, STORED
from ngc.codegen.llvm.kernels.half import load_floats, store_floats
from ngc.codegen.llvm.kernels.splits import split_start
from ngc.codegen.llvm.kernels.steps import Steps
from ngc.codegen.llvm.text import Builder, Index, Value, vector
from ngc.target import CpuTarget

if TYPE_CHECKING:
    from ngc.codegen.llvm.kernels.conv import ConvKernel

_UNROLL = 4


def emit_prologue(spec: ConvKernel, target: CpuTarget, b: Builder, args: Value, x: Value, scratch: Value, image: Index, stretch: Index) -> None:
    """Emits the code that fills the scratch for one stretch of one image."""
    element = STORED[spec.x.dtype]
    x = b.gep(x, b.add(b.mul(image, spec.x.stride_n), spec.x.origin), element)
    with b.loop(0, spec.x.blocks, hint="block") as loop:
        steps = Steps(b, spec.prologue, _Channels(b, loop.index, spec.x.block), args, 3, target)
        steps.load_channels(0)
        fill = _Fill(spec, b, steps, target)
        source = b.gep(x, b.mul(loop.index, spec.x.block_stride), element)
        room = b.gep(scratch, b.mul(loop.index, spec.source.block_stride), element)
        if spec.flat:
            columns = spec.column_tiles
            low = b.mul(stretch, spec.tile.chunk)
            high = b.smin(b.add(low, spec.tile.chunk), columns.parts)
            first, last = split_start(b, columns, low), split_start(b, columns, high)
            fill.values(b.gep(source, b.mul(first, spec.x.block), element), room, b.sub(last, first))
        else:
            fill.planes(source, room, stretch)


@dataclass(frozen=True)
class _Channels:
    """The `Site` of a channel block of the input: its steps have per-channel operands only."""

    b: Builder
    block: Value
    lanes: int

    def channels(self, base: Value, vector_index: int) -> Value:
        """Returns the per-channel values at `base`."""
        return self.b.load(vector(self.lanes), self.b.gep(base, self.b.mul(self.block, self.lanes)))

    def load(self, base: Value, tensor: Geometry | None, vector_index: int, pixel: int) -> Value:
        """Never called: `ConvKernel.check` refuses tensors in a prologue."""
        raise NotImplementedError

    def store(self, value: Value, base: Value, tensor: Geometry | None, vector_index: int, pixel: int) -> None:
        """Never called: `ConvKernel.check` refuses tensors in a prologue."""
        raise NotImplementedError

    def shared(self, tensor: Geometry | None) -> bool:
        """Never called: `ConvKernel.check` refuses tensors in a prologue."""
        raise NotImplementedError


@dataclass(frozen=True)
class _Fill:
    """Fills the scratch of one channel block."""

    spec: ConvKernel
    b: Builder
    steps: Steps
    target: CpuTarget

    def planes(self, x: Value, room: Value, stretch: Index) -> None:
        """Fills all planes and rows that the taps of a row tile read."""
        spec, b, (planes, rows, _) = self.spec, self.b, self.spec.source.spatial
        depth, line = b.div(stretch, spec.row_tiles.parts), b.rem(stretch, spec.row_tiles.parts)
        first_plane = b.sub(b.mul(depth, spec.stride[0]), spec.pad[0])
        first_row = b.sub(b.mul(split_start(b, spec.row_tiles, line), spec.stride[1]), spec.pad[1])
        with b.loop(0, planes, hint="plane") as outer, b.loop(0, rows, hint="row") as inner:
            plane, row = b.add(first_plane, outer.index), b.add(first_row, inner.index)
            to = self._gep(room, b.add(b.mul(outer.index, spec.source.strides[0]), b.mul(inner.index, spec.source.strides[1])))
            inside = self._both(self._within(plane, spec.x.spatial[0]), self._within(row, spec.x.spatial[1]))
            with b.when(inside):
                self._row(self._gep(x, b.add(b.mul(plane, spec.x.strides[0]), b.mul(row, spec.x.strides[1]))), to)
            with b.when(b.define("i1", f"xor {inside}, true")):
                self._zero(to, spec.source.spatial[2])

    def _row(self, x: Value, to: Value) -> None:
        """Fills a row that is inside the input, but perhaps not all its columns."""
        pad, block, width = self.spec.pad[2], self.spec.x.block, self.spec.source.spatial[2]
        left = min(width, max(0, pad))
        right = max(left, min(width, pad + self.spec.x.spatial[2]))
        self._zero(to, left)
        self.values(self._gep(x, (left - pad) * block), self._gep(to, left * block), right - left)
        self._zero(self._gep(to, right * block), width - right)

    def values(self, x: Value, to: Value, count: Index) -> None:
        """Puts `count` pixels through the steps."""
        b, block, dtype = self.b, self.spec.x.block, self.spec.x.dtype

        def pixel(index: Index) -> None:
            at = b.mul(index, block)
            value = load_floats(b, self._gep(x, at), dtype, block, self.target)
            store_floats(b, self.steps.apply(value, 0, 0), self._gep(to, at), dtype, self.target)

        self._sweep(count, pixel)

    def _zero(self, to: Value, count: int) -> None:
        dtype, block = self.spec.x.dtype, self.spec.x.block
        zero = Value(vector(block, STORED[dtype]), "zeroinitializer")
        self._sweep(count, lambda index: self.b.store(zero, self._gep(to, self.b.mul(index, block)), align=SIZES[dtype]))

    def _gep(self, base: Value, offset: Index) -> Value:
        return self.b.gep(base, offset, STORED[self.spec.x.dtype])

    def _sweep(self, count: Index, body: Callable[[Index], None]) -> None:
        """Emits `body` for every index below `count`, several to a loop."""
        b = self.b
        whole = b.mul(b.div(count, _UNROLL), _UNROLL)
        with b.loop(0, whole, _UNROLL, hint="pixel") as loop:
            for i in range(_UNROLL):
                body(b.add(loop.index, i))
        with b.loop(whole, count, hint="pixel") as loop:
            body(loop.index)

    def _within(self, index: Index, size: int) -> Value:
        if isinstance(index, int):
            return Value("i1", "true" if 0 <= index < size else "false")
        return self.b.define("i1", f"icmp ult i64 {index.name}, {size}")  # unsigned: what is negative is large

    def _both(self, a: Value, c: Value) -> Value:
        return self.b.define("i1", f"and {a}, {c.name}")
