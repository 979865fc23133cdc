"""When queries arrive: a Poisson process, as that of many users who know nothing of each other."""

import math

import numpy as np
from numpy.typing import NDArray

from ngc.errors import EvaluationError


def arrivals(qps: float, *, min_queries: int, min_duration_s: float, seed: int) -> NDArray[np.float64]:
    """Returns the seconds at which queries arrive, from 0 on; of the same seed the same to the bit, and for another rate the same on another scale.

    The gaps between them, the one before the first too, have an exponential distribution; they are drawn from numpy's Mersenne Twister (MT19937). Queries
    arrive until there are `min_queries` of them and the last one is at `min_duration_s` or later.

    Args:
        qps: queries a second, in the mean.
        seed: of the generator, 0 or more.

    Raises:
        EvaluationError: the rate is no positive number, there is to be no query, or the duration or the seed is negative.
    """
    if not (math.isfinite(qps) and qps > 0):
        raise EvaluationError(f"queries cannot arrive at a rate of {qps} a second; it has to be positive")
    if min_queries < 1:
        raise EvaluationError(f"a load has at least 1 query, not {min_queries}")
    if not (math.isfinite(min_duration_s) and min_duration_s >= 0):
        raise EvaluationError(f"a load cannot last for {min_duration_s} s or more; the number has to be 0 or positive")
    if seed < 0:
        raise EvaluationError(f"the seed {seed} is negative")
    random = np.random.Generator(np.random.MT19937(seed))
    likely = max(min_queries, math.ceil(qps * min_duration_s))
    times: NDArray[np.float64] = np.cumsum(random.standard_exponential(likely)) / qps
    while times[-1] < min_duration_s:
        more = random.standard_exponential(likely // 16 + 16)
        times = np.concatenate([times, times[-1] + np.cumsum(more) / qps])
    return times[: max(min_queries, int(np.searchsorted(times, min_duration_s)) + 1)]
