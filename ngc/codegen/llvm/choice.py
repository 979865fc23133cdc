"""Picks the kernel of each convolution: algorithm and tile, through one door for the cost model and for what was measured.

A choice depends on the convolution, the batch, the processor and the numerics, never on the number of threads.
"""

import functools
from dataclasses import dataclass
from typing import Protocol

from ngc.codegen.llvm.kernels.conv import ConvKernel
from ngc.codegen.llvm.kernels.depthwise import DepthwiseKernel
from ngc.codegen.llvm.kernels.winograd import WinogradKernel
from ngc.codegen.llvm.kernels.winograd_cost import direct_cycles, prefers_winograd, unsupported, winograd_cycles, winograd_of
from ngc.codegen.llvm.tiles import Tile
from ngc.ir import Dim
from ngc.target import CpuTarget

DirectSpec = ConvKernel | DepthwiseKernel
ConvSpec = ConvKernel | DepthwiseKernel | WinogradKernel


@dataclass(frozen=True)
class Choice:
    """The kernel of a convolution and why it was picked."""

    spec: ConvSpec
    reason: str


class Chooser(Protocol):
    """Picks the kernel of a convolution."""

    def choose(self, direct: DirectSpec, batch: Dim) -> Choice:
        """Returns the kernel that computes the convolution of a planned direct kernel for a batch."""


@dataclass(frozen=True)
class CostModel:
    """The chooser that measures nothing and reads no records: equal arguments give equal choices on every machine."""

    target: CpuTarget
    numerics: str = "fast"

    def choose(self, direct: DirectSpec, batch: Dim) -> Choice:
        """Returns the kernel with the fewest modelled cycles; direct summation only where numerics is "exact"."""
        if not isinstance(direct, ConvKernel) or unsupported(direct) is not None:
            return Choice(direct, "by the cost model")
        if self.numerics != "fast":
            return Choice(direct, f"numerics is {self.numerics!r}")
        return _modelled(direct, self.target, known_images(batch))


@functools.lru_cache(maxsize=256)
def _modelled(direct: ConvKernel, target: CpuTarget, images: int) -> Choice:
    """Returns the choice between direct summation and Winograd's algorithm; networks repeat their layers."""
    size = prefers_winograd(direct, target, images)
    tiled = {s: winograd_of(direct, target, s) for s in (4, 2)}
    modelled = [f"direct {direct_cycles(direct, images):.3g}", *(f"F({s}x{s}) {winograd_cycles(spec, images):.3g}" for s, spec in tiled.items())]
    return Choice(direct if size is None else tiled[size], f"by the cost model, cycles of an image: {', '.join(modelled)}")


def known_images(batch: Dim) -> int:
    """Returns how many images a kernel takes at a time, 1 where that is not known before the run."""
    return batch if isinstance(batch, int) else 1


def describe(spec: object) -> str:
    """Returns the algorithm and tile of a kernel for events and profiles."""
    tile: Tile | None = getattr(spec, "tile", None)
    if tile is None:
        return ""
    shape = f"{tile.rows}x{tile.pixels}x{tile.vectors}"
    return f"winograd F({spec.size}x{spec.size},3x3) {shape}" if isinstance(spec, WinogradKernel) else f"direct {shape}"
