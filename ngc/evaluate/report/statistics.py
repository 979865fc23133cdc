"""The mean that reports give of repeated measurements."""

from collections.abc import Sequence
from math import floor, fsum

TRIMMED = 0.2
"""What the MLModelScope agents leave away at each end."""


def trimmed_mean(values: Sequence[float], fraction: float = TRIMMED) -> float:
    """Returns the mean without the smallest and the largest values, in their unit, by the rule of the MLModelScope agents, so that numbers compare with theirs.

    Of n sorted values those from floor(n*fraction) to min(n - 1, n - floor(n*fraction)), without the latter, count: the largest one never does. Fewer than
    three count all, of three the middle one.

    Args:
        values: in any order; without any the mean is 0.
        fraction: of the values that is left away at each end, at least 0 and below 0.5.
    """
    ordered = sorted(values)
    number = len(ordered)
    if number == 3:
        return ordered[1]
    if number < 3:
        return fsum(ordered) / number if number else 0.0
    cut = floor(number * fraction)
    kept = ordered[cut : min(number - 1, number - cut)]
    return fsum(kept) / len(kept)
