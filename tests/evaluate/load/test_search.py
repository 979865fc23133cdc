"""The search for the largest load: against queueing theory, step by step, and where there is none."""

import math
from collections.abc import Callable, Sequence

import numpy as np
import pytest

from ngc.errors import EvaluationError
from ngc.evaluate.load import Replay, Step, Verdict, VirtualClock, arrivals, find_max_qps, replay
from tests.evaluate.load.servers import Recorded
from tests.evaluate.load.theory import exponential_times, latencies, md1_latency, md1_max_rate, md1_within, mm1_latency, mm1_max_rate

Measure = Callable[[np.ndarray], Replay]


def server_of(times: Sequence[float] | np.ndarray, batch: int = 1, *, greedy: bool = False) -> Measure:
    """Returns what replays arrivals against a server whose batches take these times, in seconds."""

    def measure(load: np.ndarray) -> Replay:
        clock = VirtualClock()
        return replay(load, Recorded(clock, times), clock, batch, greedy=greedy)

    return measure


# -- theory ------------------------------------------------------------------------------------------------------------
# Standard deviations of the estimates below were found with many seeds: a percentile of n latencies is that of n / r independent ones, where r grows with
# the share of time in which the server is busy.


def test_the_series_is_that_of_the_known_mean() -> None:
    """The mean time in an M/D/1 system, by Pollaczek and Khinchine: D + rate D^2 / (2 (1 - rate D))."""
    rate, service = 0.7, 1.0
    moments = np.arange(0.0, 30, 0.001)
    outside = np.array([1 - md1_within(rate, service, moment) for moment in moments])
    assert outside.sum() * 0.001 == pytest.approx(service + rate / (2 * (1 - rate)), rel=1e-3)  # steps of 0.001


def test_max_qps_of_constant_times_is_that_of_an_md1_system() -> None:
    """80,000 queries, busy for 80 % of the time: the estimate's standard deviation is 0.3 %."""
    exact = md1_max_rate(0.010, 95, 0.060)
    found = find_max_qps(server_of([0.010]), latency_bound_ms=60, min_queries=80_000, seed=1)
    assert found.qps == pytest.approx(exact, rel=0.01)
    assert found.latency_ms <= 60


def test_max_qps_of_exponential_times_is_that_of_an_mm1_system() -> None:
    """The median of 100,000 queries, busy for 90 % of the time: the estimate's standard deviation is 0.2 %."""
    exact = mm1_max_rate(100, 50, 0.070)
    found = find_max_qps(server_of(exponential_times(100_000, 100, 1)), percentile=50, latency_bound_ms=70, min_queries=100_000, seed=1)
    assert found.qps == pytest.approx(exact, rel=0.01)
    assert found.latency_ms <= 70


def test_max_qps_of_the_95th_percentile_is_that_of_an_mm1_system() -> None:
    """A million queries, busy for 90 % of the time: 0.2 %. The recursion gives what a replay does, as another test says, in less time."""

    def measure(load: np.ndarray) -> Replay:
        stayed = latencies(load, times)
        return Replay(stayed, np.zeros(len(load)), np.ones(len(load), np.int64), times, len(load) / load[-1], len(load) / (load[-1] + stayed[-1]))

    times = exponential_times(1_000_000, 100, 2)
    found = find_max_qps(measure, latency_bound_ms=300, min_queries=len(times), seed=1)
    assert found.qps == pytest.approx(mm1_max_rate(100, 95, 0.300), rel=0.01)


def test_a_workload_has_the_latency_of_an_md1_system() -> None:
    load = arrivals(60, min_queries=200_000, min_duration_s=0.1, seed=1)
    measured = server_of([0.010])(load)
    assert measured.percentile(95) == pytest.approx(md1_latency(60, 0.010, 95), rel=0.01)
    assert measured.qps == pytest.approx(60, rel=0.01)


def test_a_workload_has_the_latency_of_an_mm1_system() -> None:
    """A million queries, busy for half of the time: 0.3 %."""
    load, times = arrivals(50, min_queries=1_000_000, min_duration_s=0.1, seed=2), exponential_times(1_000_000, 100, 3)
    for percent in (50, 95, 99):
        stayed = np.sort(latencies(load, times))[math.ceil(percent * (len(load) - 1) / 100)]
        assert stayed == pytest.approx(mm1_latency(50, 100, percent), rel=0.01)


# -- steps -------------------------------------------------------------------------------------------------------------


