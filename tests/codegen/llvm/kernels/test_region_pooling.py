"""Regions of interest of blocked and plain maps against the reference evaluator."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ngc.codegen.llvm.kernel import Geometry
from ngc.codegen.llvm.kernels.expression import N
from ngc.codegen.llvm.kernels.ps_roi_pool import PsRoiPoolKernel
from ngc.codegen.llvm.kernels.region_pooling import RegionKernel
from ngc.codegen.llvm.kernels.roi_align import RoiAlignKernel, RotatedRoiAlignKernel
from ngc.codegen.llvm.kernels.roi_max_pool import RoiMaxPoolKernel
from ngc.errors import CodegenError
from ngc.ir import opdef
from ngc.target import parse_target
from tests.codegen.llvm.kernels.harness import TARGETS, Buffer, blocked, halo_untouched, run, unblocked

HALO = ((0, 0), (1, 2), (2, 1))


def regions_of(rng: np.random.Generator, count: int, images: int) -> np.ndarray:
    """Returns regions in, around and outside of a map of up to 9 pixels, some of images that do not exist."""
    regions = rng.uniform(-5, 12, (count, 5)).astype(np.float32)
    regions[:, 0] = rng.integers(-1, images + 1, count)
    regions[:, 3:] = regions[:, 1:3] + rng.uniform(-2, 14, (count, 2))
    return regions


def check(kernel: RegionKernel, name: str, op: str, x: np.ndarray, regions: np.ndarray, n: int, cuts: list[int], **attrs: Any) -> None:
    """Runs a kernel and compares it with what the operator means."""
    y = Buffer(len(regions) * kernel.y.stride_n)
    run(kernel, parse_target(name), [blocked(x[:, :, None], kernel.x, np.nan), Buffer.of(regions), y], n, cuts)
    definition = opdef(op)
    attrs = definition.check_attrs({"pooled_size": kernel.bins, "spatial_scale": kernel.spatial_scale, **attrs})
    expected = definition.evaluate_arrays([x, regions], attrs)[0]
    found = unblocked(y, kernel.y, len(regions))[:, :, 0]
    # Bins of up to 14 x 14 samples; the reference sums in double precision, and places of samples are some roundings off.
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=3e-5)
    assert halo_untouched(y, kernel.y, len(regions))


@settings(deadline=None, max_examples=30)
@given(
    st.sampled_from(TARGETS), st.sampled_from((RoiAlignKernel, RoiMaxPoolKernel)), st.integers(1, 2), st.integers(1, 3), st.sampled_from((1, 3, 16, 33, 64)),
    st.sampled_from(((1, 1), (5, 9), (7, 3))), st.sampled_from(((1, 1), (2, 3), (7, 7))), st.sampled_from((0.5, 1.0)), st.sampled_from((-1, 1, 2)),
    st.booleans(), st.booleans(), st.booleans(), st.integers(0, 10**6), st.lists(st.integers(0, 20), max_size=2),
)  # fmt: skip
def test_regions_are_the_references(name, kind, n, count, channels, size, bins, scale, samples, aligned, is_blocked, haloed, seed, cuts):
    rng = np.random.default_rng(seed)
    block = parse_target(name).lanes() if is_blocked else 1
    halo = HALO if haloed else ((0, 0),) * 3
    x = rng.normal(size=(n, channels, *size)).astype(np.float32)
    attrs = {"sample_ratio": samples, "aligned": aligned} if kind is RoiAlignKernel else {}
    kernel = kind(Geometry(channels, block, (1, *size), halo), Geometry(channels, block, (1, *bins), halo), N(1), N(count), scale, **attrs)
    regions = regions_of(rng, n * count, n)
    if aligned:
        regions[:, 3:] = regions[:, 1:3] + abs(regions[:, 3:] - regions[:, 1:3])  # MXNet refuses others
    check(kernel, name, "roi_align" if attrs else "roi_max_pool", x, regions, n, cuts, **attrs)


@settings(deadline=None, max_examples=30)
@given(
    st.sampled_from(TARGETS), st.integers(1, 2), st.sampled_from((1, 16, 33)), st.sampled_from(((1, 1), (2, 3))), st.sampled_from((-1, 2)), st.booleans(),
    st.integers(0, 10**6), st.lists(st.integers(0, 20), max_size=1),
)  # fmt: skip
def test_rotated_regions_are_the_references(name, n, channels, bins, samples, is_blocked, seed, cuts):
    rng = np.random.default_rng(seed)
    block = parse_target(name).lanes() if is_blocked else 1
    kernel = RotatedRoiAlignKernel(Geometry(channels, block, (1, 6, 9)), Geometry(channels, block, (1, *bins)), N(1), N(3), 0.5, sample_ratio=samples)
    count = 3 * n
    sizes = [*rng.uniform(-2, 20, (2, count)), *rng.uniform(0.3, 25, (2, count)), rng.uniform(-400, 400, count)]
    regions = np.stack([rng.integers(-1, n + 1, count), *sizes], 1).astype(np.float32)
    # A sample at the edge of what counts may fall on either side of it, since sines are some roundings apart: maps are zero there.
    x = rng.normal(size=(n, channels, 6, 9)).astype(np.float32)
    x[:, :, [0, -1]] = x[:, :, :, [0, -1]] = 0
    check(kernel, name, "rotated_roi_align", x, regions, n, cuts, sample_ratio=samples)


@settings(deadline=None, max_examples=20)
@given(st.sampled_from(TARGETS), st.integers(1, 2), st.integers(1, 4), st.sampled_from(((1, 2), (3, 3))), st.integers(0, 10**6))
def test_each_bin_may_read_channels_of_its_own(name, n, channels, bins, seed):
    rng = np.random.default_rng(seed)
    maps = channels * bins[0] * bins[1]
    x = rng.normal(size=(n, maps, 6, 5)).astype(np.float32)
    kernel = RoiAlignKernel(Geometry(maps, 1, (1, 6, 5)), Geometry(channels, 1, (1, *bins)), N(1), 3, 0.5, position_sensitive=True, sample_ratio=2)
    check(kernel, name, "roi_align", x, regions_of(rng, 3, n), n, [], position_sensitive=True, sample_ratio=2)


@settings(deadline=None, max_examples=20)
@given(st.sampled_from(TARGETS), st.integers(1, 2), st.integers(1, 4), st.sampled_from((1, 2, 3)), st.sampled_from((1, 2, 7)), st.integers(0, 10**6))
def test_groups_have_channels_of_their_own(name, n, channels, groups, bins, seed):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, channels * groups**2, 6, 5)).astype(np.float32)
    kernel = PsRoiPoolKernel(Geometry(x.shape[1], 1, (1, 6, 5)), Geometry(channels, 1, (1, bins, bins)), N(1), 3, 0.5, groups)
    check(kernel, name, "ps_roi_pool", x, regions_of(rng, 3, n), n, [], pooled_size=bins, channels=channels, groups=groups)


@pytest.mark.parametrize("name", TARGETS)
def test_regions_that_no_number_describes_touch_nothing_else(name):
    x = np.ones((1, 3, 4, 4), np.float32)
    images = [[image, 0, 0, 2, 2] for image in (np.nan, 1e30, -np.inf)]
    regions = np.float32([*images, [0, np.nan, 0, 2, 2], [0, -1e30, 0, 1e30, 2], [0, 0, 0, np.inf, np.inf]])
    for kind in (RoiAlignKernel, RoiMaxPoolKernel, PsRoiPoolKernel):
        kernel = kind(Geometry(3, 1, (1, 4, 4)), Geometry(3, 1, (1, 2, 2)), 1, 6, 1.0)
        y = Buffer(6 * 3 * 4)
        run(kernel, parse_target(name), [Buffer.of(x), Buffer.of(regions), y], 1)
        assert (y.array.reshape(6, -1)[:3] == 0).all()


@pytest.mark.parametrize("name", TARGETS)
@pytest.mark.parametrize("kind", [RoiMaxPoolKernel, PsRoiPoolKernel])
def test_corners_that_are_no_numbers(name, kind):
    rows = np.tile(np.float32([0, 1, 1, 3, 3]), (4, 1))
    np.fill_diagonal(rows[:, 1:], np.nan)
    x = np.ones((1, 3 if kind is RoiMaxPoolKernel else 12, 5, 5), np.float32)
    kernel = kind(Geometry(x.shape[1], 1, (1, 5, 5)), Geometry(3, 1, (1, 2, 2)), 1, 4, 1.0, *([2] if kind is PsRoiPoolKernel else []))
    y = Buffer(4 * 3 * 4)
    run(kernel, parse_target(name), [Buffer.of(x), Buffer.of(rows), y], 1)
    assert (y.array == 0).all()
    attrs = {"pooled_size": kernel.bins} if kind is RoiMaxPoolKernel else {"pooled_size": 2, "channels": 3, "groups": 2}
    definition = opdef("roi_max_pool" if kind is RoiMaxPoolKernel else "ps_roi_pool")
    assert (definition.evaluate_arrays([x, rows], definition.check_attrs({"spatial_scale": 1.0, **attrs}))[0] == 0).all()


def test_maps_and_bins_of_different_blocks_are_refused():
    with pytest.raises(CodegenError, match="blocks of 16 cannot become bins in blocks of 1"):
        RoiMaxPoolKernel(Geometry(16, 16, (1, 4, 4)), Geometry(16, 1, (1, 2, 2)), 1, 1, 1.0)
    with pytest.raises(CodegenError, match="each from channels of its own"):
        RoiAlignKernel(Geometry(64, 16, (1, 4, 4)), Geometry(16, 16, (1, 2, 2)), 1, 1, 1.0, position_sensitive=True)
