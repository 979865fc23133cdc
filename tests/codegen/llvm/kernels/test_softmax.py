"""Tests of softmax and its relatives against numpy in float64."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ngc.codegen.llvm.kernels.expression import N
from ngc.codegen.llvm.kernels.softmax import SoftmaxKernel
from ngc.errors import CodegenError
from ngc.target import parse_target
from tests.codegen.llvm.kernels.harness import TARGETS
from tests.codegen.llvm.kernels.test_layer_norm import HALF_ULP, read, stored
from tests.codegen.llvm.kernels.typed import Memory, execute


def reference(kernel: SoftmaxKernel, x: np.ndarray, lengths: np.ndarray | None) -> np.ndarray:
    """Returns MXNet's softmax of [outer][axis][inner]."""
    x = x.astype(np.float64) / kernel.temperature * (-1 if kernel.kind == "softmin" else 1)
    valid = np.ones(x.shape, bool) if lengths is None else np.arange(x.shape[1])[None, :, None] < lengths[:, None, :]
    with np.errstate(all="ignore"):
        e = np.where(valid, np.exp(x - np.max(x, axis=1, keepdims=True, where=valid, initial=-np.inf)), 0)
        y = e / e.sum(1, keepdims=True)
        return np.where(valid, np.log(y) if kernel.kind == "log_softmax" else y, 0)


@settings(deadline=None, max_examples=50)
@given(
    st.sampled_from(TARGETS), st.integers(1, 3), st.integers(1, 4), st.integers(1, 40) | st.sampled_from((128, 131, 1000)),
    st.sampled_from((1, 1, 2, 7, 16, 33, 70, 200)), st.sampled_from(("softmax", "log_softmax", "softmin")),
    st.sampled_from((1.0, 0.5, 3.0)), st.sampled_from((None, None, "i32", "i64")), st.lists(st.integers(0, 40), max_size=3),
)  # fmt: skip
def test_softmax_is_numpys(name, n, rows, axis, inner, kind, temperature, lengths, cuts):
    kernel = SoftmaxKernel(N(rows), axis, inner, kind, temperature, lengths)
    rng = np.random.default_rng(0)
    x = (rng.normal(size=(n * rows, axis, inner)) * 10).astype(np.float32)
    given_lengths = rng.integers(0, axis + 2, (n * rows, inner)).astype({"i32": np.int32, "i64": np.int64}[lengths]) if lengths else None
    y = Memory(x.size)
    memories = [Memory.of(x), *([Memory.of(given_lengths)] if lengths else []), y]
    execute(kernel, parse_target(name), memories, n, cuts)
    # the exponent is as far from exact as the rounding of the input's largest magnitude, here 60 / temperature
    np.testing.assert_allclose(y.array.reshape(x.shape), reference(kernel, x, given_lengths), rtol=2e-5, atol=2e-5 if kind == "log_softmax" else 1e-37)
    memories[-1] = whole = Memory(x.size)
    execute(kernel, parse_target(name), memories, n)
    np.testing.assert_array_equal(whole.array, y.array)


@pytest.mark.parametrize("name", TARGETS)
@pytest.mark.parametrize("dtype", ["f16", "bf16", "f64"])
@pytest.mark.parametrize(("axis", "inner"), [(5, 1), (131, 1), (40, 1), (5, 3), (9, 33)])
@pytest.mark.parametrize("kind", ["softmax", "log_softmax"])
def test_softmax_of_other_floats(name, dtype, axis, inner, kind):
    kernel = SoftmaxKernel(3, axis, inner, kind, lengths="i32" if kind == "softmax" else None, dtype=dtype)
    rng = np.random.default_rng(axis)
    x, wide = stored(rng.normal(size=(3, axis, inner)), dtype)
    lengths = rng.integers(0, axis + 1, (3, inner)).astype(np.int32) if kernel.lengths else None
    y = Memory(wide.size, str(x.array.dtype))
    execute(kernel, parse_target(name), [x, *([Memory.of(lengths)] if lengths is not None else []), y], 1, [2])
    expected = reference(kernel, wide, lengths)
    unit = 2.0**-53 if dtype == "f64" else 2.0**-24
    # The exponential of a number of magnitude 8, a sum of up to 131 terms, and one rounding to the element type; f16 has denormals below 6e-5.
    np.testing.assert_allclose(read(y, dtype).reshape(wide.shape), expected, rtol=150 * unit + 1.01 * HALF_ULP[dtype],
                               atol=150 * unit + (2.0**-25 if dtype == "f16" else 0))


@pytest.mark.parametrize("name", TARGETS)
@pytest.mark.parametrize("inner", [1, 20])
def test_softmax_in_place_and_of_extreme_rows(name, inner):
    rows = np.float32([[1e30, -1e30, 0], [-np.inf, 0, 0], [np.nan, 0, 0], [-np.inf] * 3, [88, 89, 90], [-1e4, -1e4, -2e4]])
    x = Memory.of(np.repeat(rows[:, :, None], inner, axis=2))
    execute(SoftmaxKernel(6, 3, inner), parse_target(name), [x, x], 1)
    expected = np.float64([[1, 0, 0], [0, 0.5, 0.5], [np.nan] * 3, [np.nan] * 3, np.exp([-2, -1, 0]) / np.exp([-2, -1, 0]).sum(), [0.5, 0.5, 0]])
    # a few units in the last place
    np.testing.assert_allclose(x.array.reshape(6, 3, inner), np.repeat(expected[:, :, None], inner, axis=2), rtol=3e-7)


def test_unknown_softmaxes_are_refused():
    with pytest.raises(CodegenError, match="softmax, log_softmax or softmin"):
        SoftmaxKernel(1, 2, kind="sparsemax")
