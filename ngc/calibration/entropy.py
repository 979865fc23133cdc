"""MXNet's entropy calibration: the threshold whose clipped and quantized distribution diverges least from the data's.

For every window of bins around zero, the distribution p is the histogram clipped to the window, what lies outside added to its outermost bins; q is the
window's histogram merged into 255 groups (511 for data that is never negative), each spread evenly over those of its bins where p is not zero. Both are
smoothed, and the window with the smallest Kullback-Leibler divergence of p from q gives the threshold. MXNet does all of that in float32 and sums
from left to right, which moves the threshold where divergences are nearly equal; so does this module. It evaluates so, however, only the windows that a
quick estimate in float64 (`entropy_estimate`) finds best: as many as it takes until the others are further off than the estimate was ever wrong.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ngc.calibration.entropy_estimate import EPS, estimate_divergences
from ngc.calibration.histogram import Histogram
from ngc.errors import InputError

_AT_ONCE = 48
"""Windows that are evaluated together."""


def entropy(histogram: Histogram, quantized_dtype: str = "auto") -> tuple[float, float]:
    """Returns the range that MXNet chooses: (0, threshold) for data that is never negative, unless the dtype is "int8", else (-threshold, threshold).

    Args:
        histogram: what was counted.
        quantized_dtype: MXNet's parameter of that name: "auto", "uint8" or "int8".

    Raises:
        InputError: another dtype.
    """
    check_quantized_dtype(quantized_dtype)
    unsigned = histogram.low >= 0 and quantized_dtype != "int8"
    half, _ = least_divergence(histogram.counts, 511 if unsigned else 255)
    threshold = float(np.float32(histogram.edges[histogram.half + half + 1]))
    return 0.0 if unsigned else -threshold, threshold


def check_quantized_dtype(quantized_dtype: Any) -> None:
    """Raises InputError for another dtype than MXNet knows."""
    if quantized_dtype not in ("auto", "uint8", "int8"):
        raise InputError(f"entropy takes quantized_dtype auto, uint8 or int8, not {quantized_dtype!r}")


def least_divergence(counts: NDArray[np.int64], groups: int) -> tuple[int, float]:
    """Returns the first window with the least divergence, as its number of bins on each side of the central one, and that divergence."""
    window = Windows(counts, groups)
    estimates, spare = estimate_divergences(window.whole, groups)
    found = np.full(len(estimates), np.inf, np.float32)
    error = 0.0
    for numbers in _batches(np.argsort(estimates, kind="stable")):
        if estimates[numbers[0]] - spare[numbers[0]] > found.min() + 2 * error:
            break
        found[numbers] = window.divergences(numbers + groups // 2)
        finite = numbers[np.isfinite(found[numbers]) & np.isfinite(estimates[numbers])]
        error = max(error, float(np.abs(found[finite] - estimates[finite]).max(initial=0.0)))
    best = int(np.argmin(found))
    return best + groups // 2, float(found[best])


def _batches(order: NDArray[np.intp]) -> Iterator[NDArray[np.intp]]:
    for start in range(0, len(order), _AT_ONCE):
        yield np.sort(order[start:start + _AT_ONCE])


class Windows:
    """A histogram as MXNet's operator sees it: counts in float32, and the sums that its windows share."""

    def __init__(self, counts: NDArray[np.int64], groups: int) -> None:
        self.counts = counts.astype(np.float32)
        self.whole = self.counts.astype(np.int64)
        self.groups = groups
        self.middle = len(counts) // 2
        self._sums = np.concatenate([[0], np.cumsum(self.whole)])
        self._filled = np.concatenate([[0], np.cumsum(self.whole != 0)])
        self._below = np.add.accumulate(self.counts)

    def divergences(self, halves: NDArray[np.intp]) -> NDArray[np.float32]:
        """Returns the divergence of each window; inf where the smoothing of q fails.

        A column is a window, a row is a bin, so that sums over rows go from left to right in every column; zeros outside of a window add nothing.

        Args:
            halves: how many bins each window has on either side of the central one.
        """
        starts, stops, sizes = self.middle - halves, self.middle + halves + 1, 2 * halves + 1
        base, last = int(starts.min()), int(stops.max())
        bins = np.arange(base, last)[:, None]
        columns = np.arange(len(halves))
        outside = (bins < starts) | (bins >= stops)
        p = np.repeat(self.counts[base:last, None], len(halves), axis=1)
        p[starts - base, columns] = self._below[starts]
        p[stops - 1 - base, columns] = [np.add.accumulate(self.counts[stop - 1:])[-1] for stop in stops]
        p[outside] = 0
        group = np.minimum(np.maximum(bins - starts, 0) // (sizes // self.groups), self.groups - 1)
        q = self._levels(starts, stops, sizes)[group, columns]
        q[p == 0] = 0
        p, _ = _smooth(p, sizes, outside)
        q, failed = _smooth(q, sizes, outside)
        p /= np.add.reduce(p, axis=0)
        q /= np.add.reduce(q, axis=0)
        q[outside] = 1
        ratios = np.divide(p, q, out=q)
        ratios[outside] = 1
        # The C library's logf is a logarithm in double precision that is rounded once.
        terms = np.log(ratios, dtype=np.float64).astype(np.float32)
        terms *= p
        result: NDArray[np.float32] = np.add.reduce(terms, axis=0)
        result[failed] = np.inf
        return result

    def _levels(self, starts: NDArray[np.intp], stops: NDArray[np.intp], sizes: NDArray[np.intp]) -> NDArray[np.float32]:
        """Returns each group's count per bin that is not empty; [groups, windows]. The window's first bin counts as outside."""
        edges = starts + np.arange(self.groups + 1)[:, None] * (sizes // self.groups)
        edges[-1] = stops
        begins = edges[:-1].copy()
        begins[0] += 1
        filled = self._filled[edges[1:]] - self._filled[begins]
        sums = self._sums[edges[1:]] - self._sums[begins]
        levels: NDArray[np.float32] = sums.astype(np.float32) / np.maximum(filled, 1).astype(np.float32)
        return levels


def _smooth(p: NDArray[np.float32], sizes: NDArray[np.intp], outside: NDArray[np.bool_]) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Returns columns whose zeros are EPS, taken in equal parts from what is not zero; and the columns where there is too little to take from."""
    filled = p != 0
    count = filled.sum(axis=0)
    small = np.float32(EPS)
    taken = small * (sizes - count).astype(np.float32) / np.maximum(count, 1).astype(np.float32)
    smoothed: NDArray[np.float32] = np.where(filled, p - taken, small)
    smoothed[outside] = 0
    return smoothed, (count == 0) | (taken >= 1)
