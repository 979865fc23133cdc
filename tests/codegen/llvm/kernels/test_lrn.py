"""Tests of local response normalization and of copies."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ngc.codegen.llvm.kernels.copy import CopyKernel
from ngc.codegen.llvm.kernels.lrn import LrnKernel
from ngc.target import parse_target
from tests.codegen.llvm.kernels.harness import TARGETS
from tests.codegen.llvm.kernels.typed import Memory, execute


@settings(deadline=None, max_examples=30)
@given(
    st.sampled_from(TARGETS), st.integers(1, 2), st.integers(1, 20), st.integers(1, 40) | st.sampled_from((64, 700)),
    st.sampled_from((1, 3, 5, 9)), st.sampled_from((0.75, 0.5, 1.0, 2.3)), st.lists(st.integers(0, 6), max_size=2),
)  # fmt: skip
def test_lrn_is_mxnets(name, n, channels, pixels, size, beta, cuts):
    kernel = LrnKernel(channels, pixels, size, alpha=0.3, beta=beta, knorm=1.5)
    x = np.random.default_rng(0).normal(size=(n, channels, pixels)).astype(np.float32)
    y = Memory(x.size)
    execute(kernel, parse_target(name), [Memory.of(x), y], n, cuts)
    squares = np.pad(x.astype(np.float64) ** 2, ((0, 0), (size // 2, size // 2), (0, 0)))
    window = sum(squares[:, i : i + channels] for i in range(size))
    # the power's exponent times a few units in the last place
    np.testing.assert_allclose(y.array.reshape(x.shape), x * (1.5 + 0.3 / size * window) ** -beta, rtol=2e-6, atol=1e-30)


@pytest.mark.parametrize("name", TARGETS)
@pytest.mark.parametrize("size", [1, 63, 64, 1000, 1 << 15, 100_003])
@pytest.mark.parametrize("per_image", [True, False])
def test_copies_move_every_byte(name, size, per_image):
    count = 3 * size if per_image else size
    source = np.random.default_rng(0).integers(0, 256, count).astype(np.uint8)
    target = Memory(count, "uint8")
    execute(CopyKernel(size, per_image), parse_target(name), [Memory.of(source), target], 3, [1, 4])
    np.testing.assert_array_equal(target.array, source)
