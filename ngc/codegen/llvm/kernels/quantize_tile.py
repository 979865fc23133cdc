"""Quantizes planes of floats into blocks of u8, the bytes of four channels of a pixel at a time: they are one word of a vector of pixels."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ngc.codegen.llvm.kernels.elements import shuffle
from ngc.codegen.llvm.kernels.quantized import to_u8
from ngc.codegen.llvm.kernels.steps import after_steps
from ngc.codegen.llvm.text import FLOAT, I1, I8, I32, Builder, Index, Value, lanes_of, vector
from ngc.target import CpuTarget

if TYPE_CHECKING:
    from ngc.codegen.llvm.kernels.reorder import ReorderKernel

WORD = 4
"""Channels whose bytes make a word."""


@dataclass(frozen=True)
class QuantizeTile:
    """Rows of pixels of one channel block of a kernel from planes of f32 to blocks of u8.

    Attributes:
        kernel: the tensors and the steps between them.
        b: where to emit.
        target: the processor.
        block: the channel block.
    """

    kernel: "ReorderKernel"
    b: Builder
    target: CpuTarget
    block: Index

    def row(self, x_row: Value, y_row: Value, width: int) -> None:
        """Writes one row of pixels, as many at a time as a vector holds floats; the last vector overlaps the one before it."""
        b, lanes = self.b, self.target.lanes()
        while lanes > width:
            lanes //= 2
        y_row = b.gep(y_row, b.mul(self.block, self.kernel.y.block_stride), I8)
        whole = width // lanes * lanes
        with b.loop(0, whole, lanes) as loop:
            self._pixels(x_row, y_row, loop.index, lanes)
        if whole < width:
            self._pixels(x_row, y_row, width - lanes, lanes)

    def _pixels(self, x_row: Value, y_row: Value, first: Index, lanes: int) -> None:
        b, block = self.b, self.kernel.y.block
        words = [self._word(b.gep(x_row, first), channel, lanes) for channel in range(0, block, WORD)]
        place = b.gep(y_row, b.mul(first, block), I8)
        if lanes == 1:
            for i, word in enumerate(words):
                b.store(word, b.gep(place, i, I32))
            return
        while len(words) > 1:
            half = len(words) // 2
            words = [_interleaved(b, words[i], words[half + i]) for i in range(half)]
        b.store(words[0], place)

    def _word(self, x: Value, first: int, lanes: int) -> Value:
        """Returns the bytes of the block's channels `first` to `first + 3` of `lanes` pixels; a channel that is not there has zeros."""
        b, kernel, integers = self.b, self.kernel, vector(lanes, I32)
        word = b.integer(integers, 0)
        for i in range(WORD):
            channel = b.add(b.mul(self.block, kernel.y.block), first + i)
            last = kernel.x.channels - 1
            if isinstance(channel, int) and channel > last:
                continue
            partial = not isinstance(channel, int) and kernel.y.channels % kernel.y.block > 0
            plane = b.mul(b.smin(channel, last) if partial else channel, kernel.x.block_stride)
            value = after_steps(b, kernel.steps, b.load(vector(lanes, FLOAT), b.gep(x, plane)), self.target)
            byte = b.cast("zext", to_u8(b, value, self.target), integers)
            if partial:
                there = b.splat(b.icmp("sle", channel, last), lanes)
                byte = b.select(Value(vector(lanes, I1), there.name), byte, b.integer(integers, 0))
            byte = b.define(integers, f"shl {byte}, {b.integer(integers, 8 * i).name}")
            word = b.define(integers, f"or {word}, {byte.name}")
        return word


def _interleaved(b: Builder, even: Value, odd: Value) -> Value:
    """Returns the lanes of two vectors in turns."""
    lanes = lanes_of(even.type)
    return shuffle(b, even, odd, [lane // 2 + lane % 2 * lanes for lane in range(2 * lanes)])
