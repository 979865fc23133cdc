"""What calibration tells the passes of a value: the range that its integers are to cover, and the means that rounding should not move."""

from dataclasses import dataclass


@dataclass(frozen=True)
class ValueRange:
    """The range of one value; it contains 0, which padding and ReLU need exactly.

    Attributes:
        low: the smallest number to represent, at most 0.
        high: the largest number to represent, at least 0.
        means: the mean of each channel (axis 1, or the last axis of a matrix); None where nobody measured them.
    """

    low: float
    high: float
    means: tuple[float, ...] | None = None
