"""Streaming histograms: what they count, how they grow, and that neither pieces nor merging lose anything."""

import math
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from ngc.calibration.channels import Channels
from ngc.calibration.histogram import FIRST_BINS, MOST_BINS, Histogram
from ngc.errors import InputError

EDGE = MOST_BINS / 2 * 6 * 2**-24
"""The part of a bin's width within which an element may be counted on the other side of an edge: it is scaled down by 2^-22 and rounded twice."""

magnitudes = st.sampled_from([0.0, 1e-42, 1e-12, 0.3, 1.0, 3.9, 25.0, 1e4, 1e30])
seeds = st.integers(0, 2**32 - 1)


def data(magnitude: float, seed: int, shape: tuple[int, ...] = (3, 4, 5)) -> NDArray[np.float32]:
    return (np.random.default_rng(seed).uniform(-1, 1, shape) * magnitude).astype(np.float32)


def observed(*arrays: NDArray[np.float32], peak: float = 0.0) -> Histogram:
    histogram = Histogram.of_channels(arrays[0].shape[1])
    for array in arrays:
        histogram.observe(array, name="x", peak=peak)
    return histogram


@given(st.lists(st.tuples(magnitudes, seeds), min_size=1, max_size=4))
def test_everything_is_counted_where_it_lies(parts: list[tuple[float, int]]) -> None:
    arrays = [data(*part) for part in parts]
    histogram = observed(*arrays)
    everything = np.concatenate(arrays)
    assert histogram.counts.sum() == everything.size
    assert (histogram.low, histogram.high) == (everything.min(), everything.max())
    assert len(histogram.counts) % 2 == 1
    assert len(histogram.counts) <= MOST_BINS
    assert histogram.threshold >= np.abs(everything).max()
    assert histogram.channels is not None
    np.testing.assert_array_equal(histogram.channels.lows, everything.min(axis=(0, 2)))
    np.testing.assert_array_equal(histogram.channels.highs, everything.max(axis=(0, 2)))
    largest = float(np.abs(everything).max())
    # Five elements are summed in float32, the rest in float64.
    np.testing.assert_allclose(histogram.channels.means or (), everything.mean(axis=(0, 2), dtype=np.float64), rtol=0, atol=5 * 2**-24 * largest)


@given(magnitudes.filter(bool), seeds)
def test_bins_are_those_of_numpy(magnitude: float, seed: int) -> None:
    array = data(magnitude, seed, (1, 1, 2000))
    histogram = observed(array)
    wanted, _ = np.histogram(array.astype(np.float64), histogram.edges)
    positions = array.astype(np.float64).ravel() / histogram.step - 0.5
    close = np.count_nonzero(np.abs(positions - np.rint(positions)) < EDGE)
    assert len(histogram.counts) == FIRST_BINS
    assert np.abs(histogram.counts - wanted).sum() <= 2 * close


@given(st.lists(st.tuples(magnitudes, seeds), min_size=1, max_size=4), st.data())
def test_pieces_of_a_batch_make_the_same_histogram(parts: list[tuple[float, int]], draw: st.DataObject) -> None:
    whole = np.concatenate([data(*part) for part in parts])
    cuts = sorted(draw.draw(st.sets(st.integers(1, len(whole) - 1), max_size=3)))
    peak = float(np.abs(whole).max())
    assert observed(*np.split(whole, cuts), peak=peak) == observed(whole)
    later = data(7.0, 1)
    assert observed(*np.split(whole, cuts), later, peak=peak) == observed(whole, later, peak=peak)


@given(st.lists(st.tuples(magnitudes, seeds), min_size=1, max_size=3), st.lists(st.tuples(magnitudes, seeds), min_size=1, max_size=3))
def test_merging_counts_what_counting_both_does(first: list[tuple[float, int]], second: list[tuple[float, int]]) -> None:
    left, right = [data(*part) for part in first], [data(*part) for part in second]
    merged = observed(*left).merged(observed(*right))
    everything = np.concatenate([*left, *right]).astype(np.float64)
    assert merged.counts.sum() == everything.size
    assert (merged.low, merged.high) == (everything.min(), everything.max())
    assert merged == observed(*right).merged(observed(*left))
    assert merged.channels is not None
    np.testing.assert_array_equal(merged.channels.lows, everything.min(axis=(0, 2)))
    np.testing.assert_array_equal(merged.channels.highs, everything.max(axis=(0, 2)))
    np.testing.assert_allclose(merged.channels.means or (), everything.mean(axis=(0, 2)), rtol=0, atol=5 * 2**-24 * float(np.abs(everything).max()))
    if merged.step:
        # An element moves by less than half a finer bin, which is no wider, and to the middle of its bin.
        reached = (1.5 + EDGE) * merged.step
        ordered = np.sort(everything.ravel())
        counted = np.concatenate([[0], np.cumsum(merged.counts)])
        assert np.all(counted >= np.searchsorted(ordered, merged.edges - reached))
        assert np.all(counted <= np.searchsorted(ordered, merged.edges + reached, side="right"))


