"""Tests of products of matrices against numpy in float64: matrices at any strides, on three instruction sets."""

from math import prod

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ngc.codegen.llvm.kernel import StepSpec
from ngc.codegen.llvm.kernels.expression import N
from ngc.codegen.llvm.kernels.matmul import MatmulKernel
from ngc.codegen.llvm.kernels.matrices import Matrices
from ngc.codegen.llvm.packing import pack_channels
from ngc.errors import CodegenError
from ngc.target import parse_target
from tests.codegen.llvm.kernels.harness import TARGETS, Buffer, assert_close, run

Axes = tuple[int, int, int]


def laid_out(values: np.ndarray, order: Axes, gap: int) -> tuple[Buffer, Matrices]:
    """Returns a batch of matrices in memory, its axes in some order and rows of the last one `gap` elements apart, NaN between, and where they lie."""
    shape = [values.shape[axis] for axis in order]
    buffer = Buffer(prod(shape[:2]) * (shape[2] + gap))
    buffer.array.reshape(*shape[:2], -1)[:, :, :shape[2]] = values.transpose(order)
    return buffer, lie_of(values.shape, order, gap)


def lie_of(sizes: tuple[int, ...], order: Axes, gap: int) -> Matrices:
    """Returns where such matrices lie."""
    shape = [sizes[axis] for axis in order]
    strides = dict(zip(order, (shape[1] * (shape[2] + gap), shape[2] + gap, 1), strict=True))
    return Matrices(strides[1], strides[2], ((sizes[0], strides[0]),))


def read(buffer: Buffer, sizes: tuple[int, ...], order: Axes, gap: int) -> np.ndarray:
    """Returns the matrices again, and leaves NaN where they were."""
    shape = [sizes[axis] for axis in order]
    view = buffer.array.reshape(*shape[:2], -1)[:, :, :shape[2]]
    values = view.transpose(np.argsort(order)).copy()
    view[:] = np.nan
    return values


_ORDERS = st.permutations([0, 1, 2]).map(tuple)


@settings(deadline=None, max_examples=20)
@given(st.sampled_from(TARGETS), st.integers(1, 3), st.integers(1, 20), st.integers(1, 70), st.integers(1, 90), _ORDERS, _ORDERS,
       st.sampled_from(((0, 1, 2), (1, 0, 2))), st.integers(0, 3), st.lists(st.integers(0, 100), max_size=3))
def test_matches_products_however_matrices_lie(name, batch, rows, depth, columns, a_order, b_order, y_order, gap, cuts):
    target = parse_target(name)
    rng = np.random.default_rng(depth * 31 + columns)
    a, b = (rng.standard_normal(shape).astype(np.float32) for shape in ((batch, rows, depth), (batch, depth, columns)))
    bias = rng.standard_normal(columns).astype(np.float32)
    (left, a_lie), (right, b_lie) = laid_out(a, a_order, gap), laid_out(b, b_order, gap)
    sizes = (batch, rows, columns)
    kernel = MatmulKernel.plan(target, batch=batch, rows=rows, depth=depth, columns=columns, a=a_lie, b=b_lie, y=lie_of(sizes, y_order, gap),
                               steps=(StepSpec("scale", (0.5, 0.0)), StepSpec("bias")))
    results = []
    for edges in ([], cuts):
        y = Buffer(prod(sizes[axis] for axis in y_order[:2]) * (columns + gap))
        run(kernel, target, [left, right, y, Buffer(kernel.scratch_bytes // 4), Buffer.of(pack_channels(bias, target.lanes()))], 1, edges)
        results.append(read(y, sizes, y_order, gap))
        assert np.isnan(y.array).all(), "a gap between rows was written"
    expected = np.matmul(a.astype(np.float64), b.astype(np.float64)) / 2 + bias
    magnitude = np.matmul(abs(a.astype(np.float64)), abs(b.astype(np.float64))) + abs(bias)
    assert_close(results[0], expected, magnitude, depth + 2)
    assert np.array_equal(*results), "a partition of the work changed the result"


@pytest.mark.parametrize("name", TARGETS)
@pytest.mark.parametrize("n", [1, 3])
def test_a_batch_of_the_run_a_shared_factor_and_tensors_of_steps(name, n):
    target = parse_target(name)
    rng = np.random.default_rng(n)
    a, b, other = (rng.standard_normal(shape).astype(np.float32) for shape in ((n, 2, 5, 7), (2, 7, 20), (n, 2, 5, 20)))
    kernel = MatmulKernel.plan(target, batch=N(2), rows=5, depth=7, columns=20, a=Matrices(7, 1, ((N(2), 35),)), b=Matrices(20, 1, ((N(1), 0), (2, 140))),
                               y=Matrices(20, 1, ((N(2), 100),)), steps=(StepSpec("add"), StepSpec("tee"), StepSpec("gelu")))
    y, tee = Buffer(other.size), Buffer(other.size)
    run(kernel, target, [*map(Buffer.of, (a, b)), y, Buffer(kernel.scratch_bytes // 4), Buffer.of(other), tee], n, [3, 17])
    expected = np.matmul(a.astype(np.float64), b.astype(np.float64)) + other
    assert_close(tee.array.reshape(other.shape), expected, np.matmul(abs(a), abs(b)).astype(np.float64) + abs(other), 8)
    assert np.isfinite(y.array).all()
    assert (abs(y.array) <= abs(tee.array)).all(), "|gelu(x)| is at most |x|"


def test_strides_that_depend_on_the_batch_are_refused():
    with pytest.raises(CodegenError, match="reads rows at fixed strides and stores columns side by side"):
        MatmulKernel.plan(parse_target("cpu:x86-64"), batch=1, rows=2, depth=2, columns=2, a=Matrices(N(2), 1), b=Matrices(2, 1), y=Matrices(2, 1))
