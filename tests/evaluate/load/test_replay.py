"""Replays: who is answered when, in which batches, and how that is measured."""

import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ngc.errors import EvaluationError
from ngc.evaluate.load import RealClock, VirtualClock, arrivals, replay
from ngc.evaluate.load.replay import percentile_of
from tests.evaluate.load.servers import Recorded
from tests.evaluate.load.theory import exponential_times, latencies

LOADS = st.lists(st.integers(0, 40), min_size=1, max_size=60).map(lambda gaps: np.cumsum(np.array(gaps) / 16) + 1 / 16)
"""Arrivals that binary fractions of seconds are between, so that sums are exact."""
TIMES = st.lists(st.integers(1, 64).map(lambda number: number / 16), min_size=1, max_size=20)


def simulate(due: list[float], times: list[float], batch: int, greedy: bool) -> tuple[list[float], list[int]]:
    """Returns the latencies and the sizes of batches, moment by moment of 1/16 s, by the rules of the queue."""
    queue: list[int] = []
    served: list[int] = []
    answers: dict[int, float] = {}
    sizes: list[int] = []
    now, end, index = 0.0, 0.0, 0
    while len(answers) < len(due):
        while index < len(due) and due[index] <= now:
            queue.append(index)
            index += 1
        if served and end <= now:
            answers.update(dict.fromkeys(served, now))
            served = []
        if not served and queue and (greedy or len(queue) >= batch or index == len(due)):
            served, queue = queue[:batch], queue[batch:]
            end = now + times[len(sizes) % len(times)]
            sizes.append(len(served))
        now += 1 / 16
    return [answers[index] - moment for index, moment in enumerate(due)], sizes


@given(load=LOADS, times=TIMES, batch=st.integers(1, 5), greedy=st.booleans())
def test_replays_do_what_a_simulation_of_every_moment_does(load: np.ndarray, times: list[float], batch: int, greedy: bool) -> None:
    clock = VirtualClock()
    server = Recorded(clock, times)
    clock.advance(2.5)  # a replay may begin at any time of a clock
    measured = replay(load, server, clock, batch, greedy=greedy)
    expected, sizes = simulate(load.tolist(), times, batch, greedy)
    assert measured.latencies.tolist() == expected
    assert measured.sizes.tolist() == server.counts == sizes
    assert measured.services.tolist() == [times[index % len(times)] for index in range(len(sizes))]
    assert measured.qps == pytest.approx(len(load) / (load + measured.latencies).max(), rel=1e-12)  # one rounding or two
    assert measured.offered_qps == len(load) / load[-1]


def test_one_at_a_time_is_lindleys_recursion() -> None:
    load, times = arrivals(70, min_queries=2000, min_duration_s=0, seed=2), exponential_times(2000, 100, 1)
    clock = VirtualClock()
    measured = replay(load, Recorded(clock, times), clock)
    # Sums of 2000 numbers in another order: some 2000 roundings of 30 s.
    np.testing.assert_allclose(measured.latencies, latencies(load, times), rtol=0, atol=2000 * 30 * 2.0**-52)


def test_a_full_batch_is_waited_for() -> None:
    load = np.array([1.0, 2.0, 3.0, 9.0, 10.0])
    clock = VirtualClock()
    measured = replay(load, Recorded(clock, [0.5]), clock, 2)
    assert measured.sizes.tolist() == [2, 2, 1]
    assert measured.latencies.tolist() == [1.5, 0.5, 6.5, 0.5, 0.5]
    assert measured.fills.tolist() == [1, 0, 6, 0, 0]


def test_a_greedy_server_takes_what_waits() -> None:
    load = np.array([1.0, 1.25, 1.5, 1.75, 9.0])
    clock = VirtualClock()
    measured = replay(load, Recorded(clock, [1.0]), clock, 2, greedy=True)
    assert measured.sizes.tolist() == [1, 2, 1, 1]
    assert measured.latencies.tolist() == [1.0, 1.75, 1.5, 2.25, 1.0]
    assert not measured.fills.any()


def test_the_same_seed_replays_the_same_to_the_bit() -> None:
    def run() -> np.ndarray:
        clock = VirtualClock()
        return replay(arrivals(90, min_queries=512, min_duration_s=0.1, seed=7), Recorded(clock, [0.01]), clock).latencies

    np.testing.assert_array_equal(run(), run())


def test_on_a_real_clock_late_queries_count_from_when_they_were_due() -> None:
    """Whatever the machine does meanwhile: nobody is answered before its time, and those behind a slow batch have waited for it."""

    class Slow:
        def __init__(self) -> None:
            self.pause = threading.Event()

        def serve(self, count: int) -> None:
            self.pause.wait(0.02)

    measured = replay(np.array([0.001, 0.002, 0.003]), Slow(), RealClock())
    assert (measured.services > 0.019).all()
    assert measured.latencies[1] > 0.038 - 0.001
    assert measured.latencies[2] > 0.057 - 0.002
    assert (np.diff(measured.latencies) > 0).all()


@pytest.mark.parametrize(("percent", "value"), [(100, 10), (95, 10), (90, 10), (88, 9), (50, 6), (0.1, 2)])
def test_percentiles_are_the_agents(percent: float, value: float) -> None:
    """Of 10 values the one of rank ceil(p * 9), counted from 0."""
    assert percentile_of(np.array([3.0, 1, 2, 10, 9, 4, 5, 7, 6, 8]), percent) == value


def test_percentiles_of_round_numbers_are_not_rounded_up() -> None:
    """7 / 100 * 100 is more than 7 in floating point; the rank is 7 all the same."""
    assert percentile_of(np.arange(101.0), 7) == 7


@pytest.mark.parametrize("percent", [0.0, -1.0, 100.5, float("nan")])
def test_what_is_no_percentile_is_refused(percent: float) -> None:
    with pytest.raises(EvaluationError, match=r"^there is no percentile .*; it has to be more than 0 and at most 100$"):
        percentile_of(np.ones(3), percent)


def test_an_empty_batch_is_refused() -> None:
    with pytest.raises(EvaluationError, match=r"^a batch has at least 1 query, not 0$"):
        replay(np.ones(1), Recorded(VirtualClock(), [1.0]), VirtualClock(), 0)
