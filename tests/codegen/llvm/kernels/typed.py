"""Buffers of any dtype between guard bands, and the run of a kernel on them; `harness` has the same for floats in blocks."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ngc.codegen.llvm.kernel import KernelSpec
from ngc.target import CpuTarget
from tests.codegen.llvm.kernels.harness import run_parts

_GUARD_BYTES = 256
_MARK = 0xA5


class Memory:
    """A 64-byte aligned array of any dtype between two guard bands, full of 0xFF bytes (NaN for floats) at first."""

    def __init__(self, size: int, dtype: str = "float32") -> None:
        count = size * np.dtype(dtype).itemsize
        self._bytes = np.full(count + 2 * _GUARD_BYTES + 64, _MARK, np.uint8)
        start = -self._bytes.ctypes.data % 64 + _GUARD_BYTES
        self.array = self._bytes[start : start + count].view(dtype)
        self.array.view(np.uint8)[:] = 0xFF
        self._bands = self._bytes[:start], self._bytes[start + count :]

    @property
    def whole(self) -> NDArray[np.uint8]:
        """The array's bytes with their guard bands."""
        return self._bytes

    @classmethod
    def of(cls, values: NDArray[np.generic]) -> "Memory":
        """Returns a buffer that holds the values, row-major."""
        memory = cls(values.size, str(values.dtype))
        memory.array[:] = values.reshape(-1)
        return memory

    def check(self) -> None:
        """Asserts that nothing was written around the array."""
        assert all((band == _MARK).all() for band in self._bands), "a kernel wrote outside its buffer"


def execute(spec: KernelSpec, target: CpuTarget, memories: Sequence[Memory], n: int, cuts: Sequence[int] = ()) -> None:
    """Runs all work items of a kernel, cut at the given items and the parts in reverse order; checks the guard bands."""
    run_parts(spec, target, {memory.whole.ctypes.data: memory.whole for memory in memories}, [memory.array.ctypes.data for memory in memories], n, cuts)
    for memory in memories:
        memory.check()
