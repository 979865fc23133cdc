"""Entropy calibration beside MXNet's own operator, on the same histograms."""

from types import ModuleType

import numpy as np
import pytest
from numpy.typing import NDArray

from ngc.calibration.entropy import Windows, entropy, least_divergence
from ngc.calibration.entropy_estimate import estimate_divergences
from ngc.calibration.histogram import Histogram


def make(kind: str) -> NDArray[np.float32]:
    rng = np.random.default_rng(1)
    relu = np.maximum(rng.normal(size=200_000), 0)
    made = {"relu": relu, "normal": rng.normal(size=100_000), "laplace": rng.laplace(size=50_000), "exponential": rng.exponential(size=50_000),
            "few": rng.normal(size=300), "mixture": np.concatenate([rng.normal(size=50_000), rng.normal(0, 20, 500)]), "cauchy": rng.standard_cauchy(5_000),
            "sigmoid": 1 / (1 + np.exp(-rng.normal(size=50_000))), "clipped": np.minimum(relu, 1), "constant": np.full(7, 3.0), "one sided": -relu,
            "many": np.tile(relu, 30), "central": np.append(np.zeros(5), 1e-9 * np.ones(3))}[kind]
    return made.astype(np.float32)


KINDS = ["relu", "normal", "laplace", "exponential", "few", "mixture", "cauchy", "sigmoid", "clipped", "constant", "one sided", "many", "central"]


def histogram_of(array: NDArray[np.float32]) -> Histogram:
    histogram = Histogram()
    histogram.observe(array, name="x")
    return histogram


def all_divergences(counts: NDArray[np.int64], groups: int) -> NDArray[np.float32]:
    halves = np.arange(groups // 2, len(counts) // 2 + 1)
    windows = Windows(counts, groups)
    return np.concatenate([windows.divergences(some) for some in np.array_split(halves, 40)])


@pytest.mark.parametrize("dtype", ["auto", "int8"])
@pytest.mark.parametrize("kind", KINDS)
def test_thresholds_are_those_of_mxnet(mx: ModuleType, kind: str, dtype: str) -> None:
    histogram = histogram_of(make(kind))
    data = (histogram.counts, histogram.edges, histogram.low, histogram.high, histogram.threshold)
    _, _, threshold, divergence = mx.contrib.quantization._get_optimal_threshold(data, dtype)
    unsigned = histogram.low >= 0 and dtype == "auto"
    half, ours = least_divergence(histogram.counts, 511 if unsigned else 255)
    wanted, least = float(threshold.item()), float(divergence.item())
    # A logarithm that is rounded the other way moves one term of at most a few thousand by one unit in the last place.
    assert ours == pytest.approx(least, rel=2e-6, abs=1e-9)
    low, high = entropy(histogram, dtype)
    assert low == (0 if unsigned else -high)
    if high != wanted:
        theirs = int(np.searchsorted(histogram.edges.astype(np.float32), np.float32(wanted))) - histogram.half - 1
        [other] = Windows(histogram.counts, 511 if unsigned else 255).divergences(np.array([theirs]))
        assert other == pytest.approx(ours, rel=2e-6, abs=1e-9), f"{half} and {theirs} bins are equally good"


@pytest.mark.parametrize("kind", KINDS)
def test_estimates_differ_by_rounding_and_no_better_window_is_left_out(kind: str) -> None:
    counts = histogram_of(make(kind)).counts
    for groups in (255, 511):
        divergences = all_divergences(counts, groups)
        best = int(np.argmin(divergences))
        assert least_divergence(counts, groups) == (best + groups // 2, divergences[best])
        estimates, spare = estimate_divergences(counts, groups)
        np.testing.assert_array_equal(np.isfinite(estimates), np.isfinite(divergences))
        finite = np.isfinite(estimates)
        # Three sums of up to 8001 terms in float32, one after the other.
        bound = 3 * len(counts) * 2.0**-24
        assert np.all(np.abs(divergences[finite] - estimates[finite]) <= bound * (1 + np.abs(estimates[finite])) + spare[finite])


def test_an_empty_window_is_never_best() -> None:
    counts = np.zeros(8001, np.int64)
    counts[[0, -1]] = 5
    half, divergence = least_divergence(counts, 255)
    assert (half, divergence) == (4000, pytest.approx(float(all_divergences(counts, 255)[-1])))
