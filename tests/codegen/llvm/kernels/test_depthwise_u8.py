"""Tests of depthwise convolutions of u8 data and i8 weights: the very bits of exact sums, on every instruction set."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ngc.codegen.llvm.kernel import Geometry, StepSpec
from ngc.codegen.llvm.kernels.depthwise import EXACT_TAPS, DepthwiseKernel
from ngc.codegen.llvm.kernels.depthwise_fours import meetings, reach, tap_groups
from ngc.codegen.llvm.packing import pack_channels, pack_depthwise, pack_offset
from ngc.codegen.llvm.tiles import Tile
from ngc.errors import CodegenError
from ngc.ir import Step
from ngc.target import parse_target
from tests.codegen.llvm.kernels import bytewise
from tests.codegen.llvm.kernels.bytewise import NAMES, same
from tests.codegen.llvm.kernels.harness import convolution
from tests.codegen.llvm.kernels.typed import Memory, execute

VNNI = "cpu:znver4"
NO_HALO = ((0, 0),) * 3
STEPS = (Step("affine"), Step("tee"), Step("add_scaled", (0.3,)), Step("relu"), Step("scale", (0.9, 11.0)))


@pytest.mark.parametrize(("width", "groups"), [(1, [(0, 1)]), (2, [(0, 2)]), (3, [(0, 3)]), (4, [(0, 4)]), (5, [(0, 3), (3, 2)]), (7, [(0, 4), (4, 3)]),
                                               (9, [(0, 3), (3, 3), (6, 3)])])
def test_taps_are_shared_out_evenly(width, groups):
    assert tap_groups(width) == groups


@given(st.integers(1, 20), st.integers(2, 11), st.integers(1, 5))
def test_every_output_meets_each_of_its_taps_once_and_no_window_reaches_beyond(width, taps, stride):
    if reach(width, taps, stride) < 4:
        return
    windows = meetings(width, taps, stride)
    assert all(0 <= at <= reach(width, taps, stride) - 4 for at in windows)
    met = sorted((meeting.column, at + meeting.shift) for at, window in windows.items() for meeting in window)
    assert met == sorted((column, column * stride + first) for column in range(width) for first, _ in tap_groups(taps))
    assert all(meeting.shift + tap_groups(taps)[meeting.group][1] <= 4 for window in windows.values() for meeting in window)


def test_two_outputs_at_stride_1_share_a_window_of_three_taps():
    assert list(meetings(7, 3, 1)) == [0, 2, 4, 5]


def operands(target, spec, rng, n, zero, result):
    """Returns the memories of weights, offset, steps' vectors, tee and residual of a kernel, and what they hold."""
    lanes, channels = target.lanes(), spec.y.channels
    weights = rng.integers(-128, 128, (channels, 1, *spec.kernel)).astype(np.int8)
    scale, shift = (rng.uniform(-0.02, 0.02, channels) / spec.kernel[2]).astype(np.float32), rng.uniform(-9, 90, channels).astype(np.float32)
    residual = rng.integers(0, 256, (n, channels, *spec.y.spatial)).astype(np.uint8)
    tee = bytewise.room(result, n)
    packed = pack_depthwise(spec, weights)
    assert packed.size == spec.weight_size
    after = [Memory.of(pack_channels(scale, lanes)), Memory.of(pack_channels(shift, lanes)), tee, bytewise.memory(residual, replace(result, halo=NO_HALO))]
    begins = [Memory.of(pack_offset(weights, zero, lanes))] if spec.offset else []
    return weights, (scale, shift, residual), Memory.of(packed), begins, after, tee


def check(target, spec, zero, n=1, cuts=()):
    """Runs a kernel of `STEPS` and compares its result and what its tee stored with exact sums."""
    rng = np.random.default_rng(0)
    tee_place = replace(spec.y, dtype="u8", halo=NO_HALO)
    spec = replace(spec, offset=zero > 0, steps=tuple(StepSpec(step.kind, step.params, tee_place if step.kind in ("tee", "add_scaled") else None)
                                                      for step in STEPS))
    x = rng.integers(0, 256, (n, spec.x.channels, *spec.x.spatial)).astype(np.uint8)
    weights, values, packed, begins, after, tee = operands(target, spec, rng, n, zero, tee_place)
    out = bytewise.room(spec.y, n)
    execute(spec, target, [bytewise.memory(x, spec.x, halo=zero), packed, out, *begins, *after], n, cuts)
    sums, _ = convolution(x.astype(np.float64) - zero, weights, spec.stride, spec.dilation, spec.pad, spec.y.spatial, spec.x.channels)
    expected, (middle,) = bytewise.after(sums.astype(np.float32), STEPS, values)
    assert same(bytewise.values(tee, tee_place, n), bytewise.stored(middle, "u8"))
    assert same(bytewise.values(out, spec.y, n), bytewise.stored(expected, spec.y.dtype))


