"""Packs weights in the order in which kernels read them, word by word; everything here runs once, at compile time, in numpy."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ngc.codegen.llvm.kernel import Halo, Spatial
from ngc.codegen.llvm.kernels.conv import ConvKernel
from ngc.codegen.llvm.kernels.dense import DenseKernel
from ngc.codegen.llvm.kernels.depthwise import DepthwiseKernel
from ngc.codegen.llvm.packing_words import Weights, conv_weights, conv_words, depthwise_words, join, split

Steps = Iterator[Callable[[], object]]
"""What there is to do to pack weights: steps that may be done in any order and side by side."""


def packed(size: int, steps: Callable[[Weights], Steps]) -> Weights:
    """Returns packed weights of a size, in memory of their own."""
    out = np.zeros(size, np.float32)
    for step in steps(out):
        step()
    return out


@dataclass(frozen=True)
class Piece:
    """A run of packed weights, [block][tap][step][output], and the words that stand in it: of f32 a step is an input channel, of bf16 two, of i8 four.

    Attributes:
        begin: its first word, where there is one tap.
        rows: the output channels, those only that exist.
        channels: the steps of input channels.
        blocks, depth: how they are split.
        size: output channels with the lanes that have none.
    """

    begin: int
    rows: slice
    channels: slice
    blocks: int
    depth: int
    size: int

    @property
    def count(self) -> int:
        """Its elements, where there is one tap."""
        return self.blocks * self.depth * self.size

    def packed(self, flat: Weights, taps: int) -> Weights:
        """Returns the piece in packed weights as [block][tap][channel][output], lanes without a channel left out."""
        return self.run(flat[self.begin * taps:(self.begin + self.count) * taps], taps)

    def run(self, own: Weights, taps: int) -> Weights:
        """Returns the piece's own packed weights as [block][tap][channel][output], lanes without a channel left out."""
        return own.reshape(self.blocks, taps, self.depth, self.size)[..., :self.rows.stop - self.rows.start]

    def plain(self, weights: Weights) -> Weights:
        """Returns the piece's weights of all (O, I, taps) as [output][block][channel][tap]."""
        return weights[self.rows, self.channels].reshape(self.rows.stop - self.rows.start, self.blocks, self.depth, -1)


def pieces(kernel: ConvKernel) -> Iterator[Piece]:
    """Yields the pieces of a convolution's packed weights in order; without aligned groups, those of its `block_diagonal` weights."""
    lanes, parts, begin, position = kernel.y.block, kernel.parts, 0, 0
    outputs = kernel.y.channels if kernel.aligned else kernel.y.blocks * lanes
    firsts = None if kernel.aligned else kernel.first_channels
    for group in range(kernel.groups if kernel.aligned else 1):
        row = group * kernel.blocks_per_group * lanes
        for panel in range(kernel.panels.parts):
            size = (kernel.panels.size - (panel >= kernel.panels.wide)) * lanes
            origin = 0 if firsts is None else firsts[position] * kernel.x.block
            for first, blocks, depth in parts:
                start = (origin + first) // kernel.channels_per_step
                yield Piece(begin, slice(row, min(row + size, outputs)), slice(start, start + blocks * depth), blocks, depth, size)
                begin += blocks * depth * size
            row += size
            position += 1


def pack_conv(kernel: ConvKernel, weights: Weights) -> Weights:
    """Returns weights (O, I/groups, kd, kh, kw) as [panel][input part][block][tap][channel][vector][lane], lanes without a channel zero."""
    return packed(conv_size(kernel), partial(conv_steps, kernel, weights))


def conv_steps(kernel: ConvKernel, weights: Weights, out: Weights) -> Steps:
    """Yields the steps of `pack_conv` into `conv_size(kernel)` zeros."""
    if weights.size:
        taps = weights.reshape(*weights.shape[:2], -1)
        source = conv_words(kernel, taps if kernel.aligned else _block_diagonal(kernel, taps))
        for piece in pieces(kernel):
            yield partial(np.copyto, piece.packed(out, source.shape[2]), piece.plain(source).transpose(1, 3, 2, 0))


