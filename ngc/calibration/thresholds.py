"""Turns histograms into ranges: min-max, percentiles, least squared error, MXNet's entropy. Every range contains 0."""

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from ngc.calibration.entropy import check_quantized_dtype, entropy
from ngc.calibration.histogram import Histogram
from ngc.calibration.squared_error import mse
from ngc.errors import InputError

Range = tuple[float, float]


def naive(histogram: Histogram) -> Range:
    """Returns the smallest and the largest element."""
    return min(histogram.low, 0.0), max(histogram.high, 0.0)


def percentile(histogram: Histogram, percent: float = 99.99) -> Range:
    """Returns the range that holds `percent` of the elements and leaves equal shares out on both sides; all that is left out lies above where nothing is
    negative, and below where nothing is positive.

    Raises:
        InputError: `percent` is not above 50 and at most 100.
    """
    check_percent(percent)
    low, high = naive(histogram)
    outside = 1 - percent / 100
    share = outside / 2 if low < 0 < high else outside
    return (max(low, min(-_reach(histogram.counts[::-1], histogram, share), 0.0)) if low else 0.0,
            min(high, max(_reach(histogram.counts, histogram, share), 0.0)) if high else 0.0)


def check_percent(percent: Any) -> None:
    """Raises InputError unless it is a number above 50 and at most 100."""
    if not isinstance(percent, int | float) or not 50 < percent <= 100:
        raise InputError(f"percentile takes percent above 50 and at most 100, not {percent}")


def _reach(counts: Any, histogram: Histogram, share: float) -> float:
    """Returns the number above which `share` of the elements lie, elements taken to lie evenly in their bins."""
    above = np.cumsum(counts[::-1])
    wanted = share * float(above[-1])
    bin = int(np.searchsorted(above, wanted))  # from above, the first with as much in and above it
    before = float(above[bin - 1]) if bin else 0.0
    inside = float(above[bin]) - before
    return histogram.threshold - (bin + ((wanted - before) / inside if inside else 0.0)) * histogram.step


MODES: dict[str, Callable[..., Range]] = {"naive": naive, "percentile": percentile, "mse": mse, "entropy": entropy}
"""How a range is chosen, by name; what the functions take beside the histogram are the mode's parameters."""

_CHECKS: dict[str, Callable[[Any], None]] = {"percent": check_percent, "quantized_dtype": check_quantized_dtype}

DEFAULT_MODE = "mse"


def select_range(histogram: Histogram, mode: str, **parameters: Any) -> Range:
    """Returns the range of a value whose elements the histogram counted; (0, 0) where all of them are 0.

    Raises:
        InputError: an unknown mode, or a parameter that it does not have or that makes no sense.
    """
    check_mode(mode, parameters)
    return MODES[mode](histogram, **parameters) if histogram.low or histogram.high else (0.0, 0.0)


def check_mode(mode: str, parameters: dict[str, Any]) -> None:
    """Raises InputError for an unknown mode, or a parameter that it does not have or that makes no sense."""
    if mode not in MODES:
        raise InputError(f"unknown calibration mode {mode!r}; accepted is one of {', '.join(MODES)}")
    known = list(inspect.signature(MODES[mode]).parameters)[1:]
    unknown = [name for name in parameters if name not in known]
    if unknown:
        raise InputError(f"calibration mode {mode!r} has no parameter {unknown[0]!r}; it takes {', '.join(known) or 'none'}")
    for name, value in parameters.items():
        _CHECKS[name](value)
