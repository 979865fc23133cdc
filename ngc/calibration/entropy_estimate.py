"""The divergences of `entropy` for all windows at once, in real arithmetic and from cumulative sums.

With P = sum p = all counts and Q = sum q, both of which smoothing keeps, and e, e' what smoothing takes from each non-zero bin of p and of q,

    divergence  =  ( sum (p - e) log (p - e)  -  sum over groups (p of the group - e * its bins) log (its level - e') ) / P  +  log (Q / P)

over bins where p is not zero; zeros are EPS in both and add nothing. The first sum is expanded in e, of which windows differ, to the second order; with all
p >= 1 the rest is at most bins * e^3 / (6 (1 - e)^2). The second takes as many terms a window as there are groups.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

EPS = 1e-4
"""What smoothing makes of a zero."""

_AT_ONCE = 128
"""Windows that are estimated together, so that their groups stay in the cache."""

Floats = NDArray[np.float64]


def estimate_divergences(counts: NDArray[np.int64], groups: int) -> tuple[Floats, Floats]:
    """Returns the divergence of every window from the narrowest on, inf where smoothing fails, and how far the expansion may be off."""
    sums = _Sums.of(counts)
    halves = np.arange(groups // 2, len(counts) // 2 + 1)
    parts = [_estimate(sums, halves[start:start + _AT_ONCE], groups) for start in range(0, len(halves), _AT_ONCE)]
    return np.concatenate([estimate for estimate, _ in parts]), np.concatenate([spare for _, spare in parts])


@dataclass(frozen=True)
class _Sums:
    """What all windows share: the counts p, and sums over all bins before each; logarithms and inverses are of non-zero counts only."""

    counts: NDArray[np.int64]
    lowest: int
    p: Floats
    filled: Floats
    p_log_p: Floats
    log_p: Floats
    inverse: Floats

    @classmethod
    def of(cls, counts: NDArray[np.int64]) -> "_Sums":
        p = counts.astype(np.float64)
        filled = p > 0
        log_p, inverse = np.log(p, where=filled, out=np.zeros_like(p)), np.divide(1, p, where=filled, out=np.zeros_like(p))
        return cls(counts, int(np.argmax(filled)), *(np.concatenate([[0.0], np.cumsum(terms)]) for terms in (p, filled, p * log_p, log_p, inverse)))


def _estimate(sums: _Sums, halves: NDArray[np.intp], groups: int) -> tuple[Floats, Floats]:
    middle, total = len(sums.counts) // 2, sums.p[-1]
    first, last, sizes = middle - halves, middle + halves, 2 * halves + 1

    def inner(of: Floats) -> Floats:
        difference: Floats = of[last] - of[first + 1]
        return difference

    # p: the inner bins, and two ends that hold what lies outside too.
    ends = np.stack([sums.p[first + 1], total - sums.p[last]])
    bins = inner(sums.filled) + (ends > 0).sum(axis=0)
    taken = EPS * (sizes - bins) / np.maximum(bins, 1)
    left = np.where(ends > 0, ends - taken, 0)
    entropy = inner(sums.p_log_p) - taken * (inner(sums.log_p) + inner(sums.filled)) + taken ** 2 / 2 * inner(sums.inverse)
    entropy += (left * np.log(left, where=left > 0, out=np.zeros_like(left))).sum(axis=0)

    # q: each group's level comes from the histogram, with the window's first bin empty; it is spread over the bins where p is not zero.
    merged = sizes // groups
    empty = int(np.clip((sums.lowest - first) // merged, 0, groups - 1).min())  # groups that lie below all data, in every window
    edges = first + np.arange(empty, groups + 1)[:, None] * merged
    edges[-1] = last + 1
    begins = edges[:-1].copy()
    begins[0] += empty == 0
    mass, filled = (of[edges[1:]] - of[begins] for of in (sums.p, sums.filled))
    level = mass / np.maximum(filled, 1)
    spread = filled.copy()
    for row, end, own in ((0, 0, 0), (-1, 1, sums.counts[last])):
        reached = filled[row] > 0
        mass[row] += np.where(reached, ends[end] - own, 0)
        spread[row] += reached & (ends[end] > 0) & (own == 0)
    q_bins = spread.sum(axis=0)
    q_taken = EPS * (sizes - q_bins) / np.maximum(q_bins, 1)
    failed = (q_bins == 0) | (q_taken >= 1)
    level_left = np.where(filled > 0, level - np.where(failed, 0, q_taken), 1)
    cross = np.einsum("gw,gw->w", mass - taken * spread, np.log(level_left, out=level_left))
    for row, end in ((0, 0), (-1, 1)):
        cross += np.where((filled[row] == 0) & (ends[end] > 0), left[end] * np.log(EPS), 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        divergence = (entropy - cross) / total + np.log(np.einsum("gw,gw->w", level, spread) / total)
    spare = bins * taken ** 3 / (6 * np.maximum(1 - taken, EPS) ** 2) / max(total, 1)
    return np.where(failed, np.inf, divergence), spare
