"""The blob of packed constants: every kernel's weights, each once, aligned to cache lines."""

import hashlib

import numpy as np

from ngc.codegen.llvm.calls import Packed
from ngc.codegen.memory_plan import ALIGNMENT, round_up


class WeightBlob:
    """Collects arrays and lays them one behind the other; equal arrays are kept once."""

    def __init__(self) -> None:
        self._arrays: list[np.ndarray] = []
        self._known: dict[tuple[str, int, bytes], Packed] = {}
        self._offset = 0

    def add(self, array: np.ndarray) -> Packed:
        """Adds an array and returns where it will lie."""
        flat = np.ascontiguousarray(array).reshape(-1)
        key = (flat.dtype.str, flat.size, hashlib.blake2b(flat.view(np.uint8).data if flat.size else b"", digest_size=16).digest())
        if key not in self._known:
            self._known[key] = Packed(self._offset)
            self._arrays.append(flat)
            self._offset += round_up(flat.nbytes)
        return self._known[key]

    def finish(self) -> np.ndarray:
        """Returns the blob as bytes that begin at a cache line; the arrays are dropped."""
        blob = aligned_bytes(self._offset)
        position = 0
        for array in self._arrays:
            blob[position:position + array.nbytes] = array.view(np.uint8)
            position += round_up(array.nbytes)
        self._arrays.clear()
        return blob


def aligned_bytes(size: int) -> np.ndarray:
    """Returns zeroed memory that begins at a cache line."""
    raw = np.zeros(size + ALIGNMENT, np.uint8)
    start = -raw.ctypes.data % ALIGNMENT
    return raw[start:start + size]
