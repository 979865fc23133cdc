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

Weights = NDArray[np.float32]


def pack_conv(kernel: ConvKernel, weights: Weights) -> Weights:
    """Returns weights (O, I/groups, kd, kh, kw) as [panel][input part][block][tap][channel][vector][lane], lanes without a channel zero."""
    if not weights.size:  # a phase of a deconvolution that meets no tap: nothing is read, but something must be pointed at
        return np.zeros(kernel.y.block, np.float32)
    outputs, inputs = weights.shape[:2]
    taps = weights.reshape(outputs, inputs, -1)
    lanes, steps = kernel.y.block, []
    if kernel.aligned:
        per_group = kernel.y.channels // kernel.groups if kernel.groups > 1 else kernel.y.blocks * lanes
        dense = np.zeros((kernel.groups, per_group, inputs, taps.shape[2]), np.float32)
        dense.reshape(-1, inputs, taps.shape[2])[:outputs] = taps
        starts = [0] * (kernel.panels.parts * kernel.groups)
    else:
        dense = _block_diagonal(kernel, taps)[None]
        starts = [first * kernel.x.block for first in kernel.first_channels]
    position = 0
    for group in dense:
        at = 0
        for panel in range(kernel.panels.parts):
            size = (kernel.panels.size - (panel >= kernel.panels.wide)) * lanes
            rows = group[at:at + size]
            for first, blocks, depth in kernel.parts:
                channels = rows[:, starts[position] + first:starts[position] + first + blocks * depth]
                ordered = channels.reshape(size, blocks, depth, -1).transpose(1, 3, 2, 0)  # block, tap, channel, output
                steps.append(np.ascontiguousarray(ordered).reshape(-1))
            at += size
            position += 1
    return np.concatenate(steps)


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


def pack_depthwise(kernel: DepthwiseKernel, weights: Weights) -> Weights:
    """Returns weights (C, 1, kd, kh, kw) as [channel block][tap][lane]."""
    channels, lanes = weights.shape[0], kernel.x.block
    padded = np.zeros((kernel.x.blocks * lanes, prod(kernel.kernel)), np.float32)
    padded[:channels] = weights.reshape(channels, -1)
    return np.ascontiguousarray(padded.reshape(kernel.x.blocks, lanes, -1).transpose(0, 2, 1)).reshape(-1)


def pack_dense(kernel: DenseKernel, weights: Weights) -> Weights:
    """Returns weights (O, K) as [panel][input][vector][lane], lanes without an output zero."""
    padded = np.zeros((-(-kernel.outputs // kernel.lanes) * kernel.lanes, kernel.inputs), np.float32)
    padded[:kernel.outputs] = weights
    panels, at = [], 0
    for panel in range(kernel.panels.parts):
        size = (kernel.panels.size - (panel >= kernel.panels.wide)) * kernel.lanes
        panels.append(padded[at:at + size].T.reshape(-1))
        at += size
    return np.concatenate(panels)


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
