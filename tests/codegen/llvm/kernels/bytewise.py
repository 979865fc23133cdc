"""Tensors of u8 or f32 in blocks for the kernels' tests, and the steps on them as numpy computes them: every operation rounded for itself."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ngc.codegen.llvm.kernel import Geometry
from ngc.ir.reference import saturate_to_u8
from ngc.ir.steps import Step, evaluate_steps
from ngc.target import CpuTarget, host_target, parse_target
from tests.codegen.llvm.kernels.harness import TARGETS, Array, Buffer, blocked, unblocked
from tests.codegen.llvm.kernels.typed import Memory

_NAMED = (*TARGETS, "cpu:skylake-avx512", "cpu:znver4")
"""The last two are AVX-512 without and with `vpdpbusd`."""


def runs(target: CpuTarget) -> bool:
    """Returns whether this machine runs a target's code, or code of another architecture under emulation."""
    host = host_target()
    return target.arch != host.arch or all(host.has(feature) for feature in target.provided)


NAMES = tuple(name for name in dict.fromkeys(_NAMED) if runs(parse_target(name)))
"""The instruction sets on which kernels of integers are tested, each of which has code of its own."""


def numbers(values: NDArray[Any]) -> str:
    """Returns numpy's name of an element type in memory."""
    return "uint8" if values.dtype == np.uint8 else "float32"


def memory(values: NDArray[Any], geometry: Geometry, halo: float = 0.0) -> Memory:
    """Returns (n, c, d, h, w) values laid out as the geometry says; padding lanes are zero."""
    array = blocked(values.astype(np.float32), replace(geometry, dtype="f32"), halo).array
    if geometry.dtype == "f32":
        return Memory.of(array)
    return Memory.of(np.where(np.isnan(array), 255, array).astype(np.uint8))  # NaN lies between the images of a larger tensor


def room(geometry: Geometry, n: int) -> Memory:
    """Returns memory for n images, full of bytes of 0xFF."""
    return Memory(n * geometry.stride_n, "uint8" if geometry.dtype == "u8" else "float32")


def values(memory: Memory, geometry: Geometry, n: int) -> NDArray[Any]:
    """Returns the (n, c, d, h, w) values in a memory; asserts that padding lanes are zero."""
    found = unblocked(Buffer.of(memory.array.astype(np.float32)), replace(geometry, dtype="f32"), n)
    return found.astype(np.uint8) if geometry.dtype == "u8" else found


def stored(results: Array, dtype: str) -> NDArray[Any]:
    """Returns results as a tensor of a dtype holds them."""
    return saturate_to_u8(results) if dtype == "u8" else results


def after(x: Array, steps: Sequence[Step], operands: Sequence[NDArray[Any]]) -> tuple[Array, list[Array]]:
    """Returns f32 values after steps, and what the tees among them store before it is rounded."""
    with np.errstate(all="ignore"):
        return evaluate_steps(steps, operands, x, 1)


def same(got: NDArray[Any], expected: NDArray[Any]) -> bool:
    """Returns whether two arrays hold the same bits."""
    return got.dtype == expected.dtype and got.tobytes() == np.ascontiguousarray(expected).tobytes()
