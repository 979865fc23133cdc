"""Tests of layer normalization against numpy in float64."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ngc.codegen.llvm.kernels.expression import N
from ngc.codegen.llvm.kernels.layer_norm import LayerNormKernel
from ngc.codegen.llvm.packing_words import bf16_bits
from ngc.target import parse_target
from tests.codegen.llvm.kernels import bfloat
from tests.codegen.llvm.kernels.harness import TARGETS
from tests.codegen.llvm.kernels.typed import Memory, execute

NUMPY = {"f32": np.float32, "f64": np.float64, "f16": np.float16}
HALF_ULP = {"f32": 2.0**-24, "f64": 2.0**-53, "f16": 2.0**-11, "bf16": 2.0**-8}


def stored(values: np.ndarray, dtype: str) -> tuple[Memory, np.ndarray]:
    """Returns numbers as a dtype holds them, in memory and as float64."""
    if dtype == "bf16":
        rounded = bfloat.rounded(values.astype(np.float32))
        return Memory.of(bf16_bits(rounded)), rounded.astype(np.float64)
    typed = values.astype(NUMPY[dtype])
    return Memory.of(typed), typed.astype(np.float64)


def read(memory: Memory, dtype: str) -> np.ndarray:
    return (bfloat.floats(memory) if dtype == "bf16" else memory.array).astype(np.float64)


@settings(deadline=None, max_examples=40)
@given(st.sampled_from(TARGETS), st.integers(1, 3), st.integers(1, 3), st.integers(1, 40) | st.sampled_from((128, 131, 768)),
       st.sampled_from((1, 1, 1, 5, 33, 150)), st.sampled_from(tuple(HALF_ULP)), st.lists(st.integers(0, 20), max_size=3))
def test_layer_norm_is_numpys(name, n, rows, axis, inner, dtype, cuts):
    kernel = LayerNormKernel(N(rows), axis, inner, 1e-3, dtype)
    rng = np.random.default_rng(axis)
    x, wide = stored(rng.normal(size=(n * rows, axis, inner)) + 3, dtype)
    (gamma, scale), (beta, shift) = (stored(rng.normal(size=axis), dtype) for _ in range(2))
    results = []
    for edges in ([], cuts):
        y = Memory(wide.size, str(x.array.dtype))
        execute(kernel, parse_target(name), [x, gamma, beta, y], n, edges)
        results.append(read(y, dtype).reshape(wide.shape))
    centred = wide - wide.mean(axis=1, keepdims=True)
    expected = centred / np.sqrt(np.square(centred).mean(axis=1, keepdims=True) + 1e-3) * scale[:, None] + shift[:, None]
    # Sums of `axis` numbers of magnitude 3 to 7 lose as many roundings at worst; one by 1e-3 at least then scales what is left.
    unit = HALF_ULP["f64" if dtype == "f64" else "f32"]
    allowed = unit * (axis + 8) * 7 / 0.03 * (1 + abs(scale[:, None])) + HALF_ULP[dtype] * abs(expected)
    assert (abs(results[0] - expected) <= allowed).all()
    assert np.array_equal(*results), "a partition of the work changed the result"


@pytest.mark.parametrize("name", TARGETS)
def test_a_large_mean_costs_no_digits(name):
    x = (np.arange(64) % 2 + 4096.0).astype(np.float32)  # sums are exact
    ones, zeros, y = Memory.of(np.ones(64, np.float32)), Memory.of(np.zeros(64, np.float32)), Memory(64)
    execute(LayerNormKernel(1, 64, 1, 0.0), parse_target(name), [Memory.of(x), ones, zeros, y], 1)
    np.testing.assert_array_equal(y.array, np.where(np.arange(64) % 2, 1, -1))