def conv_size(kernel: ConvKernel) -> int:
    """Returns the words of packed weights; a phase of a deconvolution that meets no tap reads none, but something must be pointed at."""
    return kernel.weight_size or kernel.y.block


def unpack_conv(kernel: ConvKernel, packed: Weights, shape: Sequence[int]) -> Weights:
    """Returns the weights of a shape (O, I/groups, ...) that `pack_conv` packed for a kernel with aligned groups."""
    words = np.empty((shape[0], -(-shape[1] // kernel.channels_per_step), len(kernel.taps)), np.float32)
    for piece in pieces(kernel):
        rows = piece.packed(packed, words.shape[2]).transpose(3, 0, 2, 1)
        words[piece.rows, piece.channels] = rows.reshape(len(rows), -1, words.shape[2])
    return np.ascontiguousarray(conv_weights(kernel, words, shape[1])).reshape(shape)


def _block_diagonal(kernel: ConvKernel, taps: Weights) -> Weights:
    """Returns dense weights (padded outputs, padded inputs, taps) of a grouped convolution, zero between groups."""
    outputs, inputs = taps.shape[0] // kernel.groups, taps.shape[1]
    dense = np.zeros((kernel.y.blocks * kernel.y.block, kernel.x.blocks * kernel.x.block, taps.shape[2]), taps.dtype)
    for group in range(kernel.groups):
        rows = slice(group * outputs, (group + 1) * outputs)
        dense[rows, group * inputs:(group + 1) * inputs] = taps[rows]
    return dense


def pack_offset(weights: NDArray[np.int8], zero: int, block: int) -> NDArray[np.int32]:
    """Returns what the sums of u8 data, whose `zero` stands for 0, begin with: -zero * sum(w) of each output of weights (O, ...), padded to whole blocks."""
    packed = np.zeros(-(-weights.shape[0] // block) * block, np.int32)
    packed[:weights.shape[0]] = -zero * weights.reshape(weights.shape[0], -1).sum(axis=1, dtype=np.int32)
    return packed


def pack_channels(values: Weights, block: int) -> Weights:
    """Returns per-channel values padded with zeros to whole blocks."""
    packed = np.zeros(-(-values.size // block) * block, np.float32)
    packed[:values.size] = values.reshape(-1)
    return packed


def pack_depthwise(kernel: DepthwiseKernel, weights: Weights) -> Weights:
    """Returns weights (C, 1, kd, kh, kw) as [channel block][tap, or line and pair of taps][lane], lanes without a channel zero."""
    return packed(kernel.weight_size, partial(depthwise_steps, kernel, weights))


def depthwise_steps(kernel: DepthwiseKernel, weights: Weights, out: Weights) -> Steps:
    """Yields the step of `pack_depthwise` into `kernel.weight_size` zeros."""
    channels, lanes = weights.shape[0], kernel.x.block
    words = depthwise_words(kernel, weights.reshape(channels, -1))
    padded = np.zeros((kernel.x.blocks * lanes, words.shape[1]), np.float32)
    padded[:channels] = words
    shape = (kernel.x.blocks, lanes, -1)
    yield partial(np.copyto, out.reshape(kernel.x.blocks, -1, lanes), padded.reshape(shape).transpose(0, 2, 1))


def pack_dense(kernel: DenseKernel, weights: Weights) -> Weights:
    """Returns weights (O, K) as [panel][input][vector][lane], lanes without an output zero."""
    return packed(kernel.weight_size, partial(dense_steps, kernel, weights))


def dense_steps(kernel: DenseKernel, weights: Weights, out: Weights) -> Steps:
    """Yields the steps of `pack_dense` into `kernel.weight_size` zeros."""
    words = weights if kernel.per_lane == 1 else join(weights.reshape(kernel.outputs, -1, kernel.per_lane))
    for rows, panel in _dense_panels(kernel, out):
        yield partial(np.copyto, panel, words[rows].T)


def unpack_dense(kernel: DenseKernel, packed: Weights) -> Weights:
    """Returns the weights (O, K) that `pack_dense` packed."""
    words = np.empty((kernel.outputs, kernel.depth), np.float32)
    for rows, panel in _dense_panels(kernel, packed):
        words[rows] = panel.T
    return words if kernel.per_lane == 1 else split(words, kernel.per_lane).reshape(kernel.outputs, kernel.inputs)


def _dense_panels(kernel: DenseKernel, packed: Weights) -> Iterator[tuple[slice, Weights]]:
    """Yields each panel's outputs, and its part of the packed weights as (step, output), lanes without an output left out."""
    at = 0
    for panel in range(kernel.panels.parts):
        size = (kernel.panels.size - (panel >= kernel.panels.wide)) * kernel.lanes
        rows = slice(at, min(at + size, kernel.outputs))
        yield rows, packed[at * kernel.depth:(at + size) * kernel.depth].reshape(kernel.depth, size)[:, :rows.stop - rows.start]
        at += size


@dataclass(frozen=True)
class Phase:
    """The outputs of a deconvolution that lie at the same remainder of its stride: a convolution at stride 1 of the flipped taps that meet them.

    Attributes:
        fields: what `ConvKernel` takes, but for its tensors and steps.
        weights: (O, I/groups, *kernel), to be packed with `pack_conv`.
    """

    fields: dict[str, Any]
    weights: Weights

    def halo(self, x: Spatial, out: Spatial) -> Halo:
        """Returns the (before, after) that the phase reads around an input of `x` for the `out` elements of the whole output."""
        sides = []
        for d in range(3):
            step, first, pad = (self.fields[name][d] for name in ("out_step", "out_origin", "pad"))
            count, taps = -(-(out[d] - first) // step), self.fields["kernel"][d]
            last = count - 1 + (taps - 1) * self.fields["dilation"][d] - pad
            sides.append((max(0, pad), max(0, last - x[d] + 1)) if taps and count > 0 else (0, 0))
        return sides[0], sides[1], sides[2]


def deconvolution_phases(weights: Weights, stride: Spatial, dilation: Spatial, pad: Spatial, groups: int) -> list[Phase]:
    """Returns the phases of a deconvolution, y[o * stride - pad + k * dilation] += x[o] * w[k], from weights (I, O/groups, kd, kh, kw)."""
    inputs, outputs, *kernel = weights.shape
    grouped = weights.reshape(groups, inputs // groups, outputs, *kernel)
    turned = grouped.swapaxes(1, 2).reshape(groups * outputs, inputs // groups, *kernel)
    phases = []
    for origin in product(*(range(s) for s in stride)):
        lines = [_phase_line(*axis) for axis in zip(origin, kernel, stride, dilation, pad, strict=True)]
        taps = np.ix_(*(line[0] for line in lines))
        fields = {"kernel": tuple(len(line[0]) for line in lines), "dilation": tuple(line[1] for line in lines),
                  "pad": tuple(line[2] for line in lines), "out_step": stride, "out_origin": origin, "groups": groups}
        phases.append(Phase(fields, np.ascontiguousarray(turned[:, :, taps[0], taps[1], taps[2]])))
    return phases


def _phase_line(origin: int, kernel: int, stride: int, dilation: int, pad: int) -> tuple[list[int], int, int]:
    """Returns (taps in the order of rising input, input elements between them, pad) of one dimension of a phase.

    Output q * stride + origin meets tap k where origin + pad - k * dilation is a multiple of the stride, at input q + that multiple.
    """
    taps = [k for k in reversed(range(kernel)) if (origin + pad - k * dilation) % stride == 0]
    if not taps:
        return [], 1, 0
    reads = [(origin + pad - k * dilation) // stride for k in taps]
    return taps, reads[1] - reads[0] if len(reads) > 1 else 1, -reads[0]
