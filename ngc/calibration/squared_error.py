"""The range with the least expected squared error of eight-bit integers.

A range [low, high] makes the affine grid of 256 numbers (q - z) * s with s = (high - low) / 255 and the whole z = round(-low / s), so that 0 is one of
them. An element costs the square of its distance from the nearest of these numbers; histograms give elements at the middles of their bins. The candidates
are the extrema, each shrunk by a power of `SHRINK` of its own. The error of a candidate comes from moments of the elements between the borders of the grid's
cells, which cumulative sums give: 256 look-ups instead of a pass over all bins.
"""

import numpy as np
from numpy.typing import NDArray

from ngc.calibration.histogram import Histogram

LEVELS = 256

SHRINK = 0.93
"""The ratio of neighbouring candidates: at the optimum the error changes by about its square."""

CANDIDATES = 40
"""Of each side: down to 6 % of the extremum."""

_AT_ONCE = 64
"""Candidates that are evaluated together, so that their borders stay in the cache."""


def mse(histogram: Histogram) -> tuple[float, float]:
    """Returns the candidate range of least squared error; the widest of those that are equal."""
    lows, highs = candidates(histogram)
    errors = squared_errors(histogram, lows, highs)
    best = int(np.argmin(errors))
    return float(lows[best]), float(highs[best])


def candidates(histogram: Histogram) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Returns the ends of all ranges to choose from, wider ones first."""
    factors = SHRINK ** np.arange(CANDIDATES)
    low, high = min(histogram.low, 0.0), max(histogram.high, 0.0)
    lows, highs = (end * factors if end else np.zeros(1) for end in (low, high))
    pairs = np.array([(a, b) for a in lows for b in highs])
    return pairs[:, 0], pairs[:, 1]


def squared_errors(histogram: Histogram, lows: NDArray[np.float64], highs: NDArray[np.float64]) -> NDArray[np.float64]:
    """Returns the sum over all elements of the squared error that each range's grid leaves."""
    centres = histogram.centres
    moments = [np.concatenate([[0.0], np.cumsum(histogram.counts * centres ** power)]) for power in (0, 1, 2)]
    errors = np.empty(len(lows))
    for start in range(0, len(lows), _AT_ONCE):
        some = slice(start, start + _AT_ONCE)
        errors[some] = _errors(histogram, moments, lows[some], highs[some])
    return errors


def _errors(histogram: Histogram, moments: list[NDArray[np.float64]], lows: NDArray[np.float64], highs: NDArray[np.float64]) -> NDArray[np.float64]:
    scale = ((highs - lows) / (LEVELS - 1))[:, None]
    zero = np.rint(-lows[:, None] / scale)
    levels = (np.arange(LEVELS) - zero) * scale
    # A cell's border is the number of the first bin whose middle lies at or beyond it.
    inner = np.ceil((levels[:, 1:] - scale / 2) / histogram.step).astype(np.intp) + histogram.half
    borders = np.zeros((len(lows), LEVELS + 1), np.intp)
    borders[:, 1:-1] = np.clip(inner, 0, len(histogram.counts))
    borders[:, -1] = len(histogram.counts)
    count, first, second = (np.diff(moment[borders], axis=1) for moment in moments)
    errors: NDArray[np.float64] = np.sum(second - 2 * levels * first + levels ** 2 * count, axis=1)
    return errors
