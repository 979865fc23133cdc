"""What the ways to sum the taps of a depthwise convolution share: where the tile's inputs lie."""

from dataclasses import dataclass

from ngc.codegen.llvm.kernel import Geometry, Spatial
from ngc.codegen.llvm.text import Builder
from ngc.target import CpuTarget


@dataclass(frozen=True)
class DepthwiseTile:
    """A tile of `rows x width` outputs of one channel block.

    Attributes:
        b: where to emit.
        target: the processor.
        x: the input.
        kernel: taps along depth, height and width.
        stride: input elements from one output to the next.
        dilation: input elements from one tap to the next.
        rows: rows of the tile.
        width: columns of the tile.
    """

    b: Builder
    target: CpuTarget
    x: Geometry
    kernel: Spatial
    stride: Spatial
    dilation: Spatial
    rows: int
    width: int
