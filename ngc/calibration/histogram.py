"""A streaming histogram of one value: bins around zero as MXNet lays them, exact extrema, also of each channel, and sums, in bounded memory.

The first data that is not all zero sets the width of the bins: 8001 of them span [-a, a], a its largest magnitude. Larger data later
adds bins of the same width on both sides, no more than reach beyond it. That is MXNet's rule, but for one limit: where more than `MOST_BINS` would be
needed, three neighbours merge into one bin, so that memory stays bounded however far off the first data was.

Nothing depends on how data is cut into pieces, as long as the first piece is told the magnitude of the whole (`peak`).
"""

import math
import threading
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from ngc.calibration.channels import Channels
from ngc.errors import InputError

FIRST_BINS = 8001
"""Odd, so that one bin has zero in its middle."""

MOST_BINS = 4 * FIRST_BINS + 1
"""A quarter of a megabyte of counts."""

_CHUNK = 1 << 16
"""Elements that are binned at a time: they and their bin numbers stay in the second-level cache."""

_SINGLE_STEPS = (1e-30, 1e30)
"""Widths of bins for which float32 places elements; beyond, factors would leave its range."""

_INSIDE = 1 - 2**-22
"""Makes elements so much smaller that, rounded to float32 twice, the largest still lies in the last bin."""


class _Scratch(threading.local):
    """A thread's memory for one chunk: elements in units of bins, in both precisions, and the numbers of their bins."""

    def __init__(self) -> None:
        self.single = np.empty(_CHUNK, np.float32)
        self.double = np.empty(_CHUNK, np.float64)
        self.numbers = np.empty(_CHUNK, np.intp)


_scratch = _Scratch()


