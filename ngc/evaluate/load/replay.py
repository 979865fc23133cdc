"""Replays arrivals against one server with a queue, and measures each query from the moment at which it was due to its answer.

One thread does both: it sleeps until the next batch is due, has it computed, and then looks at what has become due meanwhile. Since the moments of arrivals are
fixed beforehand, a slow answer delays no arrival, and its queue counts in the latency of everyone in it ("coordinated omission" is not possible).
"""

import math
from bisect import bisect_right
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ngc.errors import EvaluationError
from ngc.evaluate.load.clock import Clock


class Server(Protocol):
    """Answers queries, a batch at a time."""

    def serve(self, count: int) -> None:
        """Returns when `count` queries are answered; on a virtual clock, moves it on instead."""


@dataclass(frozen=True, eq=False)
class Replay:
    """What a replay measured; times are in seconds.

    Attributes:
        latencies: of each query, in the order of arrivals, from its arrival to its answer.
        fills: of each query, what of that it waited for its batch to be full; 0 where no batch is waited for.
        sizes: queries of each batch.
        services: how long the computation of each batch took.
        offered_qps: queries a second up to the last arrival: the load.
        qps: queries a second up to the last answer: what the server achieved.
    """

    latencies: NDArray[np.float64]
    fills: NDArray[np.float64]
    sizes: NDArray[np.int64]
    services: NDArray[np.float64]
    offered_qps: float
    qps: float

    def percentile(self, percent: float) -> float:
        """Returns the latency in seconds that `percent` percent of the queries do not exceed; see `percentile_of`."""
        return percentile_of(self.latencies, percent)


def percentile_of(values: NDArray[np.float64], percent: float) -> float:
    """Returns the value of rank ceil(percent / 100 * (n - 1)), from 0, of n values in rising order, as the MLModelScope agents define percentiles.

    Raises:
        EvaluationError: `percent` is not in (0, 100].
    """
    if not 0 < percent <= 100:
        raise EvaluationError(f"there is no percentile {percent}; it has to be more than 0 and at most 100")
    rank = math.ceil(percent * (len(values) - 1) / 100)
    return float(np.partition(values, rank)[rank])


def replay(arrivals: NDArray[np.float64], server: Server, clock: Clock, batch_size: int = 1, *, greedy: bool = False) -> Replay:
    """Returns the latencies of queries that arrive at given times at one server.

    Args:
        arrivals: seconds from now, in rising order, at least one.
        batch_size: the most queries of a batch.
        greedy: a server that has nothing to do takes what waits, up to `batch_size`. Otherwise, as in the agents' naive queue, it waits for a full batch; only
            the last one may have fewer.

    Raises:
        EvaluationError: `batch_size` is less than 1.
    """
    if batch_size < 1:
        raise EvaluationError(f"a batch has at least 1 query, not {batch_size}")
    origin = clock.now()
    due: list[float] = (arrivals + origin).tolist()
    sizes, starts, ends = [], [], []
    begin = 0
    while begin < len(due):
        end = min(begin + batch_size, len(due))
        clock.sleep_until(due[begin if greedy else end - 1])
        start = clock.now()
        if greedy:
            end = max(begin + 1, bisect_right(due, start, begin, end))
        server.serve(end - begin)
        sizes.append(end - begin)
        starts.append(start)
        ends.append(clock.now())
        begin = end
    counts, answered = np.array(sizes), np.array(ends)
    full = arrivals if greedy else np.repeat(arrivals[np.cumsum(counts) - 1], counts)
    return Replay(np.repeat(answered, counts) - due, full - arrivals, counts, answered - starts, len(due) / float(arrivals[-1]), len(due) / (ends[-1] - origin))
