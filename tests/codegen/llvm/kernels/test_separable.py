"""Tests of the separable convolution: sums in float64 of both halves, and the bits of the two kernels that it stands for, on three instruction sets."""

import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ngc.codegen.llvm.kernel import Geometry, StepSpec
from ngc.codegen.llvm.kernels.conv import ConvKernel
from ngc.codegen.llvm.kernels.depthwise import DepthwiseKernel
from ngc.codegen.llvm.kernels.separable import ITEMS, SCRATCH_BYTES, SeparableKernel
from ngc.codegen.llvm.packing import pack_channels, pack_conv, pack_depthwise
from ngc.errors import CodegenError
from ngc.target import parse_target
from tests.codegen.llvm.kernels import bfloat
from tests.codegen.llvm.kernels.bfloat import TARGET, needs_bf16
from tests.codegen.llvm.kernels.harness import TARGETS, Buffer, assert_close, blocked, convolution, halo_untouched, run, unblocked
from tests.codegen.llvm.kernels.typed import Memory, execute

BIAS_RELU = (StepSpec("bias"), StepSpec("relu"))


@settings(deadline=None, max_examples=40)
@given(st.data())
def test_matches_both_convolutions_for_any_shape_and_any_partition(data):
    draw = data.draw
    target = parse_target(draw(st.sampled_from(TARGETS)))
    lanes = target.lanes()
    kernel, stride, dilation = ((1, draw(st.integers(1, 3)), draw(st.integers(1, 5))), (1, draw(st.integers(1, 2)), draw(st.integers(1, 2))),
                                (1, draw(st.integers(1, 2)), 1))
    out = (1, draw(st.integers(1, 9)), draw(st.integers(1, 18)))
    pad = tuple(min(1, k - 1) for k in kernel)
    reach = [(o - 1) * s + (k - 1) * d + 1 for o, s, k, d in zip(out, stride, kernel, dilation, strict=True)]
    spatial = tuple(max(1, r - 2 * p) for r, p in zip(reach, pad, strict=True))
    halo = tuple((p, max(0, r - p - size)) for r, p, size in zip(reach, pad, spatial, strict=True))
    channels, outputs = draw(st.integers(1, 3 * lanes)), draw(st.integers(1, 5 * lanes))
    x, y = Geometry(channels, lanes, spatial, halo), Geometry(outputs, lanes, out, ((0, 0), (1, 0), (0, 2)))
    residual = StepSpec("add", (), Geometry(outputs, lanes, out))
    place = {"x": x, "y": y, "kernel": kernel, "stride": stride, "dilation": dilation, "pad": pad}
    spec = SeparableKernel.plan(target, between=BIAS_RELU, steps=(StepSpec("bias"), residual), band=draw(st.integers(0, 10)), **place)
    n, rng = draw(st.integers(1, 2)), np.random.default_rng(0)
    values = rng.standard_normal((n, channels, *spatial)).astype(np.float32)
    w = rng.standard_normal((channels, 1, *kernel)).astype(np.float32)
    mix = rng.standard_normal((outputs, channels, 1, 1, 1)).astype(np.float32)
    first, second = rng.standard_normal(channels).astype(np.float32), rng.standard_normal(outputs).astype(np.float32)
    added = rng.standard_normal((n, outputs, *out)).astype(np.float32)
    results = []
    for cuts in ([], draw(st.lists(st.integers(0, 40), max_size=3))):
        result = Buffer(n * y.stride_n)
        run(spec, target, [blocked(values, x), Buffer.of(pack_depthwise(spec.depthwise, w)), result, Buffer.of(pack_channels(first, lanes)),
                           Buffer(spec.scratch_bytes // 4), Buffer.of(pack_conv(spec.pointwise, mix)), Buffer.of(pack_channels(second, lanes)),
                           blocked(added, residual.tensor)], n, cuts)
        results.append(unblocked(result, y, n))
        assert halo_untouched(result, y, n)
    assert np.array_equal(*results), "a partition of the work changed the result"

    middle = Geometry(channels, lanes, out)
    depthwise = DepthwiseKernel(**{**place, "y": middle}, steps=BIAS_RELU, tile=spec.depthwise_tile)
    pointwise = ConvKernel(middle, y, (1, 1, 1), steps=spec.steps, tile=spec.tile)
    between, result = Buffer(n * middle.stride_n), Buffer(n * y.stride_n)
    run(depthwise, target, [blocked(values, x), Buffer.of(pack_depthwise(depthwise, w)), between, Buffer.of(pack_channels(first, lanes))], n)
    run(pointwise, target, [between, Buffer.of(pack_conv(pointwise, mix)), result, Buffer.of(pack_channels(second, lanes)), blocked(added, residual.tensor)], n)
    assert np.array_equal(results[0], unblocked(result, y, n)), "two kernels give other bits"

    column = lambda v: v[:, None, None, None].astype(np.float64)  # noqa: E731
    sums, magnitude = convolution(values, w, stride, dilation, pad, out, channels)
    active = np.maximum(sums + column(first), 0)
    error = magnitude + abs(column(first))
    weights = mix[:, :, 0, 0, 0].astype(np.float64)
    expected = np.einsum("oc,ncdhw->nodhw", weights, active) + column(second) + added
    magnitude = np.einsum("oc,ncdhw->nodhw", abs(weights), active + error) + abs(column(second)) + abs(added)
    assert_close(results[0], expected, magnitude, channels + int(np.prod(kernel)) + 6)


def plan(channels, outputs, size, images=1):
    target = parse_target("cpu:x86-64-v4")
    x, y = Geometry(channels, 16, (1, size, size), ((0, 0), (1, 1), (1, 1))), Geometry(outputs, 16, (1, size, size))
    return SeparableKernel.plan(target, images, x=x, y=y, kernel=(1, 3, 3), pad=(0, 1, 1), between=BIAS_RELU, steps=BIAS_RELU)


def test_bands_leave_enough_items_to_share_and_fit_the_cache():
    for channels, outputs, size in ((32, 64, 112), (512, 512, 28), (144, 24, 56), (96, 16, 112)):
        for images in (1, 16):
            spec = plan(channels, outputs, size, images)
            assert spec.work[0] * images >= min(ITEMS, size)
            assert spec.scratch_bytes <= SCRATCH_BYTES * 1.1 or spec.band == 1
    assert plan(144, 24, 56, 16).band > plan(144, 24, 56).band


def test_refuses_other_blocks_volumes_and_steps_that_read_tensors():
    target, spec = parse_target("cpu:x86-64-v4"), plan(32, 32, 8)
    volume = replace(spec, x=Geometry(32, 16, (2, 8, 8)))
    with pytest.raises(CodegenError, match=re.escape("of (2, 8, 8) in blocks of 16 into blocks of 16; cpu:x86-64-v4 needs planes in blocks of 16")):
        volume.emit(target)
    with pytest.raises(CodegenError, match="into blocks of 8; cpu:x86-64-v4 needs planes in blocks of 16"):
        replace(spec, y=Geometry(32, 8, (1, 8, 8))).emit(target)
    adding = replace(spec, between=(StepSpec("add", (), spec.middle),))
    with pytest.raises(CodegenError, match="the steps between the parts of a separable convolution are per channel, not add"):
        adding.emit(target)


def test_counts_the_operations_of_both_parts():
    assert plan(32, 64, 8).flops() == 2 * 8 * 8 * 32 * (9 + 64)


@needs_bf16
@pytest.mark.parametrize(("channels", "outputs", "size", "stride", "dilation"), [(40, 37, 9, 1, 1), (16, 70, 14, 2, 1), (7, 16, 5, 1, 2)])
def test_of_bf16_it_gives_the_bits_of_the_two_kernels(channels, outputs, size, stride, dilation):
    wide, n = -(-size // stride), 2
    x = Geometry(channels, 16, (1, size, size), ((0, 0), (dilation, dilation), (dilation, dilation)), dtype="bf16")
    y = Geometry(outputs, 16, (1, wide, wide), ((0, 0), (1, 0), (0, 2)), dtype="bf16")
    place = {"x": x, "kernel": (1, 3, 3), "stride": (1, stride, stride), "dilation": (1, dilation, dilation), "pad": (0, dilation, dilation)}
    spec = SeparableKernel.plan(TARGET, between=BIAS_RELU, steps=(StepSpec("bias"),), band=2, y=y, **place)
    assert spec.per_lane == (2 if dilation == 1 else 1)
    rng = np.random.default_rng(0)
    values, w, mix = (bfloat.rounded(rng.standard_normal(shape).astype(np.float32))
                      for shape in ((n, channels, 1, size, size), (channels, 1, 1, 3, 3), (outputs, channels, 1, 1, 1)))
    first, second = (Memory.of(pack_channels(rng.standard_normal(count).astype(np.float32), 16)) for count in (channels, outputs))
    source, taps, weights = bfloat.memory(values, x), Memory.of(pack_depthwise(spec.depthwise, w)), Memory.of(pack_conv(spec.pointwise, mix))
    fused, apart, between = bfloat.room(y, n), bfloat.room(y, n), bfloat.room(middle := Geometry(channels, 16, y.spatial, dtype="bf16"), n)
    execute(spec, TARGET, [source, taps, fused, first, Memory(spec.scratch_bytes, "uint8"), weights, second], n, [3])
    execute(DepthwiseKernel.plan(TARGET, y=middle, steps=BIAS_RELU, tile=spec.depthwise_tile, **place), TARGET, [source, taps, between, first], n)
    execute(ConvKernel(middle, y, (1, 1, 1), steps=spec.steps, tile=spec.tile), TARGET, [between, weights, apart, second], n)
    np.testing.assert_array_equal(bfloat.values(fused, y, n), bfloat.values(apart, y, n))
