"""bf16 tensors in blocks for the kernels' tests: the harness's f32 layout, element by element as 16-bit patterns."""

from dataclasses import replace

import numpy as np
import pytest

from ngc.codegen.llvm.kernel import Geometry
from ngc.codegen.llvm.packing_words import bf16_bits
from ngc.ir.ops.elementwise import cast_array
from ngc.target import host_target, parse_target
from tests.codegen.llvm.kernels.harness import Array, Buffer, blocked, unblocked
from tests.codegen.llvm.kernels.typed import Memory

TARGET = parse_target("cpu:znver4")
"""A processor with `vdpbf16ps`."""

needs_bf16 = pytest.mark.skipif(not all(host_target().has(feature) for feature in TARGET.provided), reason="this processor lacks AVX512-BF16")

HALF_ULP = 2.0**-8
"""The largest relative error of a value rounded to bf16, which has eight significant bits."""


def rounded(values: Array) -> Array:
    """Returns values as bf16 holds them."""
    return cast_array(values, "bf16")


def floats(memory: Memory) -> Array:
    """Returns the values of a memory of bf16 patterns."""
    return (memory.array.astype(np.uint32) << 16).view(np.float32)


def memory(values: Array, geometry: Geometry, halo: float = 0.0) -> Memory:
    """Returns (n, c, d, h, w) values laid out as the geometry says, as bf16 where that is its dtype."""
    array = blocked(values, replace(geometry, dtype="f32"), halo).array
    return Memory.of(bf16_bits(array) if geometry.dtype == "bf16" else array)


def room(geometry: Geometry, n: int) -> Memory:
    """Returns memory for n images, full of NaN."""
    return Memory(n * geometry.stride_n, "uint16" if geometry.dtype == "bf16" else "float32")


def values(memory: Memory, geometry: Geometry, n: int) -> Array:
    """Returns the (n, c, d, h, w) values in a memory; asserts that padding lanes are zero."""
    array = floats(memory) if geometry.dtype == "bf16" else memory.array
    return unblocked(Buffer.of(array), replace(geometry, dtype="f32"), n)