@settings(deadline=None, max_examples=120)
@given(st.data())
def test_sums_are_exact_for_any_shape(data):
    draw = data.draw
    target = parse_target(draw(st.sampled_from((*NAMES, VNNI) if VNNI in NAMES else NAMES)))
    rank = draw(st.sampled_from((1, 2, 2, 2, 3)))
    triple = lambda low, high: (1,) * (3 - rank) + tuple(draw(st.integers(low, high)) for _ in range(rank))  # noqa: E731
    kernel, stride, out = triple(1, 7 if rank < 3 else 3), triple(1, 3), triple(1, 18 if rank < 3 else 6)
    dilation = triple(1, 2) if draw(st.booleans()) else (1, 1, 1)
    pad = tuple(draw(st.integers(0, 3)) if k > 1 else 0 for k in kernel)
    reaches = [(o - 1) * s + (k - 1) * d + 1 for o, s, k, d in zip(out, stride, kernel, dilation, strict=True)]
    spatial = tuple(max(1, r - 2 * p) for r, p in zip(reaches, pad, strict=True))
    halo = tuple((p, max(0, r - p - size)) for r, p, size in zip(reaches, pad, spatial, strict=True))
    channels, lanes = draw(st.integers(1, 40)), target.lanes()
    x = Geometry(channels, lanes, spatial, halo, dtype="u8")
    y = Geometry(channels, lanes, out, ((0, 0), (1, 0), (0, 2)), dtype=draw(st.sampled_from(("u8", "f32"))))
    fields = {"x": x, "y": y, "kernel": kernel, "stride": stride, "dilation": dilation, "pad": pad}
    if draw(st.booleans()):
        fields["tile"] = Tile(draw(st.integers(1, 8)), draw(st.integers(1, 3)), 1, unroll=1)
    spec = DepthwiseKernel.plan(target, **fields)
    check(target, spec, draw(st.sampled_from((0, 1, 128, 255))), draw(st.integers(1, 2)), draw(st.lists(st.integers(0, 40), max_size=3)))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("kernel", "stride", "size"), [(3, 1, 14), (3, 2, 15), (5, 1, 9), (5, 2, 12), (7, 1, 7), (3, 1, 1)])
def test_the_shapes_of_networks(name, kernel, stride, size):
    target, pad = parse_target(name), kernel // 2
    out = (size + 2 * pad - kernel) // stride + 1
    after = (out - 1) * stride + kernel - size - pad
    x = Geometry(37, target.lanes(), (1, size, size), ((0, 0), (pad, after), (pad, after)), dtype="u8")
    y = Geometry(37, target.lanes(), (1, out, out), dtype="u8")
    spec = DepthwiseKernel.plan(target, x=x, y=y, kernel=(1, kernel, kernel), stride=(1, stride, stride), pad=(0, pad, pad))
    assert spec.per_lane == (4 if target.has_vnni and size > 1 else 1)
    check(target, spec, 77, 2, [3])


@pytest.mark.parametrize("name", NAMES)
def test_the_largest_sums_are_exact(name):
    target = parse_target(name)
    x = Geometry(3, target.lanes(), (2, 16, 18), dtype="u8")
    y = Geometry(3, target.lanes(), (1, 1, 3), dtype="f32")
    spec = DepthwiseKernel.plan(target, x=x, y=y, kernel=(2, 16, 16))
    values, weights = np.full((1, 3, 2, 16, 18), 255, np.uint8), np.full((3, 1, 2, 16, 16), -128, np.int8)
    out = bytewise.room(y, 1)
    execute(spec, target, [bytewise.memory(values, x), Memory.of(pack_depthwise(spec, weights)), out], 1)
    assert (bytewise.values(out, y, 1) == -255.0 * 128 * 512).all()


def test_what_no_kernel_sums_or_groups_is_refused():
    target = parse_target(VNNI)
    x = Geometry(16, 16, (3, 16, 16), dtype="u8")
    large = DepthwiseKernel.plan(target, x=x, y=replace(x, spatial=(1, 1, 4)), kernel=(3, 16, 13))
    with pytest.raises(CodegenError, match=f"sums {EXACT_TAPS} products at most, not 624"):
        large.check(target)
    flat = replace(x, spatial=(1, 16, 16))
    spec = DepthwiseKernel.plan(target, x=flat, y=replace(flat, spatial=(1, 14, 14)), kernel=(1, 3, 3))
    assert spec.per_lane == 4
    with pytest.raises(CodegenError, match="cpu:x86-64-v4 takes no fours of 3 taps of u8 with a dilation of 1"):
        spec.check(parse_target("cpu:x86-64-v4"))
    narrow = {"y": replace(flat, spatial=(1, 14, 1)), "kernel": (1, 3, 3)}
    assert DepthwiseKernel.plan(target, x=flat, **narrow).per_lane == 1
    assert DepthwiseKernel.plan(target, x=flat, y=replace(flat, spatial=(1, 14, 12)), kernel=(1, 3, 3), dilation=(1, 1, 2)).per_lane == 1
    assert DepthwiseKernel.plan(target, x=flat, y=replace(flat, spatial=(1, 14, 16)), kernel=(1, 3, 1)).per_lane == 1
