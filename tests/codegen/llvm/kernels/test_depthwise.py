"""Tests of the depthwise convolution against sums in float64, on three instruction sets."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from ngc.codegen.llvm.kernel import Geometry, StepSpec
from ngc.codegen.llvm.kernels.depthwise import DepthwiseKernel
from ngc.codegen.llvm.packing import pack_channels, pack_depthwise
from ngc.target import parse_target
from tests.codegen.llvm.kernels.harness import TARGETS, Buffer, assert_close, blocked, convolution, halo_untouched, run, unblocked


@settings(deadline=None, max_examples=50)
@given(st.data())
def test_matches_direct_sums_for_any_shape(data):
    draw = data.draw
    target = parse_target(draw(st.sampled_from(TARGETS)))
    lanes, rank = target.lanes(), draw(st.sampled_from((1, 2, 2, 3)))
    triple = lambda low, high: (1,) * (3 - rank) + tuple(draw(st.integers(low, high)) for _ in range(rank))  # noqa: E731
    kernel, stride, dilation, out = triple(1, 5), triple(1, 2), triple(1, 2), triple(1, 16)
    pad = tuple(min(2, k - 1) for k in kernel)
    reach = [(o - 1) * s + (k - 1) * d + 1 for o, s, k, d in zip(out, stride, kernel, dilation, strict=True)]
    spatial = tuple(max(1, r - 2 * p) for r, p in zip(reach, pad, strict=True))
    halo = tuple((p, max(0, r - p - size)) for r, p, size in zip(reach, pad, spatial, strict=True))
    channels = draw(st.integers(1, 3 * lanes))
    x, y = Geometry(channels, lanes, spatial, halo), Geometry(channels, lanes, out, ((0, 0), (1, 0), (0, 2)))
    steps = (StepSpec("affine"), StepSpec(draw(st.sampled_from(("relu", "sigmoid")))))
    spec = DepthwiseKernel.plan(target, x=x, y=y, kernel=kernel, stride=stride, dilation=dilation, pad=pad, steps=steps)
    n, rng = draw(st.integers(1, 2)), np.random.default_rng(0)
    values = rng.standard_normal((n, channels, *spatial)).astype(np.float32)
    w = rng.standard_normal((channels, 1, *kernel)).astype(np.float32)
    scale, shift = rng.standard_normal((2, channels)).astype(np.float32)
    results = []
    for cuts in ([], draw(st.lists(st.integers(0, 40), max_size=3))):
        result = Buffer(n * y.stride_n)
        run(spec, target, [blocked(values, x), Buffer.of(pack_depthwise(spec, w)), result, Buffer.of(pack_channels(scale, lanes)),
                           Buffer.of(pack_channels(shift, lanes))], n, cuts)
        results.append(unblocked(result, y, n))
        assert halo_untouched(result, y, n)
    sums, magnitude = convolution(values, w, stride, dilation, pad, out, channels)
    by_channel = lambda v: v[:, None, None, None].astype(np.float64)  # noqa: E731
    sums, magnitude = sums * by_channel(scale) + by_channel(shift), magnitude * abs(by_channel(scale)) + abs(by_channel(shift))
    expected = np.maximum(sums, 0) if steps[1].kind == "relu" else 1 / (1 + np.exp(-sums))
    assert_close(results[0], expected, magnitude + 1, int(np.prod(kernel)) + 4)  # sigmoid's slope is at most 1/4; its own error 2 ulp
    assert np.array_equal(*results), "a partition of the work changed the result"
