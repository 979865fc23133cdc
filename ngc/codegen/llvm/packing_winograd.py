"""Packs the weights of Winograd's convolution: transformed in float64, rounded once, in the order in which the kernel reads them."""

import numpy as np
from numpy.typing import NDArray

from ngc.codegen.llvm.kernels.winograd import WinogradKernel
from ngc.codegen.llvm.kernels.winograd_algebra import transform_filter
from ngc.codegen.llvm.packing import pack_conv

Weights = NDArray[np.float32]


def pack_winograd(kernel: WinogradKernel, weights: Weights) -> Weights:
    """Returns weights (O, I, [1,] 3, 3) as [chunk][position][panel][channel][vector][lane], lanes without a channel zero."""
    outputs, inputs = weights.shape[:2]
    transformed = transform_filter(kernel.size, weights.reshape(outputs, inputs, 3, 3)).reshape(outputs, inputs, -1)
    product, panels = kernel.product, kernel.panels
    packed = np.stack([pack_conv(product, transformed[:, :, p]) for p in range(kernel.positions)])
    vector = product.depth * kernel.y.block
    parts, at = [], 0
    for chunk in range(kernel.chunks):
        wide = range(chunk * kernel.chunk, min((chunk + 1) * kernel.chunk, panels.parts))
        size = sum(panels.size - (panel >= panels.wide) for panel in wide) * vector
        parts.append(packed[:, at:at + size].reshape(-1))
        at += size
    return np.concatenate(parts)
