"""Tests of the deconvolution's phases; the packing of the other layers is tested through their kernels."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from ngc.codegen.llvm.kernel import Geometry
from ngc.codegen.llvm.kernels.conv import ConvKernel
from ngc.codegen.llvm.packing import deconvolution_phases, pack_conv
from ngc.target import parse_target
from tests.codegen.llvm.kernels.harness import TARGETS, Buffer, assert_close, blocked, run, unblocked


def deconvolution(x, w, stride, dilation, pad, out, groups):
    """Returns y[o * stride - pad + k * dilation] += x[o] * w[k] in float64, and the sum of the magnitudes of its terms."""
    n, channels = x.shape[:2]
    outputs = w.shape[1] * groups
    result, magnitude = np.zeros((2, n, outputs, *out))
    for at in np.ndindex(*x.shape[2:]):
        for tap in np.ndindex(*w.shape[2:]):
            to = [a * s - p + t * d for a, s, p, t, d in zip(at, stride, pad, tap, dilation, strict=True)]
            if any(not 0 <= t < o for t, o in zip(to, out, strict=True)):
                continue
            for g in range(groups):
                rows, columns = (slice(g * c // groups, (g + 1) * c // groups) for c in (channels, outputs))
                weights = w[rows][(slice(None), slice(None), *tap)].astype(np.float64)
                values = x[(slice(None), rows, *at)]
                result[(slice(None), columns, *to)] += values @ weights
                magnitude[(slice(None), columns, *to)] += abs(values) @ abs(weights)
    return result, magnitude


@settings(deadline=None, max_examples=30)
@given(st.data())
def test_phases_of_a_deconvolution_make_its_whole_output(data):
    draw = data.draw
    target = parse_target(draw(st.sampled_from(TARGETS)))
    lanes, rank = target.lanes(), draw(st.sampled_from((1, 2, 2)))
    triple = lambda low, high: (1,) * (3 - rank) + tuple(draw(st.integers(low, high)) for _ in range(rank))  # noqa: E731
    kernel, stride, dilation, size = triple(1, 4), triple(1, 3), triple(1, 2), triple(1, 5)
    pad = tuple(draw(st.integers(0, d * (k - 1))) for k, d in zip(kernel, dilation, strict=True))
    out = tuple(max(1, (i - 1) * s + d * (k - 1) + 1 - 2 * p) for i, s, d, k, p in zip(size, stride, dilation, kernel, pad, strict=True))
    groups, n = draw(st.sampled_from((1, 1, 2))), draw(st.integers(1, 2))
    inputs, outputs = (draw(st.integers(1, 20)) * groups for _ in range(2))
    rng = np.random.default_rng(0)
    values = rng.standard_normal((n, inputs, *size)).astype(np.float32)
    w = rng.standard_normal((inputs, outputs // groups, *kernel)).astype(np.float32)
    phases = deconvolution_phases(w, stride, dilation, pad, groups)
    sides = [phase.halo(size, out) for phase in phases]
    halo = tuple((max(s[d][0] for s in sides), max(s[d][1] for s in sides)) for d in range(3))
    x, y = Geometry(inputs, lanes, size, halo), Geometry(outputs, lanes, out, ((0, 0), (1, 1), (0, 1)))
    result, source = Buffer(n * y.stride_n), blocked(values, x)
    for phase in phases:
        spec = ConvKernel.plan(target, x=x, y=y, **phase.fields)
        run(spec, target, [source, Buffer.of(pack_conv(spec, phase.weights)), result], n)
    expected, magnitude = deconvolution(values, w, stride, dilation, pad, out, groups)
    assert_close(unblocked(result, y, n), expected, magnitude, inputs * int(np.prod(kernel)))
