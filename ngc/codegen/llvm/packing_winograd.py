"""Packs the weights of Winograd's convolution: transformed in float64, rounded once, in the order in which the kernel reads them."""

from bisect import bisect_right
from functools import partial
from itertools import accumulate

import numpy as np

from ngc.codegen.llvm.kernels.winograd import WinogradKernel
from ngc.codegen.llvm.kernels.winograd_algebra import TAPS, transform_filter
from ngc.codegen.llvm.packing import Piece, Steps, packed, pieces
from ngc.codegen.llvm.packing_words import Weights

_FILTERS = 2048
"""Filters that are transformed at a time: what they take in float64 stays in the second-level cache."""


def pack_winograd(kernel: WinogradKernel, weights: Weights) -> Weights:
    """Returns weights (O, I, [1,] 3, 3) as [chunk][position][panel][channel][vector][lane], lanes without a channel zero."""
    return packed(kernel.weight_size, partial(winograd_steps, kernel, weights))


def winograd_steps(kernel: WinogradKernel, weights: Weights, out: Weights) -> Steps:
    """Yields the steps of `pack_winograd` into `kernel.weight_size` zeros."""
    taps, product = weights.reshape(*weights.shape[:2], TAPS**2), kernel.product
    begins = [0, *accumulate(_chunk_sizes(kernel))]
    for piece in pieces(product):
        chunk = bisect_right(begins, piece.begin) - 1
        first, last = begins[chunk], begins[chunk + 1]
        positions = out[first * kernel.positions:last * kernel.positions].reshape(kernel.positions, -1)
        yield partial(_transform, kernel.size, piece, taps, positions[:, piece.begin - first:piece.begin - first + piece.count])


def _chunk_sizes(kernel: WinogradKernel) -> list[int]:
    """Returns the packed weights of one position in each chunk."""
    panels, vector = kernel.panels, kernel.product.depth * kernel.y.block
    sizes = [(panels.size - (panel >= panels.wide)) * vector for panel in range(panels.parts)]
    return [sum(sizes[begin:begin + kernel.chunk]) for begin in range(0, panels.parts, kernel.chunk)]


def _transform(size: int, piece: Piece, taps: Weights, positions: Weights) -> None:
    """Writes a piece's filters, transformed, as (positions, filters)."""
    plain = np.zeros((TAPS**2, piece.count), np.float32)  # order and transform are independent of one another
    for tap, row in enumerate(plain):
        piece.run(row, 1)[...] = piece.plain(taps[:, :, tap]).transpose(1, 3, 2, 0)
    for begin in range(0, piece.count, _FILTERS):
        part = slice(begin, begin + _FILTERS)
        positions[:, part] = transform_filter(size, plain[:, part])
