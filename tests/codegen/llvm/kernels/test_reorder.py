"""Tests of reorders between plain, bordered and blocked layouts, and of halo fills."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ngc.codegen.llvm.kernel import Geometry, StepSpec
from ngc.codegen.llvm.kernels.halo import HaloKernel
from ngc.codegen.llvm.kernels.reorder import ReorderKernel
from ngc.errors import CodegenError
from ngc.ir import Step
from ngc.target import parse_target
from tests.codegen.llvm.kernels import bytewise
from tests.codegen.llvm.kernels.harness import TARGETS, Buffer, blocked, halo_untouched, interior, run, unblocked
from tests.codegen.llvm.kernels.typed import Memory, execute

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


@st.composite
def byte_geometries(draw):
    """Draws a target and geometries of one tensor in planes and in blocks of u8, of the target's lanes or of four channels."""
    target = parse_target(draw(st.sampled_from(bytewise.NAMES)))
    block = draw(st.sampled_from((4, target.lanes())))
    channels, spatial = draw(st.integers(1, 40)), (draw(st.sampled_from((1, 1, 2))), draw(st.integers(1, 20)), draw(st.integers(1, 40)))
    return target, *(Geometry(channels, size, spatial, draw(BORDERS), dtype="u8") for size in (1, block))


def stored_inside(spec, target, operands, y, n, cuts):
    """Runs a kernel into bytes of 0xFF; returns what it stored, after a check that it left the halo alone."""
    result = bytewise.room(y, n)
    execute(spec, target, [*operands, result], n, cuts)
    values = bytewise.values(result, y, n)
    whole = result.array.astype(np.float32)
    interior(whole, y, n)[:] = 255
    assert (whole == 255).all()
    return values


@settings(deadline=None, max_examples=40)
@given(byte_geometries(), st.booleans(), st.integers(1, 3), st.lists(st.integers(0, 400), max_size=3))
def test_bytes_are_moved_into_blocks_and_out_of_them(drawn, to_blocks, n, cuts):
    target, planes, blocks = drawn
    x, y = (planes, blocks) if to_blocks else (blocks, planes)
    values = np.random.default_rng(0).integers(0, 256, (n, x.channels, *x.spatial)).astype(np.uint8)
    np.testing.assert_array_equal(stored_inside(ReorderKernel(x, y), target, [bytewise.memory(values, x, halo=255)], y, n, cuts), values)


@settings(deadline=None, max_examples=40)
@given(byte_geometries(), st.integers(1, 3), st.lists(st.integers(0, 400), max_size=3))
def test_planes_of_floats_become_blocks_of_bytes(drawn, n, cuts):
    target, planes, y = drawn
    x = replace(planes, dtype="f32")
    values = (np.random.default_rng(0).standard_normal((n, x.channels, *x.spatial)) * 60).astype(np.float32)
    steps = (Step("relu"), Step("scale", (1.37, 100.3)))
    spec = ReorderKernel(x, y, tuple(StepSpec(step.kind, step.params) for step in steps))
    got = stored_inside(spec, target, [bytewise.memory(values, x, halo=np.nan)], y, n, cuts)
    assert bytewise.same(got, bytewise.stored(bytewise.after(values, steps, ())[0], "u8"))


@pytest.mark.parametrize("name", bytewise.NAMES)
def test_halves_are_quantized_to_the_even_integer_whatever_the_width(name):
    target = parse_target(name)
    for width in (1, 3, 40):
        x, y = Geometry(3, 1, (1, 1, width)), Geometry(3, 4, (1, 1, width), dtype="u8")
        values = np.resize(np.float32([0.5, 1.5, 254.5, 255.5, -1, np.nan, np.inf, 3e9, 2.5]), (1, 3, 1, 1, width))
        got = stored_inside(ReorderKernel(x, y), target, [bytewise.memory(values, x)], y, 1, [])
        assert bytewise.same(got, bytewise.stored(values, "u8"))


def test_quantization_of_anything_but_planes_of_floats_is_refused():
    planes, blocks = Geometry(8, 1, (1, 2, 2)), Geometry(8, 8, (1, 2, 2), dtype="u8")
    for x, y, steps in ((replace(planes, block=8), blocks, ()), (planes, replace(blocks, block=1), ()), (replace(planes, dtype="f64"), blocks, ()),
                        (planes, replace(planes, block=8), (StepSpec("relu"),))):
        with pytest.raises(CodegenError, match="one tensor in two layouts"):
            ReorderKernel(x, y, steps)
    with pytest.raises(CodegenError, match="steps of a reorder have no operands"):
        ReorderKernel(planes, blocks, (StepSpec("bias"),))


@settings(deadline=None, max_examples=20)
@given(byte_geometries(), st.sampled_from((0, 114, 255)), st.integers(1, 2), st.lists(st.integers(0, 20), max_size=2))
def test_a_halo_of_bytes_is_filled_and_nothing_else(drawn, value, n, cuts):
    target, _, tensor = drawn
    memory = Memory(n * tensor.stride_n, "uint8")
    memory.array[:] = 1
    execute(HaloKernel(tensor, float(value)), target, [memory], n, cuts)
    found = memory.array.astype(np.float32)
    inside = interior(found, tensor, n)
    assert (inside == 1).all()
    inside[:] = value
    assert (found == value).all()