def test_bins_grow_as_mxnet_has_them_grow(mx: ModuleType) -> None:
    combine = mx.contrib.quantization.combine_histogram
    rng = np.random.default_rng(0)
    histogram, theirs = Histogram(), None
    for scale in (1.0, 0.5, 1.7, 3.0, 2.0, 3.5):
        array = rng.normal(0, scale, 5000).astype(np.float32)
        histogram.observe(array, name="x")
        low, high = float(array.min()), float(array.max())
        peak = max(-low, high)
        first = (*np.histogram(array, bins=FIRST_BINS, range=(-peak, peak)), low, high, peak)
        theirs = first if theirs is None else combine(theirs, array, low, high, peak)
        assert len(histogram.counts) == len(theirs[0])
        assert np.abs(histogram.counts - theirs[0]).sum() <= EDGE * 2 * theirs[0].sum()
        assert histogram.threshold == pytest.approx(theirs[4], rel=1e-12)


def test_memory_is_bounded_however_far_off_the_first_data_was() -> None:
    histogram = observed(data(1e-6, 1), data(1e6, 2), data(1e30, 3))
    assert len(histogram.counts) <= MOST_BINS
    assert histogram.counts.sum() == 180
    assert histogram.counts[histogram.half] == 120, "small data is all in the middle bin now"


def test_zeros_leave_the_width_of_bins_open() -> None:
    histogram = observed(data(0, 1), data(2.0, 2))
    assert histogram.step == observed(data(2.0, 2)).step
    assert histogram.counts[histogram.half] >= 60
    assert observed(data(0, 1)).step == 0


def test_channels_of_matrices_are_their_columns() -> None:
    histogram = Histogram.of_channels(3)
    histogram.observe(np.array([[1, 2, 4], [3, 2, 0]], np.float32), name="x")
    channels = histogram.channels
    assert channels is not None
    assert (channels.means, channels.lows.tolist(), channels.highs.tolist()) == ((2, 2, 2), [1, 2, 0], [3, 2, 4])
    undivided = Histogram.of_channels(None)
    undivided.observe(np.ones((2, 3), np.float32), name="x")
    assert undivided.channels is None
    assert histogram.merged(undivided).channels is None
    assert Channels.empty(3).means is None


def test_each_part_of_the_channels_tells_histograms_apart() -> None:
    array = np.array([[1, 2, 4], [3, 2, 0]], np.float32)
    same, *others = (Histogram.of_channels(3) for _ in range(4))
    for histogram in (same, *others):
        histogram.observe(array, name="x")
    first = same.copy()
    assert first == same
    for histogram, part in zip(others, ("lows", "highs", "sums"), strict=True):
        getattr(histogram.channels, part)[1] += 1
        assert histogram != same
    assert same.channels != 3
    assert same.channels is not None
    same.channels.highs[0] = 7
    assert first.channels is not None
    assert first.channels.highs[0] == 3, "copies are independent"


def test_sums_of_huge_elements_stay_finite() -> None:
    histogram = Histogram.of_channels(1)
    histogram.observe(np.full((1, 1, 100), 3e38, np.float32), name="x")
    assert histogram.channels is not None
    assert histogram.channels.means == pytest.approx((3e38,), rel=1e-6)


@pytest.mark.parametrize("wrong", [math.nan, math.inf, -math.inf])
def test_numbers_that_are_not_finite(wrong: float) -> None:
    array = np.ones((1, 2, 3), np.float32)
    array[0, 1, 1] = wrong
    histogram = Histogram.of_channels(2)
    message = ("the value 'conv0' has 1 NaN or infinite elements of 6; calibration needs finite ones: look at the data, whether it is scaled as in training, "
               "and at the parameters")
    with pytest.raises(InputError) as raised:
        histogram.observe(array, name="conv0")
    assert str(raised.value) == message
    assert histogram == Histogram.of_channels(2)


def test_copies_are_independent() -> None:
    histogram = observed(data(1.0, 1))
    copy = histogram.copy()
    copy.observe(data(1.0, 2), name="x")
    assert histogram == observed(data(1.0, 1))
    assert histogram != copy
    assert histogram != 3
