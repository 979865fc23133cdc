"""The first elements of rows in sorted order, with their indices.

An element and its index make one unsigned integer, the *word*: the element in high bits, so that integers compare as the elements do, and the index below.
Words are distinct, so that any sort is stable, and of equal elements the lower index comes first. Elements of up to 32 bits make words of 64, others of 128.

A row of which most is wanted is sorted as a whole. Of longer ones a buffer holds the candidates: words below the k-th of those seen so far. When it is
full it is sorted and its first k stay, so that n elements cost at most n/(capacity - k) sorts of the buffer, whatever their order.
"""

from dataclasses import dataclass

from ngc.codegen.llvm.kernel import KernelSpec
from ngc.codegen.llvm.kernels.elements import SIZES
from ngc.codegen.llvm.kernels.expression import Extent, N
from ngc.codegen.llvm.kernels.merge_sort import RUN
from ngc.target import CpuTarget

_LEAST_CAPACITY = 256


@dataclass(frozen=True)
class TopkKernel(KernelSpec):
    """Writes the k largest or smallest elements along the middle axis of a plain [rows][axis][inner] tensor, and their indices as i32.

    NaN is larger than all numbers, -0 equals 0.

    args: x, values, indices, this thread's scratch of `scratch_bytes`. Work items: rows, one for each of `inner`.
    """

    rows: Extent
    axis: int
    inner: int
    k: int
    largest: bool
    dtype: str = "f32"

    @property
    def word_bits(self) -> int:
        """Bits of a word."""
        return 64 if SIZES[self.dtype] <= 4 else 128

    @property
    def capacity(self) -> int:
        """Words of the buffer, a multiple of `RUN`: the whole row, or some times k where that is much less."""
        whole = -(-self.axis // RUN) * RUN
        some = max(_LEAST_CAPACITY, -(-4 * self.k // RUN) * RUN)
        return some if 2 * some <= whole else whole

    @property
    def selects(self) -> bool:
        """Whether a row passes through a buffer that is shorter than it."""
        return self.capacity < self.axis

    @property
    def scratch_bytes(self) -> int:
        """Bytes of scratch that each thread must bring: the buffer, and as much again for merging."""
        return 2 * self.capacity * self.word_bits // 8

    @property
    def work(self) -> tuple[int, int]:
        """Returns the number of rows."""
        return (self.rows.coefficient * self.inner, 0) if isinstance(self.rows, N) else (0, self.rows * self.inner)

    def flops(self) -> int:
        """Returns a comparison for each level of each element's merges."""
        rows = self.rows.coefficient if isinstance(self.rows, N) else self.rows
        return rows * self.inner * self.axis * max(1, (self.capacity - 1).bit_length())

    def emit(self, target: CpuTarget) -> str:
        """Returns the module."""
        from ngc.codegen.llvm.kernels.topk_emit import TopkEmitter

        module, b = self.open(target)
        TopkEmitter(self, b, target).emit()
        return str(module)
