"""Kernels that address by data: gathers, scatters, one_hot, ranges, masks and running sums equal the reference evaluator on three instruction sets."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ngc.codegen.llvm.kernel import KernelSpec
from ngc.codegen.llvm.kernels import gathers, nests
from ngc.codegen.llvm.kernels.cumsum import CumsumKernel
from ngc.codegen.llvm.kernels.expression import N
from ngc.codegen.llvm.kernels.scatter import ScatterKernel
from ngc.ir import opdef
from ngc.target import parse_target
from tests.codegen.llvm.kernels.harness import TARGETS
from tests.codegen.llvm.kernels.test_nests import CUTS, NUMPY, TARGET, check, sample, with_batch
from tests.codegen.llvm.kernels.typed import Memory, execute

DTYPES = st.sampled_from(sorted(NUMPY))
INDICES = st.sampled_from(("i32", "i64"))
DIM = st.sampled_from((1, 2, 3, 5, 17))
BATCH = st.integers(1, 3)


def evaluated(op: str, *arrays: np.ndarray, **attrs: Any) -> np.ndarray:
    """Returns an operator's first result by the reference evaluator."""
    definition = opdef(op)
    return np.asarray(definition.evaluate_arrays(arrays, definition.check_attrs(attrs))[0])


def places(shape: tuple[int, ...], dtype: str, seed: int = 5) -> np.ndarray:
    """Returns indices in the data and outside of it."""
    return np.random.default_rng(seed).integers(-25, 25, shape).astype(NUMPY[dtype])


@settings(deadline=None, max_examples=15)
@given(TARGET, st.lists(DIM, min_size=1, max_size=3), st.lists(DIM, max_size=2), st.data(), BATCH, CUTS, DTYPES, INDICES)
def test_gather(name, shape, indices, data, n, cuts, dtype, index_dtype):
    axis = data.draw(st.integers(0, len(shape) - 1))
    mode = data.draw(st.sampled_from(("clip", "wrap")))
    loops, real = with_batch(tuple(shape), data.draw(st.sampled_from((None, 0))), n)
    x, at = sample(real, dtype), places(tuple(indices), index_dtype)
    spec = gathers.gather(loops, tuple(indices), axis, mode, dtype, index_dtype)
    check(spec, name, [x, at], evaluated("gather", x, at, axis=axis, mode=mode), n, cuts)


@settings(deadline=None, max_examples=15)
@given(TARGET, st.lists(DIM, min_size=1, max_size=3), st.data(), BATCH, CUTS, DTYPES, INDICES)
def test_gather_elements(name, shape, data, n, cuts, dtype, index_dtype):
    axis, count = data.draw(st.integers(0, len(shape) - 1)), data.draw(DIM)
    mode = data.draw(st.sampled_from(("clip", "wrap")))
    loops, real = with_batch(tuple(shape), data.draw(st.sampled_from((None, 0))), n)
    whole = [data.draw(st.booleans()) for _ in shape]
    index_loops = tuple(count if i == axis else dim if whole[i] else 1 for i, dim in enumerate(loops))
    index_real = tuple(count if i == axis else dim if whole[i] else 1 for i, dim in enumerate(real))
    x, at = sample(real, dtype), places(index_real, index_dtype)
    spec = gathers.gather_elements(loops, index_loops, axis, mode, dtype, index_dtype)
    check(spec, name, [x, at], evaluated("gather_elements", x, at, axis=axis, mode=mode), n, cuts)


@settings(deadline=None, max_examples=15)
@given(TARGET, st.lists(DIM, min_size=1, max_size=3), st.lists(DIM, max_size=2), st.data(), BATCH, CUTS, DTYPES, INDICES)
def test_gather_nd(name, shape, batch, data, n, cuts, dtype, index_dtype):
    count = data.draw(st.integers(1, len(shape)))
    loops, real = with_batch(tuple(shape), data.draw(st.sampled_from((None, 0))), n)
    x, at = sample(real, dtype), places((count, *batch), index_dtype)
    check(gathers.gather_nd(loops, (count, *batch), dtype, index_dtype), name, [x, at], evaluated("gather_nd", x, at), n, cuts)


@settings(deadline=None, max_examples=15)
@given(TARGET, st.lists(DIM, min_size=1, max_size=3), st.sampled_from((0, 1, 3, 40)), st.data(), BATCH, CUTS, DTYPES, INDICES)
def test_scatter(name, shape, updates, data, n, cuts, dtype, index_dtype):
    count = data.draw(st.integers(1, len(shape)))
    loops, real = with_batch(tuple(shape), data.draw(st.sampled_from((None, 0, len(shape) - 1))), n)
    x, at = sample(real, dtype), places((count, updates), index_dtype)
    values = sample((updates, *real[count:]), dtype, seed=1)
    spec = ScatterKernel(loops[:count], updates, nests.product(loops[count:]), dtype, index_dtype)
    run_into(spec, name, [at, values], x, evaluated("scatter_nd", x, at, values), n, cuts)


