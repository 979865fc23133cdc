"""Tests of loop nests over blocked tensors with halos: padding lanes zero, nothing else touched."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from ngc.codegen.llvm.kernel import Geometry
from ngc.codegen.llvm.kernels import nests
from ngc.codegen.llvm.kernels.expression import Binary, Unary
from ngc.target import parse_target
from tests.codegen.llvm.kernels.harness import TARGETS, Buffer, blocked, halo_untouched, run, unblocked

BORDERS = st.tuples(*[st.tuples(st.integers(0, 2), st.integers(0, 2))] * 3) | st.just(((0, 0),) * 3)
CUTS = st.lists(st.integers(0, 60), max_size=3)
SPATIAL = st.tuples(st.sampled_from((1, 1, 2)), st.integers(1, 9), st.integers(1, 20))


def sample(n: int, geometry: Geometry, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, geometry.channels, *geometry.spatial)).astype(np.float32)


@settings(deadline=None, max_examples=40)
@given(st.sampled_from(TARGETS), st.integers(1, 40), SPATIAL, st.tuples(BORDERS, BORDERS, BORDERS), st.booleans(), st.booleans(), st.integers(1, 3), CUTS)
def test_steps_over_blocks(name, channels, spatial, borders, wide, shared, n, cuts):
    target = parse_target(name)
    block = target.lanes() if wide else 1
    x, other, y = (Geometry(channels, block, spatial, border) for border in borders)
    if shared:
        other = Geometry(channels, block, (1, 1, 1))
    spec = nests.blocked(y, [x, other, "channel", "scalar"], lambda a, b, c, s: Unary("exp", Binary("mul", Binary("add", Binary("add", a, b), c), s)))
    a, b = sample(n, x), sample(n, other, 1)
    vector = np.zeros(x.blocks * block, np.float32)
    vector[:channels] = np.arange(channels) / 40
    out = Buffer(n * y.stride_n)
    operands = [blocked(a, x, halo=np.nan), blocked(b, other, halo=np.nan), Buffer.of(vector), Buffer.of(np.float32([0.5]))]
    run(spec, target, [*operands, out], n, cuts)
    expected = np.exp((a + b + vector[:channels].reshape(-1, 1, 1, 1)).astype(np.float64) * 0.5)
    np.testing.assert_allclose(unblocked(out, y, n), expected, rtol=2e-6)  # the sum's rounding, times at most 8, in the exponent
    assert halo_untouched(out, y, n)


@settings(deadline=None, max_examples=25)
@given(st.sampled_from(TARGETS), st.integers(1, 20), SPATIAL, st.tuples(*[st.integers(1, 3)] * 3), BORDERS, BORDERS, st.integers(1, 2), CUTS)
def test_upsampling_repeats_pixels(name, channels, spatial, counts, of_x, of_y, n, cuts):
    target = parse_target(name)
    x = Geometry(channels, target.lanes(), spatial, of_x)
    y = Geometry(channels, target.lanes(), tuple(s * c for s, c in zip(spatial, counts, strict=True)), of_y)
    a, out = sample(n, x), Buffer(n * y.stride_n)
    run(nests.blocked_upsample(x, y), target, [blocked(a, x, halo=np.nan), out], n, cuts)
    np.testing.assert_array_equal(unblocked(out, y, n), a.repeat(counts[0], 2).repeat(counts[1], 3).repeat(counts[2], 4))
    assert halo_untouched(out, y, n)
