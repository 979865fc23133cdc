"""By how much numbers differ, and by how much they may."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ngc.errors import InputError


@dataclass(frozen=True)
class Difference:
    """How far one array is from another.

    Attributes:
        largest: the largest absolute difference; inf where shapes differ, or where one number is NaN or infinite and the other is not the same.
        scale: the largest finite absolute value that was wanted.
    """

    largest: float
    scale: float

    @classmethod
    def of(cls, wanted: np.ndarray, got: np.ndarray) -> "Difference":
        """Returns the difference of two arrays; NaN equals NaN."""
        if wanted.shape != got.shape:
            return cls(np.inf, 0.0)
        finite = np.abs(wanted[np.isfinite(wanted)].astype(np.float64))
        with np.errstate(invalid="ignore"):
            difference = np.abs(wanted.astype(np.float64) - got.astype(np.float64))
        difference[(wanted == got) | (np.isnan(wanted) & np.isnan(got))] = 0
        return cls(float(np.where(np.isnan(difference), np.inf, difference).max(initial=0)), float(finite.max(initial=0)))

    @property
    def relative(self) -> float:
        """The largest difference over the largest value that was wanted."""
        return self.largest / self.scale if self.scale else self.largest and np.inf

    def __str__(self) -> str:
        return f"max abs {self.largest:.2g}, rel {self.relative:.2g}"


@dataclass(frozen=True)
class Tolerance:
    """An output may differ by `atol` plus `rtol` times its largest absolute value.

    Where a pass narrows element types, each node may differ by `rounding` (root mean square over that of its result), which depends on the narrow type unless
    it is given; see `ngc.passes.instruments.rounding`.
    """

    rtol: float = 1e-4
    atol: float = 1e-6
    rounding: float | None = None

    @classmethod
    def parse(cls, text: str) -> "Tolerance":
        """Returns the tolerance written as `1e-4,1e-6,0.1`; what is left out at the end has its default."""
        try:
            numbers = [float(part) for part in text.split(",")]
        except ValueError:
            numbers = []
        if not 1 <= len(numbers) <= 3 or not all(0 <= number < np.inf for number in numbers):
            raise InputError(f"a tolerance is rtol,atol such as 1e-4,1e-6 or, where types narrow, rtol,atol,rounding such as 1e-4,1e-6,0.1; not {text!r}")
        return cls(*numbers)

    def allowed(self, difference: Difference) -> float:
        """Returns the largest absolute difference that is allowed."""
        return self.atol + self.rtol * difference.scale

    def worst(self, wanted: Sequence[np.ndarray], got: Sequence[np.ndarray]) -> tuple[int, float, float] | None:
        """Returns (output, largest difference, allowed) of the first output beyond the tolerance, None where all are within."""
        for number, (left, right) in enumerate(zip(wanted, got, strict=True)):
            difference = Difference.of(left, right)
            if difference.largest > self.allowed(difference):
                return number, difference.largest, self.allowed(difference)
        return None


def tolerance_of(text: str | None) -> Tolerance:
    """Returns the tolerance that a flag's text says; the default where it says nothing."""
    return Tolerance.parse(text) if text else Tolerance()