@dataclass(eq=False)
class Histogram:
    """Counts of a value's elements by bin, with what bins lose: extrema and sums.

    Attributes:
        counts: elements in each bin; bin i is centred at (i - half) * step. Elements within a hundredth of a bin's width of an edge may be counted on its
            other side.
        step: the width of a bin; 0 as long as all data was zero.
        low: the smallest element, +inf before there is any.
        high: the largest element, -inf before there is any.
        channels: extrema and sums of each channel; None for a value that is not split into channels.
    """

    counts: NDArray[np.int64] = field(default_factory=lambda: np.zeros(FIRST_BINS, np.int64))
    step: float = 0.0
    low: float = math.inf
    high: float = -math.inf
    channels: Channels | None = None

    @classmethod
    def of_channels(cls, channels: int | None) -> "Histogram":
        """Returns an empty histogram of a value with that many channels; None where its channels are not told apart."""
        return cls(channels=None if channels is None else Channels.empty(channels))

    @property
    def half(self) -> int:
        """Bins on each side of the central one."""
        return len(self.counts) // 2

    @property
    def threshold(self) -> float:
        """Where the outermost bins end."""
        return (self.half + 0.5) * self.step

    @property
    def edges(self) -> NDArray[np.float64]:
        """The bins' edges, one more than there are bins, as `np.histogram` gives them."""
        return np.linspace(-self.threshold, self.threshold, len(self.counts) + 1)

    @property
    def centres(self) -> NDArray[np.float64]:
        """The bins' middles; the central one is exactly 0."""
        return np.arange(-self.half, self.half + 1) * self.step

    def observe(self, array: NDArray[np.float32], *, name: str, peak: float = 0.0) -> None:
        """Counts the elements of a C-contiguous array; its channels are axis 1, or the last axis of a matrix.

        Args:
            name: the value's name, for messages.
            peak: the largest magnitude of the whole batch that the array is a part of; what the array itself has, unless given.

        Raises:
            InputError: an element is NaN or infinite; nothing is counted then.
        """
        if not array.size:
            return
        lows, highs = (array.min(), array.max()) if self.channels is None else self.channels.extrema(array)
        low, high = float(lows.min()), float(highs.max())
        _check_finite(low, high, array, name)
        self.low, self.high = min(self.low, low), max(self.high, high)
        self._cover(max(-low, high, peak))
        flat = array.reshape(-1)
        for start in range(0, flat.size, _CHUNK):
            self._count(flat[start:start + _CHUNK])
        if self.channels is not None:
            self.channels.observe(array, lows, highs, self.threshold)

    def copy(self) -> "Histogram":
        """Returns an independent copy."""
        return replace(self, counts=self.counts.copy(), channels=None if self.channels is None else self.channels.copy())

    def merged(self, other: "Histogram") -> "Histogram":
        """Returns the histogram of both data; the elements of the finer bins are counted where the middles of their bins lie in the coarser ones."""
        coarse, fine = (self, other) if (self.step, self.half) >= (other.step, other.half) else (other, self)
        result = Histogram(coarse.counts.copy(), coarse.step, min(self.low, other.low), max(self.high, other.high))
        if self.channels is not None and other.channels is not None:
            result.channels = self.channels.merged(other.channels)
        if result.step:
            result._cover(max(-fine.low, fine.high))
            filled = np.flatnonzero(fine.counts)
            places = np.rint((filled - fine.half) * (fine.step / result.step)).astype(np.int64) + result.half
            np.add.at(result.counts, np.clip(places, 0, len(result.counts) - 1), fine.counts[filled])
        else:
            result.counts += fine.counts
        return result

    def _cover(self, peak: float) -> None:
        """Adds bins until they reach as far as `peak`."""
        if not self.step:
            self.step = _first_step(peak)
        while peak > self.threshold:
            wanted = math.floor(peak / self.step - 0.5) + 1
            if 2 * wanted + 1 <= MOST_BINS:
                self.counts = np.pad(self.counts, max(wanted - self.half, 1))
            else:
                # Groups of three lie around zero as their bins do: a group's middle is its middle bin's.
                missing = (1 - self.half) % 3
                self.counts = np.pad(self.counts, missing).reshape(-1, 3).sum(axis=1)
                self.step *= 3

    def _count(self, chunk: NDArray[np.float32]) -> None:
        if not self.step:
            self.counts[self.half] += chunk.size
            return
        scaled: NDArray[np.floating] = _scratch.single if _SINGLE_STEPS[0] < self.step < _SINGLE_STEPS[1] else _scratch.double
        scaled, numbers = scaled[:chunk.size], _scratch.numbers[:chunk.size]
        np.multiply(chunk, scaled.dtype.type(_INSIDE / self.step), out=scaled, dtype=scaled.dtype)
        np.rint(scaled, out=scaled)  # before the shift, so that a bin does not depend on how many there are
        np.add(scaled, scaled.dtype.type(self.half), out=numbers, casting="unsafe")
        self.counts += np.bincount(numbers, minlength=len(self.counts))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Histogram):
            return NotImplemented
        mine, others = ((item.step, item.low, item.high, item.channels) for item in (self, other))
        return mine == others and np.array_equal(self.counts, other.counts)

    __hash__ = None  # type: ignore[assignment]  # it changes


def extrema(array: NDArray[np.float32], name: str) -> tuple[float, float]:
    """Returns the smallest and the largest element of an array that has any.

    Raises:
        InputError: an element is NaN or infinite.
    """
    low, high = float(array.min()), float(array.max())
    _check_finite(low, high, array, name)
    return low, high


def _check_finite(low: float, high: float, array: NDArray[np.float32], name: str) -> None:
    """Raises InputError where the extrema of an array are not finite."""
    if not (math.isfinite(low) and math.isfinite(high)):
        wrong = int(np.count_nonzero(~np.isfinite(array)))
        raise InputError(f"the value {name!r} has {wrong} NaN or infinite elements of {array.size}; calibration needs finite ones: "
                         "look at the data, whether it is scaled as in training, and at the parameters")


def _first_step(peak: float) -> float:
    """Returns the width of bins of which FIRST_BINS reach as far as `peak`."""
    step = 2 * peak / FIRST_BINS
    while (FIRST_BINS // 2 + 0.5) * step < peak:
        step = math.nextafter(step, math.inf)
    return step
