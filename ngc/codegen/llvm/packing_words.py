"""Words of packed weights: what one lane of an accumulator meets in one step of the reduction, four bytes each.

For f32 a word is a weight. For bf16 it is two that lie side by side, two channels or two taps of a row, of which a missing one is zero. Words travel as
float32 arrays whatever their bits mean; only copies are made of them.
"""

import numpy as np
from numpy.typing import NDArray

from ngc.codegen.llvm.kernels.conv import ConvKernel
from ngc.codegen.llvm.kernels.depthwise import DepthwiseKernel
from ngc.codegen.llvm.kernels.microkernel import tap_pairs

Words = NDArray[np.float32]


def bf16_bits(values: NDArray[np.float32]) -> NDArray[np.uint16]:
    """Returns the 16-bit patterns of values that bf16 has."""
    return (np.ascontiguousarray(values, np.float32).view(np.uint32) >> 16).astype(np.uint16)


def join(pairs: NDArray[np.float32]) -> Words:
    """Returns the words (...) of pairs (..., 2) of values that bf16 has."""
    return bf16_bits(pairs).view(np.float32)[..., 0]


def split(words: Words) -> NDArray[np.float32]:
    """Returns the pairs (..., 2) that words (...) hold."""
    bits = np.ascontiguousarray(words)[..., None].view(np.uint16)
    return (bits.astype(np.uint32) << 16).view(np.float32)


def conv_words(kernel: ConvKernel, weights: NDArray[np.float32]) -> Words:
    """Returns the words (O, steps, taps of words) of weights (O, I, taps)."""
    outputs, inputs, taps = weights.shape
    if kernel.per_lane == 1 or not weights.size:
        return weights
    if kernel.paired:
        return join(_pair_taps(weights.reshape(outputs, inputs, -1, kernel.kernel[2]))).reshape(outputs, inputs, -1)
    even = np.pad(weights, [(0, 0), (0, inputs % 2), (0, 0)])
    return join(even.reshape(outputs, -1, 2, taps).swapaxes(2, 3))


def conv_weights(kernel: ConvKernel, words: Words, inputs: int) -> NDArray[np.float32]:
    """Returns the weights (O, I, taps) of words (O, steps, taps of words)."""
    if kernel.per_lane == 1:
        return words
    pairs = split(words)
    if kernel.paired:
        depth, height, width = kernel.kernel
        lines = pairs.reshape(len(words), inputs, depth * height, -1, 2)
        taps: Words = np.concatenate([lines[..., i, 2 - count:] for i, (_, count) in enumerate(tap_pairs(width))], axis=-1)
        return taps.reshape(len(words), inputs, -1)
    return pairs.swapaxes(2, 3).reshape(len(words), -1, words.shape[2])[:, :inputs]


def depthwise_words(kernel: DepthwiseKernel, weights: NDArray[np.float32]) -> Words:
    """Returns the words (C, words of all lines) of weights (C, taps)."""
    if not kernel.paired:
        return weights
    return join(_pair_taps(weights.reshape(len(weights), -1, kernel.kernel[2]))).reshape(len(weights), -1)


def _pair_taps(lines: NDArray[np.float32]) -> NDArray[np.float32]:
    """Returns the pairs (..., pairs, 2) of lines of taps (..., taps)."""
    pairs = tap_pairs(lines.shape[-1])
    result = np.zeros((*lines.shape[:-1], len(pairs), 2), np.float32)
    for i, (first, count) in enumerate(pairs):
        result[..., i, 2 - count:] = lines[..., first + 2 - count:first + 2]
    return result
