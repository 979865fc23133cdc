"""Arenas: the scratch memory of a run, taken from a bounded pool and given back."""

import os
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from ngc.codegen.memory_plan import ALIGNMENT

POOL_SIZE = 8
"""How many idle arenas an executable keeps: as many concurrent runs as are common; more are made on demand and freed after use."""

POISON = 0xFF
"""A byte that fills memory with NaN whatever the width of the floats in it."""


class ArenaPool:
    """Hands out zero-or-garbage memory that begins at a cache line; concurrent runs get different arenas."""

    def __init__(self) -> None:
        self._idle: list[np.ndarray] = []
        self._lock = threading.Lock()
        _pools.add(self)

    def after_fork(self) -> None:
        """Gives a forked child a lock that nobody holds."""
        self._lock = threading.Lock()

    @contextmanager
    def take(self, size: int, *, poison: bool = False) -> Iterator[int]:
        """Yields the address of an arena of at least `size` bytes; with `poison` every float in it, of 16, 32 or 64 bits, is NaN first."""
        with self._lock:
            index = next((i for i, arena in enumerate(self._idle) if arena.size >= size), None)
            arena = self._idle.pop(index) if index is not None else None
        if arena is None:
            raw = np.empty(size + ALIGNMENT, np.uint8)
            start = -raw.ctypes.data % ALIGNMENT
            arena = raw[start:start + size]
        if poison:
            arena.fill(POISON)
        try:
            yield arena.ctypes.data
        finally:
            with self._lock:
                self._idle.append(arena)
                # The largest are kept: they serve every batch.
                self._idle.sort(key=lambda kept: -kept.size)
                del self._idle[POOL_SIZE:]

    @property
    def idle_bytes(self) -> int:
        """Bytes that the pool holds at the moment."""
        with self._lock:
            return sum(arena.size for arena in self._idle)


_pools: weakref.WeakSet[ArenaPool] = weakref.WeakSet()


def _after_fork() -> None:
    for pool in list(_pools):
        pool.after_fork()


os.register_at_fork(after_in_child=_after_fork)
