"""Ranges from histograms: min-max, percentiles and least squared error, against plain computations."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from ngc.calibration.histogram import Histogram
from ngc.calibration.squared_error import candidates, squared_errors
from ngc.calibration.thresholds import MODES, select_range
from ngc.errors import InputError


def draw(kind: str, size: int = 4000, seed: int = 0) -> NDArray[np.float32]:
    rng = np.random.default_rng(seed)
    made = {"relu": np.maximum(rng.normal(size=size), 0), "normal": rng.normal(0.5, 2, size), "laplace": rng.laplace(size=size),
            "positive": rng.uniform(3, 4, size), "negative": -rng.exponential(size=size), "relu6": np.clip(rng.normal(3, 3, size), 0, 6),
            "outliers": np.append(rng.normal(size=size), [40, -90]), "constant": np.full(size, 2.5), "denormal": rng.normal(size=size) * 1e-41}[kind]
    return made.astype(np.float32)


KINDS = ["relu", "normal", "laplace", "positive", "negative", "relu6", "outliers", "constant", "denormal"]


def histogram_of(array: NDArray[np.float32]) -> Histogram:
    histogram = Histogram()
    histogram.observe(array, name="x")
    return histogram


def quantization_error(values: NDArray[np.float64], low: float, high: float) -> float:
    """Returns the sum of squared errors of the affine grid of 256 numbers over a range."""
    scale = (high - low) / 255
    zero = np.rint(-low / scale)
    quantized = np.clip(np.rint(values / scale) + zero, 0, 255)
    return float(np.sum(((quantized - zero) * scale - values) ** 2))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("mode", MODES)
def test_ranges_contain_zero(kind: str, mode: str) -> None:
    array = draw(kind)
    low, high = select_range(histogram_of(array), mode)
    assert low <= 0 <= high
    assert low < high
    if mode != "entropy":  # MXNet's is symmetric, whatever the data
        assert low >= min(array.min(), 0)
        assert high <= max(array.max(), 0)


@pytest.mark.parametrize("mode", MODES)
def test_a_value_that_is_always_zero(mode: str) -> None:
    assert select_range(histogram_of(np.zeros(5, np.float32)), mode) == (0, 0)
    assert select_range(Histogram(counts=np.zeros(8001, np.int64), low=0.0, high=0.0), mode) == (0, 0)


def test_naive_is_the_extrema() -> None:
    assert select_range(histogram_of(np.array([-3, 5], np.float32)), "naive") == (-3, 5)
    assert select_range(histogram_of(np.array([3, 5], np.float32)), "naive") == (0, 5)


@given(st.sampled_from(["relu", "normal", "laplace", "negative"]), st.sampled_from([99.99, 99.0, 90.0, 60.0]), st.integers(0, 1000))
@settings(max_examples=40)
def test_percentiles_leave_out_the_share_asked_for(kind: str, percent: float, seed: int) -> None:
    array = draw(kind, seed=seed).astype(np.float64)
    histogram = histogram_of(array.astype(np.float32))
    low, high = select_range(histogram, "percentile", percent=percent)
    share = 1 - percent / 100
    above, under = (share / 2, share / 2) if kind in ("normal", "laplace") else (share, 0) if kind == "relu" else (0, share)
    # As many elements as lie in the bin of the end, and one that is split, may be on either side of it.
    for outside, end, part in ((array, high, above), (-array, -low, under)):
        if part and end > histogram.step:
            most, least = np.count_nonzero(outside >= end - 1.01 * histogram.step), np.count_nonzero(outside > end + 1.01 * histogram.step)
            assert least <= part * array.size + 1
            assert most >= part * array.size - 1
    if not above:
        assert high == 0
    if not under:
        assert low == 0


def test_all_of_a_percentile_is_the_extrema() -> None:
    for kind in KINDS:
        histogram = histogram_of(draw(kind))
        assert select_range(histogram, "percentile", percent=100) == select_range(histogram, "naive")


@pytest.mark.parametrize("kind", KINDS)
def test_the_squared_error_is_least_among_the_candidates(kind: str) -> None:
    histogram = histogram_of(draw(kind, 500))
    elements = np.repeat(histogram.centres, histogram.counts)
    lows, highs = candidates(histogram)
    brute = np.array([quantization_error(elements, low, high) for low, high in zip(lows, highs, strict=True)])
    # Moments are differences of sums of squares of all elements, in float64.
    slack = 1e-12 * float(np.sum(elements ** 2))
    np.testing.assert_allclose(squared_errors(histogram, lows, highs), brute, rtol=1e-9, atol=slack)
    assert quantization_error(elements, *select_range(histogram, "mse")) <= brute.min() * (1 + 1e-9) + slack


def test_outliers_are_cut_off_where_that_pays() -> None:
    array = np.append(draw("normal", 100_000), np.float32(60))
    low, high = select_range(histogram_of(array), "mse")
    exact = array.astype(np.float64)
    assert high < 55
    assert quantization_error(exact, low, high) < quantization_error(exact, float(array.min()), 60.0)


def test_messages() -> None:
    histogram = histogram_of(draw("relu"))
    for mode, parameters, message in (
            ("max", {}, "unknown calibration mode 'max'; accepted is one of naive, percentile, mse, entropy"),
            ("percentile", {"percentage": 1}, "calibration mode 'percentile' has no parameter 'percentage'; it takes percent"),
            ("mse", {"percent": 99}, "calibration mode 'mse' has no parameter 'percent'; it takes none"),
            ("percentile", {"percent": 50}, "percentile takes percent above 50 and at most 100, not 50"),
            ("percentile", {"percent": [99]}, "percentile takes percent above 50 and at most 100, not [99]"),
            ("percentile", {"percent": 100.1}, "percentile takes percent above 50 and at most 100, not 100.1"),
            ("entropy", {"quantized_dtype": "int4"}, "entropy takes quantized_dtype auto, uint8 or int8, not 'int4'")):
        with pytest.raises(InputError) as raised:
            select_range(histogram, mode, **parameters)
        assert str(raised.value) == message
