"""Tests of the direct convolution against sums in float64, on three instruction sets."""

import dataclasses

import numpy as np
import pytest
from harness import TARGETS, Buffer, assert_close, blocked, convolution, halo_untouched, run, unblocked
from hypothesis import given, settings
from hypothesis import strategies as st

from ngc.codegen.llvm.kernel import Geometry, StepSpec
from ngc.codegen.llvm.kernels.conv import ConvKernel
from ngc.codegen.llvm.packing import pack_channels, pack_conv
from ngc.errors import CodegenError
from ngc.target import parse_target


@st.composite
def problems(draw):
    """Draws a target and the fields of a convolution without steps."""
    target = parse_target(draw(st.sampled_from(TARGETS)))
    lanes = target.lanes()
    rank = draw(st.sampled_from((1, 2, 2, 2, 3)))
    triple = lambda low, high: (1,) * (3 - rank) + tuple(draw(st.integers(low, high)) for _ in range(rank))  # noqa: E731
    kernel, stride, dilation = triple(1, 4), triple(1, 3), triple(1, 2)
    out = triple(1, 10)
    pad = tuple(draw(st.integers(-1, 2)) if i >= 3 - rank else 0 for i in range(3))
    reach = [(o - 1) * s + (k - 1) * d + 1 for o, s, k, d in zip(out, stride, kernel, dilation, strict=True)]
    spatial = tuple(max(1, r - p - draw(st.integers(0, 2))) if i >= 3 - rank else 1 for i, (r, p) in enumerate(zip(reach, pad, strict=True)))
    halo = tuple((max(0, p), max(0, r - p - size)) for r, p, size in zip(reach, pad, spatial, strict=True))
    groups = draw(st.sampled_from((1, 1, 1, 2, 3, 5)))
    per_group = st.integers(1, 40) if groups == 1 else st.sampled_from((1, 2, 3, 4, 7, 8, 16))
    inputs, outputs = draw(per_group) * groups, draw(per_group) * groups
    block = draw(st.sampled_from((1, lanes, lanes)))
    border = draw(st.sampled_from((((0, 0),) * 3, ((0, 1), (1, 0), (2, 1)))))
    x = Geometry(inputs, block, spatial, halo)
    y = Geometry(outputs, lanes, out, border)
    return target, dict(x=x, y=y, kernel=kernel, stride=stride, dilation=dilation, pad=pad, groups=groups)


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
