"""Pooling of blocked tensors: windows are clipped at the borders, so no halo is read and no fill value matters."""

from dataclasses import dataclass
from math import prod

from ngc.codegen.llvm.kernel import Geometry, KernelSpec, Spatial, StepSpec
from ngc.errors import CodegenError
from ngc.target import CpuTarget

_ITEM_LOADS = 2048
"""Vectors that a work item reads at least, where there are that many."""


@dataclass(frozen=True)
class PoolKernel(KernelSpec):
    """Pools windows of x to the pixels of y, channel by channel; the halo of y is not written, its padding lanes are zero.

    args: x, y. Work items: groups of output rows of each image and channel block. Tensors of bf16 are computed in f32 and rounded once.
    Sums of u8 are exact; an average is their quotient by the window's elements, rounded once.

    Attributes:
        x: the input.
        y: the output; its spatial extents say how many windows there are, some of which may lie beyond the input.
        kind: max (which passes over NaN, as MXNet's does), avg, sum or lp.
        kernel: extents of the window.
        stride: from one window to the next.
        pad: how far the first window begins before the input, and as far the last may end behind it.
        count_include_pad: whether avg divides by the window clipped at input and padding, not at the input alone.
        p: for lp, 1, 2 or 3: the p-th root of the sum of p-th powers, without absolute values.
        steps: what is done with a pooled value before it is stored; steps without operands, on floats.

    Windows that miss the input give -3.4e38, and 0 for sums and averages, as in MXNet.
    """

    x: Geometry
    y: Geometry
    kind: str
    kernel: Spatial
    stride: Spatial = (1, 1, 1)
    pad: Spatial = (0, 0, 0)
    count_include_pad: bool = True
    p: int = 2
    steps: tuple[StepSpec, ...] = ()

    def __post_init__(self) -> None:
        if self.kind not in ("max", "avg", "sum", "lp") or self.p not in (1, 2, 3):
            raise CodegenError(f"pooling is max, avg, sum or lp with p 1, 2 or 3, not {self.kind} with p {self.p}")
        if (self.x.channels, self.x.block) != (self.y.channels, self.y.block):
            raise CodegenError(f"pooling keeps channels and block: {self.x} to {self.y}")
        if self.is_integer and self.kind == "max":
            legal = self.x.dtype == self.y.dtype and self.x.dtype in ("i8", "u8", "i32") and not self.steps
        else:
            legal = self.x.dtype in ("f32", "bf16", "u8") and self.y.dtype in ("f32", "bf16", "u8") and not (self.is_integer and self.kind == "lp")
        if not legal:
            raise CodegenError("pooling takes floats, the largest of integers, and sums and averages of u8, "
                               f"not {self.kind} of {self.x.dtype} to {self.y.dtype}")
        if any(step.operands for step in self.steps):
            raise CodegenError("steps of a pool have no operands")

    @property
    def is_integer(self) -> bool:
        """Whether integers are pooled."""
        return self.x.dtype not in ("f32", "bf16")

    @property
    def group(self) -> int:
        """Output rows of a work item, a divisor of their number."""
        height, width = self.y.spatial[1:]
        cost = width * prod(min(k, size) for k, size in zip(self.kernel, self.x.spatial, strict=True))
        wanted = min(height, max(1, _ITEM_LOADS // cost))
        return next(rows for rows in range(wanted, 0, -1) if height % rows == 0)

    @property
    def work(self) -> tuple[int, int]:
        """Returns the number of items."""
        depth, height, _ = self.y.spatial
        return self.y.blocks * depth * (height // self.group), 0

    def flops(self) -> int:
        """Returns one operation for each element of each window."""
        return self.y.channels * prod(self.y.spatial) * prod(self.kernel)

    # -- windows, along one dimension -------------------------------------------------------------------------------

    def window(self, dimension: int, position: int) -> tuple[int, int, int]:
        """Returns the first and last (exclusive) input index of a window, clipped, and its extent as a divisor."""
        size, k, p = self.x.spatial[dimension], self.kernel[dimension], self.pad[dimension]
        start = position * self.stride[dimension] - p
        padded_end = min(start + k, size + p)
        first, last = max(start, 0), min(padded_end, size)
        return first, max(first, last), padded_end - start if self.count_include_pad else last - first

    def is_inside(self, dimension: int, position: int) -> bool:
        """Returns whether a window needs no clipping."""
        start = position * self.stride[dimension] - self.pad[dimension]
        return start >= 0 and start + self.kernel[dimension] <= self.x.spatial[dimension]

    def inside(self, dimension: int) -> tuple[int, int]:
        """Returns the range of windows that need no clipping."""
        positions = [at for at in range(self.y.spatial[dimension]) if self.is_inside(dimension, at)]
        return (positions[0], positions[-1] + 1) if positions else (0, 0)

    def has_empty_windows(self) -> bool:
        """Returns whether a window lies outside the input."""
        return any(
            first == last
            for dimension, count in enumerate(self.y.spatial)
            for first, last, _ in [self.window(dimension, count - 1), self.window(dimension, 0)]
        )

    def emit(self, target: CpuTarget) -> str:
        """Returns the module."""
        from ngc.codegen.llvm.kernels.pool_emit import PoolEmitter

        module, b = self.open(target)
        PoolEmitter(self, b, target).emit()
        b.ret()
        return str(module)
