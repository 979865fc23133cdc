"""Runs one kernel on numpy arrays: blocked buffers with NaN wherever a kernel must not read, and guard bands that it must not write.

The instruction sets are three of x86-64 unless the environment variable NGC_TEST_TARGETS names others, separated by blanks. Code of another architecture than
this machine's runs under emulation.
"""

import ctypes
import os
from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from ngc.codegen.llvm import jit
from ngc.codegen.llvm.kernel import Geometry, KernelSpec
from ngc.target import CpuTarget, host_target, parse_target
from tests.codegen.llvm.emulation import link_kernel, run_kernel

Array = NDArray[np.float32]
Reference = NDArray[np.float64]

TARGETS = tuple(os.environ.get("NGC_TEST_TARGETS", "cpu:x86-64-v4 cpu:x86-64-v3 cpu:x86-64").split())
_SIGNATURE = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64, ctypes.c_int64)
_GUARD = 64
_MARK = np.float32(-12345.678)


def targets() -> list[CpuTarget]:
    """Returns the instruction sets that every kernel is tested on."""
    return [parse_target(name) for name in TARGETS]


class Buffer:
    """A 64-byte aligned array between two guard bands."""

    def __init__(self, size: int, fill: float = np.nan) -> None:
        self._memory = np.full(size + 2 * _GUARD + 16, _MARK, np.float32)
        start = (-self._memory.ctypes.data // 4) % 16
        self.array: Array = self._memory[start + _GUARD:start + _GUARD + size]
        self.array[:] = fill
        self._bands = (self._memory[:start + _GUARD], self._memory[start + _GUARD + size:])

    @property
    def whole(self) -> Array:
        """The array with its guard bands."""
        return self._memory

    @classmethod
    def of(cls, values: Array) -> "Buffer":
        """Returns a buffer that holds the values."""
        buffer = cls(values.size)
        buffer.array[:] = values.reshape(-1)
        return buffer

    def check(self) -> None:
        """Asserts that nothing was written around the array."""
        assert all((band == _MARK).all() for band in self._bands), "a kernel wrote outside its buffer"


def interior(buffer: Array, geometry: Geometry, n: int) -> Array:
    """Returns the view [n][block][d][h][w][lane] of a blocked buffer without its halo."""
    d, h, w = geometry.padded
    images = np.lib.stride_tricks.as_strided(
        buffer, (n, geometry.blocks, d, h, w, geometry.block),
        [4 * s for s in (geometry.stride_n, geometry.block_stride, *geometry.strides, 1)])
    where = tuple(slice(before, before + size) for (before, _), size in zip(geometry.halo, geometry.spatial, strict=True))
    return images[(slice(None), slice(None), *where)]


def blocked(values: Array, geometry: Geometry, halo: float = 0.0) -> Buffer:
    """Returns (n, c, d, h, w) values laid out as the geometry says, padding lanes zero, the halo filled."""
    n, c = values.shape[:2]
    buffer = Buffer(n * geometry.stride_n)
    whole = np.lib.stride_tricks.as_strided(buffer.array, (n, geometry.size), (4 * geometry.stride_n, 4))
    whole[:] = halo
    lanes = np.zeros((n, geometry.blocks * geometry.block, *values.shape[2:]), np.float32)
    lanes[:, :c] = values
    lanes = lanes.reshape(n, geometry.blocks, geometry.block, *values.shape[2:])
    interior(buffer.array, geometry, n)[:] = np.moveaxis(lanes, 2, -1)
    return buffer


def unblocked(buffer: Buffer, geometry: Geometry, n: int) -> Array:
    """Returns the (n, c, d, h, w) values of a blocked buffer; asserts that its padding lanes are zero."""
    values = np.moveaxis(interior(buffer.array, geometry, n), -1, 2)
    values = values.reshape(n, geometry.blocks * geometry.block, *geometry.spatial)
    assert (values[:, geometry.channels:] == 0).all(), "padding lanes are not zero"
    return values[:, :geometry.channels].copy()


def halo_untouched(buffer: Buffer, geometry: Geometry, n: int) -> bool:
    """Returns whether all of a buffer that was full of NaN is still so but for its interior; destroys the interior."""
    interior(buffer.array, geometry, n)[:] = np.nan
    return bool(np.isnan(buffer.array).all())


@lru_cache(maxsize=256)
def _image(text: str, target: CpuTarget) -> bytes:
    return jit.compile_object(f'target triple = "{target.triple}"\n{text}', target.cpu, target.features)


@lru_cache(maxsize=256)
def _load(text: str, symbol: str, target: CpuTarget) -> tuple[jit.Library, object]:
    library = jit.Library({symbol: _image(text, target)})
    return library, _SIGNATURE(library.addresses[symbol])


def call(text: str, symbol: str, target: CpuTarget, memories: Mapping[int, np.ndarray], pointers: Sequence[int], n: int,
         parts: Sequence[tuple[int, int]]) -> None:
    """Calls a function with the kernels' signature for each part of its work, in this process or under emulation.

    Args:
        text: the module that defines the function.
        symbol: its name.
        target: what it is compiled for.
        memories: the arrays that it may touch, by address.
        pointers: the addresses of its operands, inside of those arrays.
        n: the batch.
        parts: ranges of work items.
    """
    if target.arch != host_target().arch:
        run_kernel(link_kernel(_image(text, target), symbol, target), memories, pointers, n, parts)
        return
    _, function = _load(text, symbol, target)
    args = (ctypes.c_void_p * len(pointers))(*pointers)
    for begin, end in parts:
        function(args, n, begin, end)  # type: ignore[operator]


def run_parts(spec: KernelSpec, target: CpuTarget, memories: Mapping[int, np.ndarray], pointers: Sequence[int], n: int, cuts: Sequence[int]) -> None:
    """Runs all work items of a kernel, cut at the given items and the parts in reverse order."""
    a, b = spec.work
    total = a * n + b
    edges = [0, *sorted(min(cut, total) for cut in cuts), total]
    call(spec.emit(target), spec.symbol(target), target, memories, pointers, n, list(pairwise(edges))[::-1])


def run(spec: KernelSpec, target: CpuTarget, buffers: Sequence[Buffer], n: int, cuts: Sequence[int] = ()) -> None:
    """Runs all work items of a kernel, cut at the given items and the parts in reverse order; checks the guard bands."""
    memories = {buffer.whole.ctypes.data: buffer.whole for buffer in buffers}
    run_parts(spec, target, memories, [buffer.array.ctypes.data for buffer in buffers], n, cuts)
    for buffer in buffers:
        buffer.check()


def convolution(x: Array, w: Array, stride: Sequence[int], dilation: Sequence[int], pad: Sequence[int], out: Sequence[int], groups: int,
                fill: float = 0.0) -> tuple[Reference, Reference]:
    """Returns the direct convolution (n, c, d, h, w) by (o, c/groups, kd, kh, kw) in float64, and the sum of the magnitudes of its terms."""
    n, (outputs, inputs, *kernel) = x.shape[0], w.shape
    reach = [max(0, (o - 1) * s + (k - 1) * d + 1 - p - size)
             for o, s, k, d, p, size in zip(out, stride, kernel, dilation, pad, x.shape[2:], strict=True)]
    padded = np.pad(x.astype(np.float64), [(0, 0), (0, 0), *((max(0, p), r) for p, r in zip(pad, reach, strict=True))], constant_values=fill)
    result, magnitude = np.zeros((2, n, outputs, *out))
    for tap in np.ndindex(*kernel):
        first = [t * d - p + max(0, p) for t, d, p in zip(tap, dilation, pad, strict=True)]
        window = padded[(slice(None), slice(None), *(slice(f, f + (o - 1) * s + 1, s) for f, o, s in zip(first, out, stride, strict=True)))]
        for g in range(groups):
            rows = slice(g * (outputs // groups), (g + 1) * (outputs // groups))
            part = window[:, g * inputs:(g + 1) * inputs]
            weights = w[rows][(slice(None), slice(None), *tap)].astype(np.float64)
            result[:, rows] += np.einsum("oc,ncdhw->nodhw", weights, part)
            magnitude[:, rows] += np.einsum("oc,ncdhw->nodhw", abs(weights), abs(part))
    return result, magnitude


def assert_close(got: Array, expected: Reference, magnitude: Reference, terms: int) -> None:
    """Asserts that a sum of `terms` products in single precision is as near as the worst case of rounding allows."""
    allowed = (terms + 4) * 2.0**-24 * magnitude + 1e-30
    assert not np.isnan(got).any()
    worst = np.max(abs(got - expected) - allowed, initial=-1.0)
    assert worst <= 0, f"off by {np.max(abs(got - expected))}"
