"""Softmax, its logarithm and softmin along one axis, stable for any input: the largest element is subtracted first."""

from dataclasses import dataclass
from functools import cached_property

from ngc.codegen.llvm.kernel import KernelSpec
from ngc.codegen.llvm.kernels.expression import N
from ngc.errors import CodegenError
from ngc.target import CpuTarget

_ITEM_ELEMENTS = 4096


@dataclass(frozen=True)
class SoftmaxKernel(KernelSpec):
    """Softmax over the middle axis of plain tensors [outer][axis][inner] of floats.

    args: x, [lengths], y; x and y may be the same. Work items: rows, or where inner > 1 strips of columns.

    Attributes:
        outer: number of rows, `N(k)` for k times the batch.
        axis: elements along the axis.
        inner: elements between neighbours on the axis.
        kind: softmax, log_softmax or softmin.
        temperature: what the input is divided by.
        dtype: of the elements, any of floats; those of 16 bits are computed with as f32.
        lengths: the dtype (i32 or i64) of the lengths [outer][inner], past which elements do not count and results are 0; or None.
    """

    outer: int | N
    axis: int
    inner: int = 1
    kind: str = "softmax"
    temperature: float = 1.0
    lengths: str | None = None
    dtype: str = "f32"

    def __post_init__(self) -> None:
        if self.kind not in ("softmax", "log_softmax", "softmin") or self.lengths not in (None, "i32", "i64"):
            raise CodegenError(f"softmax is softmax, log_softmax or softmin with integer lengths, not {self.kind} with {self.lengths}")

    @cached_property
    def strip(self) -> int:
        """Columns of a work item."""
        return min(self.inner, max(64, _ITEM_ELEMENTS // self.axis // 64 * 64))

    @property
    def work(self) -> tuple[int, int]:
        """Returns the number of items."""
        strips = -(-self.inner // self.strip)
        return (self.outer.coefficient * strips, 0) if isinstance(self.outer, N) else (0, self.outer * strips)

    def flops(self) -> int:
        """Returns twenty operations an element: most of them the exponential's."""
        rows = self.outer.coefficient if isinstance(self.outer, N) else self.outer
        return 20 * rows * self.axis * self.inner

    def emit(self, target: CpuTarget) -> str:
        """Returns the module."""
        from ngc.codegen.llvm.kernels.softmax_emit import SoftmaxEmitter

        module, b = self.open(target)
        SoftmaxEmitter(self, b, target).emit()
        b.ret()
        return str(module)
