"""Decides for each 3x3 convolution whether Winograd's algorithm is worth its rounding, and with which tile; never from the number of threads.

The model counts cycles in vector multiply-adds at their full rate. It was fitted to these times, in microseconds per image with bias and ReLU on a Zen 4
(AVX-512 at one 512-bit multiply-add a cycle, 117 GFLOP/s a core), weights warm / streaming from memory:

    inputs, outputs, size     one image, one core                         one image, two cores                  16 images, two cores
                              direct        F(4x4)        F(2x2)          direct       F(4x4)      F(2x2)       direct  F(4x4)  F(2x2)
     64,  64,  56x56           1973/1974      583/583      1001/994         986/988     285/291     494/496      1020     342     563
    128, 128,  28x28           1984/1979      648/651       992/1034        984/988     278/301     467/468      1016     318     519
    256, 256,  14x14           1967/1981      745/826       928/981         983/993     344/419     462/496      1003     373     484
    512, 512,   7x7            1972/2010     1285/1716     1275/1381        987/1001    393/836     599/693      1003     418     643
     64,  64, 224x224         32646/32703   10810/10765   17912/18001     16430/16336  5432/5414   9059/9074
    128, 128, 112x112         32496/32655    9541/9572    15980/16011     16165/16180  4859/4889   8032/7978
    256, 256,  56x56          32148/32047    8844/9307    15165/15210     16006/16056  4356/4522   7444/7571    16857    4481    7561
    512, 512,  28x28          31890/31993    8893/8999    14980/15779     15914/15949  4492/4585   7528/7822    16845    4663    7620
    512, 512,  14x14           7950/7965     3207/3205     3778/4406       3959/3995   1533/1625   1847/2214     4144    1539    2006
     64,  96,  35x35           1158/1166      423/410       640/634         584/587     187/192     311/311       601     220     342
     48, 192,  13x13            241/241       105/121       138/143         121/123      54/69       70/82        121      55      70
    448, 384,   8x8            1700/1862      866/1169      789/892         849/919     233/565     390/450       862     269     412

Dilated, on 60x60 outputs, in milliseconds of one core: 256 to 256 channels by 2 take 40 directly and 17 by F(4x4), 512 to 512 by 4 158
and 69. Lattices of few outputs fill tiles badly: 2048 to 256 by 12, five outputs a row, take 398 and 311.

F(4x4) wins unless an image has so few tiles that its weights, four times those of the direct convolution, are read from memory for hardly any work: there
F(2x2) does, up to the batch at which images share what is read. The root mean square of the error over the standard deviation of the outputs, with 64, 256
and 512 channels after a ReLU: direct 3.0e-7, 5.9e-7, 8.0e-7; F(2x2) 2.2e-7, 4.4e-7, 5.6e-7; F(4x4) 6.4e-7, 1.3e-6, 1.7e-6 (at most 1.4e-5).
"""

from math import prod
from typing import Any

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
    if conv.x.dtype == "u8":
        return "data of u8"
    if conv.kernel != (1, 3, 3):
        return f"a kernel of {conv.kernel}, not 3x3"
    if conv.stride != (1, 1, 1):
        return "strides"
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


def winograd_of(conv: ConvKernel, target: CpuTarget, size: int, **fields: Any) -> WinogradKernel:
    """Returns the kernel that computes a convolution by F(size x size, 3x3), blocked as `fields` say and the cost model."""
    return WinogradKernel.plan(target, x=conv.x, y=conv.y, pad=conv.pad, dilation=conv.dilation, steps=conv.steps, size=size, **fields)


def direct_cycles(conv: ConvKernel, batch: int = 1) -> float:
    """Returns the modelled cycles of one image by direct summation."""
    return _with_weights(_DIRECT_LOSS * conv.depth * conv.y.blocks * prod(conv.out), conv.weight_bytes, batch)


def winograd_cycles(kernel: WinogradKernel, batch: int = 1) -> float:
    """Returns the modelled cycles of one image by Winograd's algorithm."""
    tiles = prod(kernel.grid)
    products = kernel.positions * product_cycles(kernel.units, kernel.panels, kernel.product.depth)
    transforms = tiles * (kernel.x.blocks * _INPUT[kernel.size] + kernel.y.blocks * _OUTPUT[kernel.size])
    return _with_weights(products + transforms, 4 * kernel.weight_size, min(batch, kernel.images))


def _with_weights(cycles: float, size: int, images: int) -> float:
    """Returns the cycles of one image where so many images share the weights that are read, of which half a second-level cache is there already."""
    read = max(0, size - L2_BYTES // 2) / images
    return max(cycles + read / _HIDDEN, read / _STREAM)
