"""The blob of packed constants: every kernel's weights, one behind the other, aligned to cache lines."""

import numpy as np

from ngc.codegen.llvm.calls import Packed
from ngc.codegen.memory_plan import ALIGNMENT, round_up

SHARED_BYTES = 1 << 16
"""Up to this size equal arrays are kept once; hashing larger ones would cost more time than they ever save."""


class WeightBlob:
    """Collects arrays and lays them one behind the other."""

    def __init__(self) -> None:
        self._arrays: list[np.ndarray] = []
        self._known: dict[tuple[str, bytes], Packed] = {}
        self._offset = 0

    def add(self, array: np.ndarray) -> Packed:
        """Adds an array and returns where it will lie."""
        flat = np.ascontiguousarray(array).reshape(-1)
        if flat.nbytes > SHARED_BYTES:
            return self._append(flat)
        key = (flat.dtype.str, flat.tobytes())
        if key not in self._known:
            self._known[key] = self._append(flat)
        return self._known[key]

    def _append(self, flat: np.ndarray) -> Packed:
        place = Packed(self._offset)
        self._arrays.append(flat)
        self._offset += round_up(flat.nbytes)
        return place

    def finish(self) -> np.ndarray:
        """Returns the blob as bytes that begin at a cache line; the arrays are dropped."""
        blob = aligned_bytes(self._offset)
        position = 0
        for array in self._arrays:
            end = position + array.nbytes
            blob[position:end] = array.view(np.uint8)
            position += round_up(array.nbytes)
            blob[end:position] = 0
        self._arrays.clear()
        self._known.clear()
        return blob


def aligned_bytes(size: int) -> np.ndarray:
    """Returns uninitialized memory that begins at a cache line.

    For large arrays `np.empty` asks Linux for huge pages, which `np.zeros` does not: kernels that stream weights then miss the translation buffer rarely.
    """
    raw = np.empty(size + ALIGNMENT, np.uint8)
    start = -raw.ctypes.data % ALIGNMENT
    return raw[start:start + size]
