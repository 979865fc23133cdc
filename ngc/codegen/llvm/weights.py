"""The blob of packed constants: every kernel's weights, one behind the other, aligned to cache lines."""

import contextlib
import mmap
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import numpy as np

from ngc.codegen.llvm.calls import Packed
from ngc.codegen.memory_plan import round_up
from ngc.cpus import available_cpus

SHARED_BYTES = 1 << 16
"""Up to this size equal arrays are kept once; comparing larger ones would cost more time than they ever save."""

Write = Callable[[np.ndarray], Iterable[Callable[[], object]]]
"""Returns the steps that write an array to zeroed memory; they may be done in any order and side by side, from any thread."""


@dataclass(frozen=True)
class _Room:
    """Bytes of the blob that are written when it is finished."""

    offset: int
    size: int
    dtype: np.dtype
    write: Write
    written: Callable[[np.ndarray], object] | None = None


class WeightBlob:
    """Lays constants one behind the other. Large ones are written straight to where they stay, once, when the blob is finished."""

    def __init__(self) -> None:
        self._rooms: list[_Room] = []
        self._known: dict[tuple[str, bytes], Packed] = {}
        self._offset = 0

    def add(self, array: np.ndarray) -> Packed:
        """Adds an array and returns where it will lie."""
        flat = np.ascontiguousarray(array).reshape(-1)
        room = flat.nbytes, flat.dtype, lambda memory: [partial(np.copyto, memory, flat)]
        if flat.nbytes > SHARED_BYTES:
            return self._append(*room)
        key = (flat.dtype.str, flat.tobytes())
        if key not in self._known:
            self._known[key] = self._append(*room)
        return self._known[key]

    def reserve(self, size: int, write: Write, written: Callable[[np.ndarray], object] | None = None) -> Packed:
        """Adds an array that is made at once where it is small, else when the blob is finished; returns where it will lie.

        Args:
            size: float32 elements.
            write: called once with zeros of that size.
            written: called with the same memory when all steps are done, where it is the blob's own and stays as it is.
        """
        dtype = np.dtype(np.float32)
        if size * dtype.itemsize > SHARED_BYTES:
            return self._append(size * dtype.itemsize, dtype, write, written)
        array = np.zeros(size, dtype)
        for step in write(array):
            step()
        return self.add(array)

    def _append(self, size: int, dtype: np.dtype, write: Write, written: Callable[[np.ndarray], object] | None = None) -> Packed:
        place = Packed(self._offset)
        self._rooms.append(_Room(self._offset, size, dtype, write, written))
        self._offset += round_up(size)
        return place

    def finish(self) -> np.ndarray:
        """Returns the blob as bytes that begin at a page; the arrays are dropped, each as soon as it is written.

        What drops an array of its own size comes first, the largest before the others: then the least memory is taken at any time.
        """
        blob = aligned_bytes(self._offset)
        rooms = sorted(self._rooms, key=lambda room: (room.written is not None, room.size))
        self._rooms.clear()
        self._known.clear()
        with ThreadPoolExecutor(available_cpus(), "ngc-pack") as pool:  # numpy lets go of the interpreter while it copies
            while rooms:
                room = rooms.pop()
                memory = blob[room.offset:room.offset + room.size].view(room.dtype)
                for _ in pool.map(_do, room.write(memory)):
                    pass
                if room.written is not None:
                    room.written(memory)
        return blob


def _do(step: Callable[[], object]) -> None:
    step()


def aligned_bytes(size: int) -> np.ndarray:
    """Returns zeroed memory that begins at a page.

    Asks for huge pages: to touch as much memory for the first time in pages of 4 KiB takes four times as long, and kernels that stream weights miss fewer
    translations.
    """
    memory = mmap.mmap(-1, max(size, 1), flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    with contextlib.suppress(OSError):  # a kernel without them
        memory.madvise(mmap.MADV_HUGEPAGE)
    return np.frombuffer(memory, np.uint8)[:size]
