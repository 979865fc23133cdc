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
    taps, product, panels = weights.reshape(outputs, inputs, -1), kernel.product, kernel.panels
    plain = np.stack([pack_conv(product, taps[:, :, tap]) for tap in range(taps.shape[2])])  # order and transform are independent of one another
    packed = np.empty(kernel.weight_size, np.float32)
    vector, at = product.depth * kernel.y.block, 0
    for chunk in range(kernel.chunks):
        members = range(chunk * kernel.chunk, min((chunk + 1) * kernel.chunk, panels.parts))
        size = sum(panels.size - (panel >= panels.wide) for panel in members) * vector
        transformed = transform_filter(kernel.size, plain[:, at:at + size])
        packed[at * kernel.positions:(at + size) * kernel.positions] = transformed.reshape(-1)
        at += size
    return packed
