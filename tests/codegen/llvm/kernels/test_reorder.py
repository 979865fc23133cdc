"""Tests of reorders between plain, bordered and blocked layouts, and of halo fills."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ngc.codegen.llvm.kernel import Geometry
from ngc.codegen.llvm.kernels.halo import HaloKernel
from ngc.codegen.llvm.kernels.reorder import ReorderKernel
from ngc.errors import CodegenError
from ngc.target import parse_target
from tests.codegen.llvm.kernels.harness import TARGETS, Buffer, blocked, halo_untouched, interior, run, unblocked

BORDERS = st.tuples(*[st.tuples(st.integers(0, 3), st.integers(0, 3))] * 3) | st.just(((0, 0),) * 3)


@st.composite
def geometries(draw, blocks):
    """Draws a target and two geometries of one tensor, with blocks of 1 or of the target's lanes."""
    target = parse_target(draw(st.sampled_from(TARGETS)))
    channels = draw(st.integers(1, 40))
    spatial = (draw(st.sampled_from((1, 1, 2))), draw(st.integers(1, 20)), draw(st.integers(1, 40)))
    made = [Geometry(channels, target.lanes() if b else 1, spatial, draw(BORDERS)) for b in draw(st.sampled_from(blocks))]
    return target, made


@settings(deadline=None, max_examples=50)
@given(geometries([(0, 0), (0, 1), (1, 0), (1, 1)]), st.integers(1, 3), st.lists(st.integers(0, 400), max_size=3))
def test_a_reorder_moves_every_element_and_touches_no_halo(drawn, n, cuts):
    target, (x, y) = drawn
    values = np.random.default_rng(0).normal(size=(n, x.channels, *x.spatial)).astype(np.float32)
    result = Buffer(n * y.stride_n)
    run(ReorderKernel(x, y), target, [blocked(values, x, halo=np.nan), result], n, cuts)
    np.testing.assert_array_equal(unblocked(result, y, n), values)
    assert halo_untouched(result, y, n)


def test_a_reorder_refuses_two_block_sizes():
    with pytest.raises(CodegenError, match="one tensor in two layouts"):
        ReorderKernel(Geometry(8, 8, (1, 2, 2)), Geometry(8, 4, (1, 2, 2)))


@settings(deadline=None, max_examples=30)
@given(geometries([(0,), (1,)]), st.integers(1, 3), st.lists(st.integers(0, 20), max_size=2), st.sampled_from((0.0, -np.inf, 1.5)))
def test_a_halo_is_filled_and_nothing_else(drawn, n, cuts, value):
    target, (tensor,) = drawn
    buffer = Buffer(n * tensor.stride_n)
    run(HaloKernel(tensor, value), target, [buffer], n, cuts)
    inside = interior(buffer.array, tensor, n)
    assert np.isnan(inside).all()
    inside[:] = value
    np.testing.assert_array_equal(buffer.array, np.float32(value))
