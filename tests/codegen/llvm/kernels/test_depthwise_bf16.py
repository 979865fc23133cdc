"""Tests of depthwise convolutions of bf16 whose taps are taken in pairs, against sums in float64."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ngc.codegen.llvm.kernel import Geometry, StepSpec
from ngc.codegen.llvm.kernels.depthwise import DepthwiseKernel
from ngc.codegen.llvm.kernels.microkernel import tap_pairs
from ngc.codegen.llvm.packing import pack_channels, pack_depthwise
from ngc.errors import CodegenError
from ngc.target import parse_target
from tests.codegen.llvm.kernels import bfloat
from tests.codegen.llvm.kernels.bfloat import HALF_ULP, TARGET, needs_bf16
from tests.codegen.llvm.kernels.harness import convolution
from tests.codegen.llvm.kernels.typed import Memory, execute


@pytest.mark.parametrize(("width", "pairs"), [(2, [(0, 2)]), (3, [(0, 2), (1, 1)]), (4, [(0, 2), (2, 2)]), (5, [(0, 2), (2, 2), (3, 1)])])
def test_no_pair_reaches_behind_the_window(width, pairs):
    assert tap_pairs(width) == pairs


@needs_bf16
@settings(deadline=None, max_examples=50)
@given(st.data())
def test_matches_direct_sums_for_any_shape(data):
    draw = data.draw
    rank = draw(st.sampled_from((1, 2, 2, 3)))
    triple = lambda low, high: (1,) * (3 - rank) + tuple(draw(st.integers(low, high)) for _ in range(rank))  # noqa: E731
    kernel, stride, out = triple(1, 5), triple(1, 2), triple(1, 16)
    kernel, dilation = (*kernel[:2], max(2, kernel[2])), (*triple(1, 2)[:2], 1)
    pad = tuple(min(2, k - 1) for k in kernel)
    reach = [(o - 1) * s + (k - 1) * d + 1 for o, s, k, d in zip(out, stride, kernel, dilation, strict=True)]
    spatial = tuple(max(1, r - 2 * p) for r, p in zip(reach, pad, strict=True))
    halo = tuple((p, max(0, r - p - size)) for r, p, size in zip(reach, pad, spatial, strict=True))
    channels, n = draw(st.integers(1, 40)), draw(st.integers(1, 2))
    x = Geometry(channels, 16, spatial, halo, dtype="bf16")
    y = Geometry(channels, 16, out, ((0, 0), (1, 0), (0, 2)), dtype=draw(st.sampled_from(("bf16", "f32"))))
    spec = DepthwiseKernel.plan(TARGET, x=x, y=y, kernel=kernel, stride=stride, dilation=dilation, pad=pad, steps=(StepSpec("bias"),))
    assert spec.per_lane == 2
    rng = np.random.default_rng(0)
    values, w = (bfloat.rounded(rng.standard_normal(shape).astype(np.float32)) for shape in ((n, channels, *spatial), (channels, 1, *kernel)))
    bias, packed = rng.standard_normal(channels).astype(np.float32), pack_depthwise(spec, w)
    assert packed.size == spec.weight_size
    results = []
    for cuts in ([], draw(st.lists(st.integers(0, 40), max_size=3))):
        result = bfloat.room(y, n)
        execute(spec, TARGET, [bfloat.memory(values, x), Memory.of(packed), result, Memory.of(pack_channels(bias, 16))], n, cuts)
        results.append(bfloat.values(result, y, n))
    sums, magnitude = convolution(values, w, stride, dilation, pad, out, channels)
    by_channel = bias[:, None, None, None].astype(np.float64)
    sums, magnitude = sums + by_channel, magnitude + abs(by_channel)
    allowed = (int(np.prod(kernel)) + 4) * 2.0**-24 * magnitude + (HALF_ULP * abs(sums) if y.dtype == "bf16" else 0)
    assert (abs(results[0] - sums) <= allowed).all()
    assert np.array_equal(*results), "a partition of the work changed the result"


@needs_bf16
def test_what_lies_behind_a_window_is_not_read():
    x = Geometry(16, 16, (1, 3, 9), dtype="bf16")
    y = Geometry(16, 16, (1, 1, 3), dtype="f32")
    spec = DepthwiseKernel.plan(TARGET, x=x, y=y, kernel=(1, 3, 3), stride=(1, 1, 2))
    values = np.ones((1, 16, 1, 3, 9), np.float32)
    values[..., 7:] = np.nan  # the last window ends before
    result = bfloat.room(y, 1)
    execute(spec, TARGET, [bfloat.memory(values, x), Memory.of(pack_depthwise(spec, np.ones((16, 1, 1, 3, 3), np.float32))), result], 1)
    assert (bfloat.values(result, y, 1) == 9).all()


def test_single_taps_dilated_ones_and_other_targets_are_widened_instead():
    x = Geometry(16, 16, (1, 8, 8), dtype="bf16")
    plan = lambda target, **fields: DepthwiseKernel.plan(target, x=x, y=x, **fields).per_lane == 2  # noqa: E731
    assert plan(TARGET, kernel=(1, 3, 3))
    assert not plan(TARGET, kernel=(1, 3, 1))
    assert not plan(TARGET, kernel=(1, 3, 3), dilation=(1, 1, 2))
    assert not plan(parse_target("cpu:x86-64-v4"), kernel=(1, 3, 3))
    assert DepthwiseKernel.plan(TARGET, x=dataclasses.replace(x, dtype="f32"), y=x, kernel=(1, 3, 3)).per_lane == 1


def test_pairs_that_no_target_takes_and_inputs_without_a_border_are_refused():
    x = Geometry(16, 16, (1, 8, 8), dtype="bf16")
    spec = DepthwiseKernel.plan(TARGET, x=x, y=dataclasses.replace(x, spatial=(1, 6, 6)), kernel=(1, 3, 3))
    with pytest.raises(CodegenError, match="cpu:x86-64-v4 takes no pairs of 3 taps of bf16 with a dilation of 1"):
        spec.check(parse_target("cpu:x86-64-v4"))
    with pytest.raises(CodegenError, match=r"depthwise convolution reads \[0, 9\] along height of an input of 8 with a halo of \(0, 0\)"):
        dataclasses.replace(spec, y=x).check(TARGET)
