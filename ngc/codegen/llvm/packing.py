"""Packs weights in the order in which kernels read them; everything here runs once, at compile time, in numpy."""

from dataclasses import dataclass
from itertools import product
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ngc.codegen.llvm.kernel import Halo, Spatial
from ngc.codegen.llvm.kernels.conv import ConvKernel
from ngc.codegen.llvm.kernels.dense import DenseKernel
from ngc.codegen.llvm.kernels.depthwise import DepthwiseKernel
from ngc.codegen.llvm.kernels.depthwise_taps import tap_pairs

Weights = NDArray[np.float32]
Packed = NDArray[Any]


def pack_conv(kernel: ConvKernel, weights: Weights) -> Packed:
    """Returns weights (O, I/groups, kd, kh, kw) as [panel][input part][block][tap][step][vector][lane][element], lanes without a channel zero.

    The elements of a step are one channel, for bf16 two channels or two taps; bf16 comes as its bits.
    """
    if not weights.size:  # a phase of a deconvolution that meets no tap: nothing is read, but something must be pointed at
        return np.zeros(kernel.y.block * kernel.per_lane, np.float32)
    outputs, inputs = weights.shape[:2]
    lanes, steps, per_step = kernel.y.block, [], kernel.channels_per_step
    if kernel.aligned:
        per_group = kernel.y.channels // kernel.groups if kernel.groups > 1 else kernel.y.blocks * lanes
        dense: Packed = np.zeros((kernel.groups, per_group, inputs, prod(kernel.kernel)), np.float32)
        dense.reshape(-1, *dense.shape[2:])[:outputs] = weights.reshape(outputs, inputs, -1)
        starts = [0] * (kernel.panels.parts * kernel.groups)
    else:
        dense = _block_diagonal(kernel, weights.reshape(outputs, inputs, -1))[None]
        starts = [first * kernel.x.block // per_step for first in kernel.first_channels]
    dense = _pairs(kernel, dense) if kernel.per_lane > 1 else dense[..., None]
    position = 0
    for group in dense:
        at = 0
        for panel in range(kernel.panels.parts):
            size = (kernel.panels.size - (panel >= kernel.panels.wide)) * lanes
            rows = group[at:at + size]
            for first, blocks, depth in kernel.parts:
                start = starts[position] + first // per_step
                part = rows[:, start:start + blocks * depth]
                ordered = part.reshape(size, blocks, depth, *part.shape[2:]).transpose(1, 3, 2, 0, 4)  # block, tap, step, output, element
                steps.append(np.ascontiguousarray(ordered).reshape(-1))
            at += size
            position += 1
    packed: Packed = np.concatenate(steps)
    return packed


def bf16_bits(values: Weights) -> NDArray[np.uint16]:
    """Returns the 16-bit patterns of values that bf16 has."""
    return (np.ascontiguousarray(values, np.float32).view(np.uint32) >> 16).astype(np.uint16)


def _pairs(kernel: ConvKernel, dense: Weights) -> NDArray[np.uint16]:
    """Returns (groups, outputs, steps of channels, taps, 2) as bits: what meets in a lane side by side, filled up with zeros."""
    groups, outputs, inputs, _ = dense.shape
    if kernel.paired:
        depth, height, width = kernel.kernel
        even = np.pad(dense.reshape(groups, outputs, inputs, depth * height, width), [(0, 0)] * 4 + [(0, width % 2)])
        return bf16_bits(even.reshape(groups, outputs, inputs, -1, 2))
    even = np.pad(dense, [(0, 0), (0, 0), (0, inputs % 2), (0, 0)])
    return bf16_bits(even.reshape(groups, outputs, -1, 2, even.shape[3]).swapaxes(3, 4))


def _block_diagonal(kernel: ConvKernel, taps: Weights) -> Weights:
    """Returns dense weights (padded outputs, padded inputs, taps) of a grouped convolution, zero between groups."""
    outputs, inputs = taps.shape[0] // kernel.groups, taps.shape[1]
    dense = np.zeros((kernel.y.blocks * kernel.y.block, kernel.x.blocks * kernel.x.block, taps.shape[2]), np.float32)
    for group in range(kernel.groups):
        rows = slice(group * outputs, (group + 1) * outputs)
        dense[rows, group * inputs:(group + 1) * inputs] = taps[rows]
    return dense


def pack_channels(values: Weights, block: int) -> Weights:
    """Returns per-channel values padded with zeros to whole blocks."""
    packed = np.zeros(-(-values.size // block) * block, np.float32)
    packed[:values.size] = values.reshape(-1)
    return packed


def pack_depthwise(kernel: DepthwiseKernel, weights: Weights) -> Packed:
    """Returns weights (C, 1, kd, kh, kw) as [channel block][tap][lane], or as [channel block][line][pair of taps][lane][tap], as bits of bf16."""
    channels, lanes = weights.shape[0], kernel.x.block
    padded = np.zeros((kernel.x.blocks * lanes, prod(kernel.kernel)), np.float32)
    padded[:channels] = weights.reshape(channels, -1)
    if not kernel.paired:
        return np.ascontiguousarray(padded.reshape(kernel.x.blocks, lanes, -1).transpose(0, 2, 1)).reshape(-1)
    taps = padded.reshape(kernel.x.blocks, lanes, -1, kernel.kernel[2])
    pairs = np.stack([taps[..., first:first + 2] * np.array([count == 2, 1], np.float32) for first, count in tap_pairs(kernel.kernel[2])], axis=3)
    return bf16_bits(pairs.transpose(0, 2, 3, 1, 4)).reshape(-1)


def pack_dense(kernel: DenseKernel, weights: Weights) -> Packed:
    """Returns weights (O, K) as [panel][input][vector][lane], lanes without an output zero; for bf16 two inputs lie side by side in a lane, as bits."""
    padded = np.zeros((-(-kernel.outputs // kernel.lanes) * kernel.lanes, kernel.inputs), np.float32)
    padded[:kernel.outputs] = weights
    elements: Packed = bf16_bits(padded) if kernel.per_lane > 1 else padded
    steps = elements.reshape(len(padded), -1, kernel.per_lane)
    panels, at = [], 0
    for panel in range(kernel.panels.parts):
        size = (kernel.panels.size - (panel >= kernel.panels.wide)) * kernel.lanes
        panels.append(steps[at:at + size].swapaxes(0, 1).reshape(-1))
        at += size
    packed: Packed = np.concatenate(panels)
    return packed


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
