"""Words of packed weights: what one lane of an accumulator meets in one step of the reduction, four bytes each.

For f32 a word is a weight. For bf16 it is two that lie side by side, two channels or two taps of a row, of which a missing one is zero; for i8 it is four
channels. Words travel as float32 arrays whatever their bits mean; only copies are made of them.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ngc.codegen.llvm.kernels.conv import ConvKernel
from ngc.codegen.llvm.kernels.depthwise import DepthwiseKernel
from ngc.codegen.llvm.kernels.depthwise_fours import WINDOW, tap_groups
from ngc.codegen.llvm.kernels.microkernel import tap_pairs

Words = NDArray[np.float32]

Weights = NDArray[Any]
"""Of f32, which may be values that bf16 has, or of i8."""


def bf16_bits(values: NDArray[np.float32]) -> NDArray[np.uint16]:
    """Returns the 16-bit patterns of values that bf16 has."""
    return (np.ascontiguousarray(values, np.float32).view(np.uint32) >> 16).astype(np.uint16)


def join(parts: Weights) -> Words:
    """Returns the words (...) of fours (..., 4) of i8 or pairs (..., 2) of values that bf16 has."""
    bits = np.ascontiguousarray(parts) if parts.dtype == np.int8 else bf16_bits(parts)
    return bits.view(np.float32)[..., 0]


def split(words: Words, count: int) -> Weights:
    """Returns the fours (..., 4) or pairs (..., 2) that words (...) hold."""
    stored = np.ascontiguousarray(words)[..., None]
    return stored.view(np.int8) if count == 4 else (stored.view(np.uint16).astype(np.uint32) << 16).view(np.float32)


def conv_words(kernel: ConvKernel, weights: Weights) -> Words:
    """Returns the words (O, steps, taps of words) of weights (O, I, taps)."""
    outputs, inputs, taps = weights.shape
    if kernel.per_lane == 1 or not weights.size:
        return weights
    if kernel.paired:
        return join(_pair_taps(weights.reshape(outputs, inputs, -1, kernel.kernel[2]))).reshape(outputs, inputs, -1)
    whole = np.pad(weights, [(0, 0), (0, -inputs % kernel.per_lane), (0, 0)])
    return join(whole.reshape(outputs, -1, kernel.per_lane, taps).swapaxes(2, 3))


def conv_weights(kernel: ConvKernel, words: Words, inputs: int) -> Weights:
    """Returns the weights (O, I, taps) of words (O, steps, taps of words)."""
    if kernel.per_lane == 1:
        return words
    parts = split(words, kernel.per_lane)
    if kernel.paired:
        depth, height, width = kernel.kernel
        lines = parts.reshape(len(words), inputs, depth * height, -1, 2)
        taps: Words = np.concatenate([lines[..., i, 2 - count:] for i, (_, count) in enumerate(tap_pairs(width))], axis=-1)
        return taps.reshape(len(words), inputs, -1)
    return parts.swapaxes(2, 3).reshape(len(words), -1, words.shape[2])[:, :inputs]


def depthwise_words(kernel: DepthwiseKernel, weights: Weights) -> Words:
    """Returns the words (C, words of all lines) of weights (C, taps)."""
    if kernel.per_lane == 1:
        return weights.astype(np.float32, copy=False)
    if kernel.per_lane == WINDOW:
        return join(_group_taps(weights.reshape(len(weights), -1, kernel.kernel[2]))).reshape(len(weights), -1)
    return join(_pair_taps(weights.reshape(len(weights), -1, kernel.kernel[2]))).reshape(len(weights), -1)


def _pair_taps(lines: NDArray[np.float32]) -> NDArray[np.float32]:
    """Returns the pairs (..., pairs, 2) of lines of taps (..., taps)."""
    pairs = tap_pairs(lines.shape[-1])
    result = np.zeros((*lines.shape[:-1], len(pairs), 2), np.float32)
    for i, (first, count) in enumerate(pairs):
        result[..., i, 2 - count:] = lines[..., first + 2 - count:first + 2]
    return result


def _group_taps(lines: NDArray[np.int8]) -> NDArray[np.int8]:
    """Returns the fours (..., groups, 4) of lines of taps (..., taps), each group's taps first."""
    groups = tap_groups(lines.shape[-1])
    result = np.zeros((*lines.shape[:-1], len(groups), WINDOW), np.int8)
    for i, (first, count) in enumerate(groups):
        result[..., i, :count] = lines[..., first:first + count]
    return result