def test_loads_are_doubled_then_halved() -> None:
    """Each step has the next seed's arrivals and counts with the rate that they have; those that chance brought outside of the interval are not replayed."""
    heard: list[Step] = []
    found = find_max_qps(server_of([0.010]), initial_qps=10, latency_bound_ms=50, min_queries=4096, seed=5, report=heard.append)
    assert found.steps == tuple(heard)
    low, high, steps = 0.0, math.inf, list(heard)
    for seed in range(5, heard[-1].seed + 1):
        target = (low + high) / 2 if high < math.inf else 2 * low or 10
        load = arrivals(target, min_queries=4096, min_duration_s=1, seed=seed)
        if not low < len(load) / load[-1] < high:
            continue
        step = steps.pop(0)
        measured = server_of([0.010])(load)
        assert step == Step(seed, len(load) / load[-1], measured.percentile(95) * 1e3, Verdict.HOLDS if measured.percentile(95) <= 0.05 else Verdict.TOO_FAST)
        low, high = (step.qps, high) if step.verdict is Verdict.HOLDS else (low, step.qps)
    assert not steps
    assert low < high <= 1.01 * low
    assert (found.qps, found.latency_ms) == max((step.qps, step.latency_ms) for step in heard if step.verdict is Verdict.HOLDS)


def test_a_first_load_that_is_too_fast_is_halved() -> None:
    found = find_max_qps(server_of([0.010]), initial_qps=1000, latency_bound_ms=50, min_queries=4096)
    assert found.steps[0].verdict is Verdict.TOO_FAST
    assert 70 < found.qps < 90  # 80 by the series


def test_the_tolerance_is_the_width_of_the_interval() -> None:
    found = find_max_qps(server_of([0.010]), latency_bound_ms=50, min_queries=4096, tolerance=0.2)
    assert found.qps * 1.01 < min(step.qps for step in found.steps if step.verdict is Verdict.TOO_FAST) <= found.qps * 1.2


def test_a_slow_load_whose_batches_do_not_fill_is_exceeded() -> None:
    """Batches of 8 at 8 queries a second fill in a second; at 250 in 28 ms."""
    found = find_max_qps(server_of([0.020], 8), latency_bound_ms=100)
    assert found.steps[0].verdict is Verdict.TOO_SLOW
    assert 200 < found.qps < 400
    assert found.latency_ms <= 100


def test_a_greedy_server_is_searched_too() -> None:
    found = find_max_qps(server_of([0.020], 8, greedy=True), initial_qps=1000, latency_bound_ms=100)
    assert found.steps[0].verdict is Verdict.TOO_FAST
    assert 300 < found.qps < 400
    assert found.latency_ms <= 100


class LateClock(VirtualClock):
    """Wakes sleepers up late."""

    def sleep_until(self, moment: float) -> None:
        if moment > self.now():
            super().sleep_until(moment + 0.0002)


# -- where there is none -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("batch", "greedy"), [(1, False), (4, False), (4, True), (1, True)])
def test_a_bound_below_the_time_of_computation_never_holds(batch: int, greedy: bool) -> None:
    with pytest.raises(EvaluationError) as raised:
        find_max_qps(server_of([0.150], batch, greedy=greedy), latency_bound_ms=100, min_queries=512)
    assert str(raised.value) == ("the latency bound of 100 ms can hold at no load: the 95th percentile of the computation of a batch alone is 150 ms")


@pytest.mark.parametrize("batch", [1, 4])
def test_a_bound_that_only_the_clock_exceeds_never_holds(batch: int) -> None:
    """Computation takes 9.9 ms, but every sleeper wakes up 0.2 ms late; no load is small enough for that, and the search must not go on for ever."""
    steps: list[Step] = []

    def measure(load: np.ndarray) -> Replay:
        clock = LateClock()
        return replay(load, Recorded(clock, [0.0099]), clock, batch)

    with pytest.raises(EvaluationError, match=r"^the latency bound of 10 ms can hold at no load: .* of a batch alone is 10\.1 ms$"):
        find_max_qps(measure, initial_qps=64, latency_bound_ms=10, min_queries=512, report=steps.append)
    assert len(steps) <= 2


def test_a_bound_between_slow_batches_and_long_queues_never_holds() -> None:
    with pytest.raises(EvaluationError, match=r"^the latency bound of 21 ms holds at no load: below \d+\.\d queries a second batches fill too slowly, above it "
                                              r"queries wait too long for the batches before theirs; a smaller batch_size is needed$"):
        find_max_qps(server_of([0.020], 8), latency_bound_ms=21)


def test_queries_that_are_too_few_say_nothing() -> None:
    with pytest.raises(EvaluationError, match=r"^the latency bound of 1000 ms holds at \d+ queries a second only because 64 of them do not fill the queue: "
                                              r"\d+ a second were answered; more min_queries or a longer min_duration is needed$"):
        find_max_qps(server_of([0.010]), latency_bound_ms=1000, min_queries=64, min_duration_ms=0)


def test_a_server_that_takes_no_time_has_no_largest_load() -> None:
    with pytest.raises(EvaluationError, match=r"^the latency bound of 100 ms holds at \d{7} queries a second, and greater loads cannot be made$"):
        find_max_qps(server_of([0.0]), min_queries=64, min_duration_ms=0)


@pytest.mark.parametrize("bound", [0.0, -5.0, float("nan")])
def test_a_bound_is_positive(bound: float) -> None:
    with pytest.raises(EvaluationError, match=rf"^the latency cannot be bounded by {bound} ms; the bound has to be positive$"):
        find_max_qps(server_of([0.1]), latency_bound_ms=bound)
