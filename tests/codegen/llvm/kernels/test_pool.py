"""Tests of pooling against MXNet's definition in float64."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ngc.codegen.llvm.kernel import Geometry
from ngc.codegen.llvm.kernels.pool import PoolKernel
from ngc.errors import CodegenError
from ngc.target import parse_target
from tests.codegen.llvm.kernels.harness import TARGETS, Buffer, blocked, halo_untouched, run, unblocked
from tests.codegen.llvm.kernels.typed import Memory, execute


def reference(k: PoolKernel, x: np.ndarray) -> np.ndarray:
    """Returns MXNet's pooling of (n, c, d, h, w)."""
    n, c = x.shape[:2]
    out = np.zeros((n, c, *k.y.spatial))
    for position in np.ndindex(*k.y.spatial):
        starts = [o * s - p for o, s, p in zip(position, k.stride, k.pad, strict=True)]
        ends = [min(s + e, size + p) for s, e, size, p in zip(starts, k.kernel, x.shape[2:], k.pad, strict=True)]
        inner = [slice(max(0, s), max(0, s, min(e, size))) for s, e, size in zip(starts, ends, x.shape[2:], strict=True)]
        window = x[(slice(None), slice(None), *inner)].reshape(n, c, -1).astype(np.float64)
        if k.kind == "max":
            value = np.max(window, axis=2, initial=-3.4028234663852886e38, where=~np.isnan(window))
        elif k.kind == "lp":
            total = (window**k.p).sum(2)
            value = {1: lambda v: v, 2: np.sqrt, 3: np.cbrt}[k.p](total)
        else:
            value = window.sum(2)
            if k.kind == "avg":
                if k.count_include_pad:
                    area = math.prod(e - s for s, e in zip(starts, ends, strict=True))
                else:
                    area = math.prod(min(e, size) - max(s, 0) for s, e, size in zip(starts, ends, x.shape[2:], strict=True))
                value = value / area if area > 0 else np.zeros_like(value)  # a window past the end
        out[(slice(None), slice(None), *position)] = value
    return out


