"""What calibration keeps of each channel of a value: extrema, exactly, and sums."""

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

_LARGE = 1e30
"""Above this magnitude the sum of an image's elements may leave the range of float32."""


@dataclass(eq=False)
class Channels:
    """Extrema and sums of the elements of each channel: axis 1, or the last axis of a matrix.

    Attributes:
        lows: the smallest element of each channel, +inf before there is any.
        highs: the largest element of each channel, -inf before there is any.
        sums: the sum of each channel's elements.
        elements: how many elements of each channel there were.
    """

    lows: NDArray[np.float32]
    highs: NDArray[np.float32]
    sums: NDArray[np.float64]
    elements: int = 0

    @classmethod
    def empty(cls, channels: int) -> "Channels":
        """Returns what is known of that many channels before any data."""
        return cls(np.full(channels, np.inf, np.float32), np.full(channels, -np.inf, np.float32), np.zeros(channels))

    def extrema(self, array: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Returns the smallest and the largest element of each channel of an array; NaN where one is."""
        rows = self._rows(array)
        return rows.min(axis=2).min(axis=0), rows.max(axis=2).max(axis=0)

    def observe(self, array: NDArray[np.float32], lows: NDArray[np.float32], highs: NDArray[np.float32], largest: float) -> None:
        """Adds an array image by image, so that it does not matter which images came together.

        Args:
            lows, highs: the array's extrema.
            largest: a bound of the magnitudes of all images that came together.
        """
        self.lows, self.highs = np.minimum(self.lows, lows), np.maximum(self.highs, highs)
        images = self._rows(array).sum(axis=2, dtype=np.float64 if largest > _LARGE else np.float32)
        self.sums = np.add.accumulate(np.vstack([self.sums, images.astype(np.float64)]), axis=0)[-1]
        self.elements += array.size // len(self.sums)

    @property
    def means(self) -> tuple[float, ...] | None:
        """The mean of each channel, None before there is any data."""
        return tuple((self.sums / self.elements).tolist()) if self.elements else None

    def copy(self) -> "Channels":
        """Returns an independent copy."""
        return replace(self, lows=self.lows.copy(), highs=self.highs.copy(), sums=self.sums.copy())

    def merged(self, other: "Channels") -> "Channels":
        """Returns what is known of both data."""
        return Channels(np.minimum(self.lows, other.lows), np.maximum(self.highs, other.highs), self.sums + other.sums, self.elements + other.elements)

    def _rows(self, array: NDArray[np.float32]) -> NDArray[np.float32]:
        return array.reshape(-1, len(self.sums), math.prod(array.shape[2:]))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Channels):
            return NotImplemented
        pairs = ((self.lows, other.lows), (self.highs, other.highs), (self.sums, other.sums))
        return self.elements == other.elements and all(np.array_equal(*pair) for pair in pairs)

    __hash__ = None  # type: ignore[assignment]  # it changes
