"""Decides for each 3x3 convolution whether Winograd's algorithm is worth its rounding, and with which tile; never from the number of threads.

The model counts cycles in vector multiply-adds at their full rate. Measured on one core of a Zen 4 (one 512-bit multiply-add a cycle, 117 GFLOP/s, AVX-512),
bias and ReLU, batch 1, microseconds with warm weights / with weights that come from memory:

    layer                   direct        F(4x4)        F(2x2)       chosen
    MEASURED

"""

from math import prod

from ngc.codegen.llvm.kernels.conv import ConvKernel
from ngc.codegen.llvm.kernels.winograd import WinogradKernel
from ngc.codegen.llvm.kernels.winograd_blocking import product_cycles
from ngc.codegen.llvm.tiles import L2_BYTES
from ngc.target import CpuTarget

LEAST_GAIN = 1.2
"""How many times faster than the direct convolution an algorithm must be by the model to be chosen."""

_DIRECT_LOSS = 1.04
_INPUT, _OUTPUT = {4: 200.0, 2: 70.0}, {4: 150.0, 2: 50.0}
"""Cycles of the transform of one tile of one channel block: for inputs, for outputs with a step or two."""

_HIDDEN, _STREAM = 25.0, 6.0
"""Bytes of weights a cycle: beyond the second-level cache each costs so much although it streams behind the multiply-adds, and none comes faster."""


def unsupported(conv: ConvKernel) -> str | None:
    """Returns why a convolution cannot be computed by Winograd's algorithm, None where it can."""
    if conv.kernel != (1, 3, 3):
        return f"a kernel of {conv.kernel}, not 3x3"
    if conv.stride != (1, 1, 1) or conv.dilation != (1, 1, 1):
        return "strides or dilation"
    if conv.groups != 1:
        return f"{conv.groups} groups"
    if conv.out_step != (1, 1, 1) or conv.out_origin != (0, 0, 0):
        return "a part of the outputs"
    if conv.prologue:
        return "a prologue"
    if conv.x.block != conv.y.block:
        return f"an input in blocks of {conv.x.block}"
    if conv.x.spatial[0] != 1 or conv.y.spatial[0] != 1 or conv.pad[0]:
        return "a depth"
    return None if prod(conv.y.spatial) else "no outputs"


def prefers_winograd(conv: ConvKernel, target: CpuTarget, batch: int = 1) -> int | None:
    """Returns the tile size (4 or 2) with which Winograd's algorithm should compute a convolution, None where direct summation should.

    Args:
        conv: the direct kernel.
        target: the processor.
        batch: images at a time, where that is known: images share the weights that are read.
    """
    if unsupported(conv) is not None:
        return None
    cycles = {size: winograd_cycles(winograd_of(conv, target, size), batch) for size in (4, 2)}
    best = min(cycles, key=lambda size: cycles[size])
    return best if cycles[best] * LEAST_GAIN < direct_cycles(conv, batch) else None


def winograd_of(conv: ConvKernel, target: CpuTarget, size: int) -> WinogradKernel:
    """Returns the kernel that computes a convolution by F(size x size, 3x3)."""
    return WinogradKernel.plan(target, x=conv.x, y=conv.y, pad=conv.pad, steps=conv.steps, size=size)


def direct_cycles(conv: ConvKernel, batch: int = 1) -> float:
    """Returns the modelled cycles of one image by direct summation."""
    return _with_weights(_DIRECT_LOSS * conv.depth * conv.y.blocks * prod(conv.out), 4 * conv.weight_size, batch)


def winograd_cycles(kernel: WinogradKernel, batch: int = 1) -> float:
    """Returns the modelled cycles of one image by Winograd's algorithm."""
    tiles = prod(kernel.grid)
    products = kernel.positions * product_cycles(kernel.units, kernel.panels, kernel.product.depth)
    transforms = tiles * (kernel.x.blocks * _INPUT[kernel.size] + kernel.y.blocks * _OUTPUT[kernel.size])
    return _with_weights(products + transforms, 4 * kernel.weight_size, min(batch, kernel.images))


def _with_weights(cycles: float, size: int, images: int) -> float:
    """Returns the cycles of one image where so many images share the weights that are read."""
    if size <= L2_BYTES // 2:
        return cycles
    return max(cycles + size / images / _HIDDEN, size / images / _STREAM)