@st.composite
def problems(draw):
    """Draws a target and a pooling; windows may lie beyond the input."""
    target = parse_target(draw(st.sampled_from(TARGETS)))
    rank = draw(st.sampled_from((1, 2, 2, 2, 3)))
    triple = lambda strategy, first: (first,) * (3 - rank) + tuple(draw(strategy) for _ in range(rank))  # noqa: E731
    spatial = triple(st.integers(1, 25 if rank < 3 else 6), 1)
    kernel = triple(st.integers(1, 5) | st.sampled_from((7, 20)), 1)
    stride = triple(st.integers(1, 3), 1)
    pad = triple(st.integers(0, 3), 0)
    outs = []
    for size, k, s, p in zip(spatial, kernel, stride, pad, strict=True):
        whole = max(1, 1 + (size + 2 * p - k) // s)
        outs.append(whole + draw(st.integers(0, 1)))
    border = st.sampled_from((((0, 0),) * 3, ((0, 1), (1, 0), (2, 1))))
    block = draw(st.sampled_from((target.lanes(), target.lanes(), 1, 16)))
    channels = draw(st.integers(1, 20))
    kind = draw(st.sampled_from(("max", "avg", "avg", "sum", "lp")))
    return target, PoolKernel(
        Geometry(channels, block, spatial, draw(border)), Geometry(channels, block, tuple(outs), draw(border)), kind, kernel,
        stride, pad, draw(st.booleans()), draw(st.sampled_from((1, 2, 3))),
    )  # fmt: skip


@settings(deadline=None, max_examples=50)
@given(problems(), st.integers(1, 2), st.lists(st.integers(0, 60), max_size=3))
def test_pooling_is_mxnets_and_stays_inside(problem, n, cuts):
    target, kernel = problem
    x = np.random.default_rng(0).normal(size=(n, kernel.x.channels, *kernel.x.spatial)).astype(np.float32)
    y = Buffer(n * kernel.y.stride_n)
    run(kernel, target, [blocked(x, kernel.x, halo=np.nan), y], n, cuts)
    got = unblocked(y, kernel.y, n)
    # sums of up to 8000 terms near 1 in single precision, some of them cubed and cancelling
    np.testing.assert_allclose(got, reference(kernel, x), rtol=2e-5, atol=2e-3 if kernel.kind == "lp" else 2e-5)
    assert halo_untouched(y, kernel.y, n)
    whole = Buffer(n * kernel.y.stride_n)
    run(kernel, target, [blocked(x, kernel.x, halo=np.nan), whole], n)
    np.testing.assert_array_equal(unblocked(whole, kernel.y, n), got)


@pytest.mark.parametrize("name", TARGETS)
def test_max_pooling_passes_over_nan_and_keeps_infinities(name):
    x = np.array([[[[[np.nan, 1.0, np.inf, -np.inf, np.nan, np.nan]]]]], np.float32)
    shape = Geometry(1, 1, (1, 1, 6)), Geometry(1, 1, (1, 1, 3))
    y = Buffer(3)
    run(PoolKernel(*shape, "max", (1, 1, 2), (1, 1, 2)), parse_target(name), [blocked(x, shape[0]), y], 1)
    np.testing.assert_array_equal(y.array, np.float32([1.0, np.inf, -3.4028234663852886e38]))


@pytest.mark.parametrize("name", TARGETS)
@pytest.mark.parametrize("dtype", ["int8", "uint8"])
def test_max_pooling_of_bytes(name, dtype):
    x = np.random.default_rng(0).integers(0, 256, size=(1, 1, 9, 9, 16)).astype(np.uint8).view(dtype)
    code = {"int8": "i8", "uint8": "u8"}[dtype]
    kernel = PoolKernel(
        Geometry(16, 16, (1, 9, 9), dtype=code), Geometry(16, 16, (1, 4, 4), dtype=code), "max", (1, 3, 3), (1, 2, 2)
    )
    y = Memory(4 * 4 * 16, dtype)
    execute(kernel, parse_target(name), [Memory.of(x), y], 1)
    expected = np.max([x[0, 0, i : i + 7 : 2, j : j + 7 : 2] for i in range(3) for j in range(3)], axis=0)
    np.testing.assert_array_equal(y.array.reshape(4, 4, 16), expected)


@pytest.mark.parametrize("name", TARGETS)
def test_averages_of_bytes_are_quotients_rounded_once(name):
    target, lanes = parse_target(name), parse_target(name).lanes()
    for area in (3, 5, 7, 9, 25, 49, 81):
        sums = np.arange(255 * area + 1)
        x = np.minimum(np.maximum(sums[:, None] - 255 * np.arange(area), 0), 255).astype(np.uint8)  # every sum that a window may have
        pixels = np.repeat(x.reshape(-1, 1), lanes, axis=1)
        spec = PoolKernel(Geometry(lanes, lanes, (1, 1, x.size), dtype="u8"), Geometry(lanes, lanes, (1, 1, sums.size)), "avg", (1, 1, area), (1, 1, area))
        y = Memory(sums.size * lanes)
        execute(spec, target, [Memory.of(pixels), y], 1)
        np.testing.assert_array_equal(y.array.reshape(-1, lanes)[:, 0], sums.astype(np.float32) / np.float32(area))


def test_unknown_poolings_are_refused():
    x = Geometry(8, 8, (1, 4, 4))
    with pytest.raises(CodegenError, match="max, avg, sum or lp"):
        PoolKernel(x, x, "median", (1, 1, 1))
    with pytest.raises(CodegenError, match="keeps channels"):
        PoolKernel(x, Geometry(8, 4, (1, 4, 4)), "max", (1, 1, 1))
    with pytest.raises(CodegenError, match="not avg of i8 to i8"):
        PoolKernel(Geometry(8, 8, (1, 4, 4), dtype="i8"), Geometry(8, 8, (1, 4, 4), dtype="i8"), "avg", (1, 1, 1))
