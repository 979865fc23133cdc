"""Tests of the direct convolution against sums in float64, on three instruction sets."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ngc.codegen.llvm.kernel import Geometry, StepSpec
from ngc.codegen.llvm.kernels.conv import ConvKernel
from ngc.codegen.llvm.packing import pack_channels, pack_conv
from ngc.errors import CodegenError
from ngc.target import parse_target
from tests.codegen.llvm.kernels.conv_problems import conv_fields
from tests.codegen.llvm.kernels.harness import TARGETS, Buffer, assert_close, blocked, convolution, halo_untouched, run, unblocked


@st.composite
def problems(draw):
    """Draws a target and the fields of a convolution without steps."""
    target = parse_target(draw(st.sampled_from(TARGETS)))
    return target, draw(conv_fields(target.lanes(), first_block=1))


def data(kernel: ConvKernel, n: int, seed: int = 0):
    """Returns random input and weights."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, kernel.x.channels, *kernel.x.spatial)).astype(np.float32)
    w = rng.standard_normal((kernel.y.channels, kernel.x.channels // kernel.groups, *kernel.kernel)).astype(np.float32)
    return x, w


@settings(deadline=None, max_examples=50)
@given(problems(), st.integers(1, 3), st.lists(st.integers(0, 40), max_size=3))
def test_matches_direct_sums_for_any_shape(problem, n, cuts):
    target, fields = problem
    kernel = ConvKernel.plan(target, **fields)
    x, w = data(kernel, n)
    out = Buffer(n * kernel.y.stride_n)
    buffers = [blocked(x, kernel.x), Buffer.of(pack_conv(kernel, w)), out]
    run(kernel, target, buffers, n)
    got = unblocked(out, kernel.y, n)
    expected, magnitude = convolution(x, w, kernel.stride, kernel.dilation, kernel.pad, kernel.out, kernel.groups)
    assert_close(got, expected, magnitude, kernel.depth)
    again = Buffer(n * kernel.y.stride_n)
    run(kernel, target, [*buffers[:2], again], n, cuts)
    assert np.array_equal(unblocked(again, kernel.y, n), got), "a partition of the work changed the result"
    assert halo_untouched(out, kernel.y, n)


@settings(deadline=None, max_examples=40)
@given(problems(), st.integers(1, 2), st.lists(st.integers(0, 40), max_size=3))
def test_prologue_is_done_to_the_input_but_not_to_its_padding(problem, n, cuts):
    target, fields = problem
    lanes = target.lanes()
    # The input needs no halo: what lies outside it is zero in the scratch.
    x = dataclasses.replace(fields["x"], block=lanes, halo=((0, 0), (0, 0), (0, 0)))
    kernel = ConvKernel.plan(target, **{**fields, "x": x}, prologue=(StepSpec("affine"), StepSpec("relu")))
    values, w = data(kernel, n)
    scale, shift = np.random.default_rng(1).standard_normal((2, kernel.x.channels)).astype(np.float32)
    buffers = [blocked(values, kernel.x), Buffer.of(pack_conv(kernel, w)), Buffer(n * kernel.y.stride_n), Buffer.of(pack_channels(scale, lanes)),
               Buffer.of(pack_channels(shift, lanes)), Buffer(kernel.scratch_bytes // 4)]
    run(kernel, target, buffers, n, cuts)
    got = unblocked(buffers[2], kernel.y, n)
    across = (slice(None), slice(None), *(None,) * 3)
    moved = np.maximum(values * scale[None][across] + shift[None][across], 0).astype(np.float32)
    expected, magnitude = convolution(moved, w, kernel.stride, kernel.dilation, kernel.pad, kernel.out, kernel.groups)
    # The affine may be fused in one rounding or not: one more rounding of each input.
    assert_close(got, expected, magnitude + convolution(abs(values * scale[None][across]), abs(w), kernel.stride, kernel.dilation, kernel.pad,
                                                        kernel.out, kernel.groups)[0], kernel.depth + 4)


def small(target, channels=5, outputs=37, size=9, **fields):
    """Returns a 3x3 convolution with odd channels."""
    lanes, halo = target.lanes(), ((0, 0), (1, 1), (1, 1))
    x, y = Geometry(channels, lanes, (1, size, size), halo), Geometry(outputs, lanes, (1, size, size), halo)
    return ConvKernel.plan(target, x=x, y=y, kernel=(1, 3, 3), pad=(0, 1, 1), **fields)


@pytest.mark.parametrize("name", TARGETS)
@pytest.mark.parametrize("activation", [StepSpec("relu"), StepSpec("sigmoid"), StepSpec("clip", (-1.0, 2.0))], ids=lambda s: s.kind)
def test_steps_run_in_order_and_leave_padding_lanes_zero(name, activation):
    target = parse_target(name)
    lanes, n = target.lanes(), 2
    plain = Geometry(37, lanes, (1, 9, 9))
    plane = Geometry(37, lanes, (1, 1, 1))
    steps = (StepSpec("bias"), StepSpec("add", tensor=plain), StepSpec("tee", tensor=plain), StepSpec("affine"), activation,
             StepSpec("multiply", tensor=plane), StepSpec("scale", (1.5, 0.25)), StepSpec("prelu"))
    kernel = small(target, steps=steps)
    x, w = data(kernel, n)
    rng = np.random.default_rng(3)
    bias, scale, shift, slope = rng.standard_normal((4, 37)).astype(np.float32)
    residual, gate = (rng.standard_normal((n, 37, *g.spatial)).astype(np.float32) for g in (plain, plane))
    out, tee = Buffer(n * kernel.y.stride_n), Buffer(n * plain.stride_n)
    vectors = [Buffer.of(pack_channels(v, lanes)) for v in (bias, scale, shift, slope)]
    run(kernel, target, [blocked(x, kernel.x), Buffer.of(pack_conv(kernel, w)), out, vectors[0], blocked(residual, plain), tee, *vectors[1:3],
                         blocked(gate, plane), vectors[3]], n, [3, 7])
    got, copy = unblocked(out, kernel.y, n), unblocked(tee, plain, n)
    sums, magnitude = convolution(x, w, kernel.stride, kernel.dilation, kernel.pad, kernel.out, 1)
    across = lambda v: v[:, None, None, None].astype(np.float64)  # noqa: E731
    assert_close(copy, sums + across(bias) + residual, magnitude + 10, kernel.depth)
    z = copy.astype(np.float64) * across(scale) + across(shift)
    z = {"relu": lambda: np.maximum(z, 0), "sigmoid": lambda: 1 / (1 + np.exp(-z)), "clip": lambda: np.clip(z, -1, 2)}[activation.kind]()
    z = z * gate * 1.5 + 0.25
    z = np.where(z > 0, z, z * across(slope))
    # Single-precision rounding of five steps on values of magnitude up to about a hundred.
    np.testing.assert_allclose(got, z, rtol=2e-6, atol=5e-5)
    assert halo_untouched(out, kernel.y, n)


@pytest.mark.parametrize("name", TARGETS)
@pytest.mark.parametrize("size", [7, 13, 30])
def test_residual_may_be_the_output_itself(name, size):
    """No pixel is computed twice, so adding in place gives the same bits as adding another buffer."""
    target = parse_target(name)
    kernel = small(target, size=size)
    kernel = dataclasses.replace(kernel, steps=(StepSpec("add", tensor=kernel.y), StepSpec("relu")))
    x, w = data(kernel, 1)
    residual = np.random.default_rng(5).standard_normal((1, 37, 1, size, size)).astype(np.float32)
    source, packed, out = blocked(x, kernel.x), Buffer.of(pack_conv(kernel, w)), Buffer(kernel.y.stride_n)
    run(kernel, target, [source, packed, out, blocked(residual, kernel.y)], 1)
    both = blocked(residual, kernel.y)
    run(kernel, target, [source, packed, both, both], 1, [2, 5])
    assert np.array_equal(unblocked(both, kernel.y, 1), unblocked(out, kernel.y, 1))


@pytest.mark.parametrize("name", TARGETS)
def test_infinite_inputs_leave_padding_lanes_zero(name):
    target = parse_target(name)
    kernel = small(target)
    x, w = data(kernel, 1)
    x[0, 0, 0, 4, 4] = np.inf
    out = Buffer(kernel.y.stride_n)
    run(kernel, target, [blocked(x, kernel.x), Buffer.of(pack_conv(kernel, w)), out], 1)
    got = unblocked(out, kernel.y, 1)
    assert np.isinf(got[0, :, 0, 3:6, 3:6]).all()
    assert np.isfinite(got[0, :, 0, 6:]).all()


@pytest.mark.parametrize("order", [True, False])
def test_slices_of_larger_tensors_are_read_and_written_in_place(order):
    target = parse_target("cpu:x86-64-v3")
    x = Geometry(24, 8, (1, 6, 6), image_stride=5 * 36 * 8)
    y = Geometry(40, 8, (1, 6, 6), image_stride=9 * 36 * 8)
    kernel = ConvKernel.plan(target, x=x, y=y, kernel=(1, 1, 1))
    kernel = dataclasses.replace(kernel, tile=dataclasses.replace(kernel.tile, pixels_first=order))
    values, w = data(kernel, 3)
    out = Buffer(3 * y.stride_n)
    run(kernel, target, [blocked(values, x), Buffer.of(pack_conv(kernel, w)), out], 3, [1, 4, 9])
    expected, magnitude = convolution(values, w, (1, 1, 1), (1, 1, 1), (0, 0, 0), (1, 6, 6), 1)
    assert_close(unblocked(out, y, 3), expected, magnitude, 24)
    assert halo_untouched(out, y, 3)


def test_a_halo_that_does_not_cover_the_taps_is_refused():
    x, y = Geometry(16, 16, (1, 8, 8)), Geometry(16, 16, (1, 8, 8))
    with pytest.raises(CodegenError, match=r"reads \[-1, 8\] along height of an input of 8 with a halo of \(0, 0\); a halo of \(1, 1\)"):
        ConvKernel.plan(parse_target("cpu:x86-64-v4"), x=x, y=y, kernel=(1, 3, 3), pad=(0, 1, 1))


def test_blocks_other_than_the_vector_width_and_odd_groups_are_refused():
    target = parse_target("cpu:x86-64-v4")
    x = Geometry(16, 16, (1, 8, 8))
    with pytest.raises(CodegenError, match="into blocks of 8; cpu:x86-64-v4 needs blocks of 16"):
        ConvKernel.plan(target, x=x, y=Geometry(16, 8, (1, 8, 8)), kernel=(1, 1, 1))
    with pytest.raises(CodegenError, match="16 to 16 channels cannot have 3 groups"):
        ConvKernel.plan(target, x=x, y=x, kernel=(1, 1, 1), groups=3)
    with pytest.raises(CodegenError, match="prologue has per-channel steps on an input in blocks of 16; here are add on blocks of 16"):
        ConvKernel.plan(target, x=x, y=x, kernel=(1, 1, 1), prologue=(StepSpec("add", tensor=x),))


def test_a_convolution_behind_a_prologue_still_has_work_for_several_threads():
    x = Geometry(1024, 16, (1, 7, 7))
    kernel = ConvKernel.plan(parse_target("cpu:x86-64-v4"), x=x, y=Geometry(128, 16, (1, 7, 7)), kernel=(1, 1, 1), prologue=(StepSpec("affine"),))
    assert kernel.work[0] >= 4
