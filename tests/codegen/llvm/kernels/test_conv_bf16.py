"""Tests of convolutions of bf16 data against sums in float64."""

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
from tests.codegen.llvm.kernels import bfloat
from tests.codegen.llvm.kernels.bfloat import HALF_ULP, TARGET, needs_bf16
from tests.codegen.llvm.kernels.conv_problems import conv_fields
from tests.codegen.llvm.kernels.harness import convolution
from tests.codegen.llvm.kernels.typed import Memory, execute


@st.composite
def problems(draw):
    """Draws the fields of a convolution of bf16 data without steps, into bf16 or f32."""
    return draw(conv_fields(16, first_block=1, x_dtype="bf16", y_dtypes=("bf16", "f32"), taps_in_pairs=True))


def data(kernel: ConvKernel, n: int, seed: int = 0):
    """Returns random input and weights that bf16 has."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, kernel.x.channels, *kernel.x.spatial)).astype(np.float32)
    w = rng.standard_normal((kernel.y.channels, kernel.x.channels // kernel.groups, *kernel.kernel)).astype(np.float32)
    return bfloat.rounded(x), bfloat.rounded(w)


def assert_close(got, expected, magnitude, kernel: ConvKernel):
    """Products are exact in f32, their sums round once each, and a bf16 result once more."""
    terms = kernel.depth * kernel.per_lane
    allowed = (terms + 4) * 2.0**-24 * magnitude + (HALF_ULP * abs(expected) if kernel.y.dtype == "bf16" else 0) + 1e-30
    assert not np.isnan(got).any()
    assert np.max(abs(got - expected) - allowed, initial=-1.0) <= 0


@needs_bf16
@settings(deadline=None, max_examples=60)
@given(problems(), st.integers(1, 3), st.lists(st.integers(0, 40), max_size=3))
def test_matches_direct_sums_for_any_shape(fields, n, cuts):
    kernel = ConvKernel.plan(TARGET, **fields)
    x, w = data(kernel, n)
    out = bfloat.room(kernel.y, n)
    memories = [bfloat.memory(x, kernel.x), Memory.of(pack_conv(kernel, w)), out]
    assert memories[1].array.nbytes == kernel.weight_bytes
    execute(kernel, TARGET, memories, n)
    got = bfloat.values(out, kernel.y, n)
    expected, magnitude = convolution(x, w, kernel.stride, kernel.dilation, kernel.pad, kernel.out, kernel.groups)
    assert_close(got, expected, magnitude, kernel)
    again = bfloat.room(kernel.y, n)
    execute(kernel, TARGET, [*memories[:2], again], n, cuts)
    assert np.array_equal(bfloat.values(again, kernel.y, n), got), "a partition of the work changed the result"


@needs_bf16
@settings(deadline=None, max_examples=25)
@given(problems(), st.integers(1, 2), st.lists(st.integers(0, 40), max_size=3))
def test_prologue_is_rounded_to_bf16_and_not_done_to_the_padding(fields, n, cuts):
    x = dataclasses.replace(fields["x"], block=16, halo=((0, 0), (0, 0), (0, 0)))
    kernel = ConvKernel.plan(TARGET, **{**fields, "x": x}, prologue=(StepSpec("affine"), StepSpec("relu")))
    values, w = data(kernel, n)
    scale, shift = np.random.default_rng(1).integers(-4, 5, (2, kernel.x.channels)).astype(np.float32)
    out = bfloat.room(kernel.y, n)
    execute(kernel, TARGET, [bfloat.memory(values, kernel.x), Memory.of(pack_conv(kernel, w)), out, Memory.of(pack_channels(scale, 16)),
                             Memory.of(pack_channels(shift, 16)), Memory(kernel.scratch_bytes, "uint8")], n, cuts)
    across = (None, slice(None), None, None, None)
    moved = bfloat.rounded(np.maximum(values * scale[across] + shift[across], 0))  # small whole numbers: exact in f32 before it is rounded
    expected, magnitude = convolution(moved, w, kernel.stride, kernel.dilation, kernel.pad, kernel.out, kernel.groups)
    assert_close(bfloat.values(out, kernel.y, n), expected, magnitude, kernel)


@needs_bf16
def test_steps_work_in_f32_on_tensors_of_bf16():
    n, plain = 2, Geometry(37, 16, (1, 9, 9), dtype="bf16")
    steps = (StepSpec("bias"), StepSpec("add", tensor=plain), StepSpec("tee", tensor=plain), StepSpec("scale", (256.0, 0.0)), StepSpec("relu"))
    x = Geometry(5, 16, (1, 9, 9), ((0, 0), (1, 1), (1, 1)), dtype="bf16")
    kernel = ConvKernel.plan(TARGET, x=x, y=dataclasses.replace(plain, dtype="f32"), kernel=(1, 3, 3), pad=(0, 1, 1), steps=steps)
    values, w = data(kernel, n)
    rng = np.random.default_rng(3)
    bias, residual = rng.standard_normal(37).astype(np.float32), bfloat.rounded(rng.standard_normal((n, 37, 1, 9, 9)).astype(np.float32))
    out, tee = bfloat.room(kernel.y, n), bfloat.room(plain, n)
    execute(kernel, TARGET, [bfloat.memory(values, x), Memory.of(pack_conv(kernel, w)), out, Memory.of(pack_channels(bias, 16)),
                             bfloat.memory(residual, plain), tee], n, [3])
    sums, magnitude = convolution(values, w, kernel.stride, kernel.dilation, kernel.pad, kernel.out, 1)
    sums, error = sums + bias[:, None, None, None] + residual, (kernel.depth * 2 + 4) * 2.0**-24 * (magnitude + 10)
    assert (abs(bfloat.values(tee, plain, n) - sums) <= error + HALF_ULP * abs(sums)).all()
    # What goes on behind a tee has not been rounded.
    assert (abs(bfloat.values(out, kernel.y, n) - np.maximum(sums * 256, 0)) <= 256 * error).all()


@needs_bf16
@pytest.mark.parametrize("width", [3, 4, 7])
def test_planes_are_not_read_behind_the_window(width):
    x, y = Geometry(3, 1, (1, 1, width + 1), dtype="bf16"), Geometry(16, 16, (1, 1, 1))
    kernel = ConvKernel.plan(TARGET, x=x, y=y, kernel=(1, 1, width))
    values = np.ones((1, 3, 1, 1, width + 1), np.float32)
    values[..., width] = np.nan
    out = bfloat.room(y, 1)
    execute(kernel, TARGET, [bfloat.memory(values, x), Memory.of(pack_conv(kernel, np.ones((16, 3, 1, 1, width), np.float32))), out], 1)
    assert (bfloat.values(out, y, 1) == 3 * width).all()


def test_targets_without_the_instruction_and_taps_without_neighbours_are_refused():
    x, y = Geometry(3, 1, (1, 8, 8), dtype="bf16"), Geometry(16, 16, (1, 8, 8))
    with pytest.raises(CodegenError, match="cpu:x86-64-v4 has no convolution of bf16 data"):
        ConvKernel.plan(parse_target("cpu:x86-64-v4"), x=x, y=y, kernel=(1, 1, 1))
    with pytest.raises(CodegenError, match="a convolution of bf16 planes takes taps side by side, not 2 in a row with a dilation of 2"):
        ConvKernel.plan(TARGET, x=x, y=y, kernel=(1, 1, 2), dilation=(1, 1, 2))
    with pytest.raises(CodegenError, match="a convolution of bf16 planes takes taps side by side, not 1 in a row with a dilation of 1"):
        ConvKernel.plan(TARGET, x=x, y=y, kernel=(1, 1, 1))