@pytest.mark.parametrize("name", TARGETS)
def test_updates_that_grow_with_the_batch_and_slices_of_several_strips(name):
    x, at = sample((3, 2500)), np.array([[2, 0, 2, 9]], np.int32)
    values = sample((4, 2500), seed=1)
    run_into(ScatterKernel((3,), N(2), 2500), name, [at, values], x, evaluated("scatter_nd", x, at, values), 2, [1, 2])


def run_into(spec: KernelSpec, name: str, inputs: list[np.ndarray], before: np.ndarray, expected: np.ndarray, n: int, cuts: list[int]) -> None:
    """Runs a kernel that writes into a part of what is there."""
    out = Memory.of(before)
    execute(spec, parse_target(name), [*(Memory.of(x) for x in inputs), out], n, cuts)
    np.testing.assert_array_equal(out.array.reshape(expected.shape), expected)


@settings(deadline=None, max_examples=12)
@given(TARGET, st.lists(DIM, min_size=1, max_size=3), st.data(), BATCH, CUTS, DTYPES)
def test_slice_update(name, shape, data, n, cuts, dtype):
    loops, real = with_batch(tuple(shape), data.draw(st.sampled_from((None, 0))), n)
    parts = []
    for dim in loops:
        step = 1 if isinstance(dim, N) else data.draw(st.sampled_from((1, 2, -1, -2)))
        parts.append(slice(0 if isinstance(dim, N) else data.draw(st.integers(0, dim - 1)), None, step))
    x = sample(real, dtype)
    expected = x.copy()
    update = sample(expected[tuple(parts)].shape, dtype, seed=1)
    expected[tuple(parts)] = update
    out = tuple(dim if isinstance(dim, N) else size for dim, size in zip(loops, update.shape, strict=True))
    spec = nests.slice_update(loops, [part.start for part in parts], [part.step for part in parts], out, dtype)
    run_into(spec, name, [update], x, expected, n, cuts)


@settings(deadline=None, max_examples=12)
@given(TARGET, st.lists(DIM, max_size=2), DIM, BATCH, CUTS, DTYPES, INDICES)
def test_one_hot(name, shape, depth, n, cuts, dtype, index_dtype):
    loops, real = with_batch(tuple(shape), 0, n)
    at = np.random.default_rng(0).integers(-2, depth + 2, real).astype(NUMPY[index_dtype])
    expected = evaluated("one_hot", at, depth=depth, on_value=3.0, off_value=1.0, dtype=dtype)
    check(gathers.one_hot(loops, depth, 1.0 if dtype == "bool" else 3.0, 1.0, dtype, index_dtype), name, [at], expected, n, cuts)


@settings(deadline=None, max_examples=12)
@given(TARGET, st.lists(DIM, min_size=1, max_size=3), st.data(), BATCH, CUTS, st.sampled_from(sorted({*NUMPY} - {"bool"})), st.integers(1, 3))
def test_ranges(name, shape, data, n, cuts, dtype, repeat):
    loops, real = with_batch(tuple(shape), data.draw(st.sampled_from((None, 0, len(shape) - 1))), n)
    start, step = (0.5, 0.25) if dtype.startswith("f") else (1.0, 2.0)
    expected = evaluated("iota", np.empty(real, np.int8), start=start, step=step, repeat=repeat, dtype=dtype)
    check(gathers.iota(loops, start, step, repeat, dtype), name, [], expected, n, cuts)


@settings(deadline=None, max_examples=12)
@given(TARGET, st.lists(DIM, min_size=2, max_size=4), st.data(), BATCH, CUTS, DTYPES, INDICES)
def test_sequence_mask(name, shape, data, n, cuts, dtype, length_dtype):
    axis = data.draw(st.sampled_from((0, 1)))
    loops, real = with_batch(tuple(shape), data.draw(st.sampled_from((None, 0, 1))), n)
    x = sample(real, dtype)
    lengths = np.random.default_rng(0).integers(-1, real[axis] + 2, real[1 - axis]).astype(NUMPY[length_dtype])
    expected = evaluated("sequence_mask", x, lengths, axis=axis, value=1.0)
    check(gathers.sequence_mask(loops, axis, 1.0, dtype, length_dtype), name, [x, lengths], expected, n, cuts)


@settings(deadline=None, max_examples=15)
@given(TARGET, DIM, DIM, st.sampled_from((1, 3, 16, 33, 70, 130)), st.booleans(), BATCH, CUTS, st.sampled_from(sorted({*NUMPY} - {"bool"})))
def test_cumsum(name, rows, axis, inner, batched, n, cuts, dtype):
    x = sample((rows * n if batched else rows, axis, inner), dtype)
    spec = CumsumKernel(N(rows) if batched else rows, axis, inner, dtype)
    check(spec, name, [x], evaluated("cumsum", x, axis=1), n, cuts)  # the same additions, one after the other
