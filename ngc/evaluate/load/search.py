"""The largest load under a bound of latency: the search of the MLModelScope agents.

A load is doubled while its percentile latency is within the bound; then the interval between the largest load that was and the smallest one that was not is
halved until it is 1 % wide. Each step has arrivals of its own, the next seed's, and counts with the load that these have in fact.

Two cases in which that search would never end are told apart here. Where the computation alone takes longer than the bound, no load is small enough. And where
full batches are waited for, small loads are late as well, because their batches fill slowly: such a load is treated as one that may be exceeded.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from ngc.errors import EvaluationError
from ngc.evaluate.load.arrivals import arrivals
from ngc.evaluate.load.replay import Replay, percentile_of

_MOST_QPS = 1e7
"""No load beyond: its queries are closer together than the clock and the queue can tell."""

_ENOUGH = 20
"""Batches that were computed alone, of which a percentile says something; where a replay has fewer batches, all but the last."""


class Verdict(StrEnum):
    """What a step of the search found of its load."""

    HOLDS = "holds"
    TOO_FAST = "too fast"
    """Queries wait too long for the batches before theirs."""
    TOO_SLOW = "too slow"
    """Queries wait too long for their batches to fill."""


@dataclass(frozen=True)
class Step:
    """One load that was tried: queries a second, its percentile latency, and whether that is within the bound."""

    seed: int
    qps: float
    latency_ms: float
    verdict: Verdict


@dataclass(frozen=True)
class MaxQps:
    """The largest load that was found to be within the bound, its percentile latency, and all steps of the search."""

    qps: float
    latency_ms: float
    steps: tuple[Step, ...]


def find_max_qps(measure: Callable[[NDArray[np.float64]], Replay], *, initial_qps: float = 8, percentile: float = 95, latency_bound_ms: float = 100,
                 min_queries: int = 4096, min_duration_ms: float = 1000, seed: int = 0, tolerance: float = 0.01,
                 report: Callable[[Step], None] = lambda step: None) -> MaxQps:
    """Returns the largest load whose percentile latency is within a bound. The defaults are those of the agents' command.

    Args:
        measure: replays arrivals, which are in seconds.
        initial_qps: the first load.
        percentile: of latencies, in percent.
        min_queries, min_duration_ms: of each replay.
        seed: of the first replay's arrivals; each further one has the next seed.
        tolerance: the width of the interval that the answer is the lower end of, in parts of it.
        report: hears of each step.

    Raises:
        EvaluationError: the bound cannot hold at any load, or holds at all that can be tried; or an argument is out of range.
    """
    if not latency_bound_ms > 0:
        raise EvaluationError(f"the latency cannot be bounded by {latency_bound_ms} ms; the bound has to be positive")
    low, high = 0.0, math.inf
    steps: list[Step] = []
    while not high - low <= tolerance * low:
        target = (low + high) / 2 if math.isfinite(high) else 2 * low or initial_qps
        if target > _MOST_QPS:
            raise EvaluationError(f"the latency bound of {latency_bound_ms:g} ms holds at {low:.0f} queries a second, and greater loads cannot be made")
        load = arrivals(target, min_queries=min_queries, min_duration_s=min_duration_ms / 1e3, seed=seed)
        seed += 1
        if not low < len(load) / load[-1] < high:  # chance brought it outside of what is left to search
            continue
        measured = measure(load)
        step = Step(seed - 1, measured.offered_qps, measured.percentile(percentile) * 1e3, _judge(measured, load, percentile, latency_bound_ms))
        steps.append(step)
        report(step)
        if step.verdict is Verdict.TOO_FAST:
            high = step.qps
        elif _saturated(measured):
            raise EvaluationError(f"the latency bound of {latency_bound_ms:g} ms holds at {step.qps:.0f} queries a second only because {len(load)} of them do "
                                  f"not fill the queue: {measured.qps:.0f} a second were answered; more min_queries or a longer min_duration is needed")
        else:
            low = step.qps
    best = max((step for step in steps if step.verdict is Verdict.HOLDS), key=lambda step: step.qps, default=None)
    if best is None:
        raise EvaluationError(f"the latency bound of {latency_bound_ms:g} ms holds at no load: below {low:.1f} queries a second batches fill too slowly, above "
                              "it queries wait too long for the batches before theirs; a smaller batch_size is needed")
    return MaxQps(best.qps, best.latency_ms, tuple(steps))


def _judge(measured: Replay, load: NDArray[np.float64], percentile: float, bound_ms: float) -> Verdict:
    """Returns the verdict of a replay.

    Raises:
        EvaluationError: no load can be within the bound.
    """
    if measured.percentile(percentile) * 1e3 <= bound_ms:
        return Verdict.HOLDS
    waits = bool(measured.fills.any())
    alone = measured.services[measured.sizes == (measured.sizes.max() if waits else 1)]
    for times, enough in ((alone, min(_ENOUGH, len(measured.sizes) - 1)), (_undisturbed(measured, load, waits=waits), len(measured.sizes) // 2)):
        if len(times) >= max(enough, 1) and (alone_ms := percentile_of(times, percentile) * 1e3) > bound_ms:
            raise EvaluationError(f"the latency bound of {bound_ms:g} ms can hold at no load: the {percentile:g}th percentile of the computation of a batch "
                                  f"alone is {alone_ms:.3g} ms")
    if waits and not _saturated(measured) and percentile_of(measured.fills + np.repeat(measured.services, measured.sizes), percentile) * 1e3 > bound_ms:
        return Verdict.TOO_SLOW
    return Verdict.TOO_FAST


def _undisturbed(measured: Replay, load: NDArray[np.float64], *, waits: bool) -> NDArray[np.float64]:
    """Returns how long after it was due each batch was answered that had not to wait for the one before it: with what a real clock wakes up too late.

    The computation may be within a bound that this is not; the search would then halve the load for ever.
    """
    last = np.cumsum(measured.sizes) - 1
    first = last - measured.sizes + 1
    due, answered = load[last if waits else first], load[first] + measured.latencies[first]
    idle = np.append(True, due[1:] >= answered[:-1])
    times: NDArray[np.float64] = (answered - due)[idle & (measured.sizes == (measured.sizes.max() if waits else 1))]
    return times


def _saturated(measured: Replay) -> bool:
    """Whether far more queries came than were answered in the same time."""
    return measured.qps * 2 < measured.offered_qps
