"""Durations of batches, and which of them count."""

import math

from hypothesis import given
from hypothesis import strategies as st

from ngc.evaluate.accuracy import Tally
from ngc.evaluate.parts import Part, split
from ngc.evaluate.records import PartResult
from ngc.evaluate.report.timing import Timing, latency, throughput, timing


@given(st.integers(1, 200), st.integers(1, 40), st.integers(1, 9))
def test_only_the_largest_batches_count(total: int, size: int, batch_size: int) -> None:
    """A batch takes 100 us for each of its inputs, so whatever the sizes are, an input takes 0.1 ms."""
    results = [PartResult(part, tuple(100.0 * len(batch) for batch in part.batches(batch_size)), Tally()) for part in split(total, size)]
    times = timing(results, batch_size)
    assert times.batch == min(total, size, batch_size)
    assert set(times.counted) == {100.0 * times.batch}
    assert math.isclose(times.latency, 0.1, rel_tol=1e-12)  # a mean of equal numbers, rounded once for each
    assert len(times.durations) == sum(len(part.batches(batch_size)) for part in split(total, size))


def test_a_batch_without_a_readable_input_has_no_duration() -> None:
    """Of three batches of 4, 4 and 2, one was not computed: the last duration is that of the short batch."""
    times = timing([PartResult(Part(0, 0, 10), (40.0, 20.0), Tally())], 4)
    assert times == Timing((40.0, 20.0), (40.0,), 4)


def test_nothing_was_computed() -> None:
    times = timing([PartResult(Part(0, 0, 4), (), Tally(failures=4))], 4)
    assert times == Timing((), (), 0)
    assert times.duration == 0
    assert math.isnan(times.latency)
    assert math.isnan(throughput(times.latency))


def test_units() -> None:
    assert latency(5000.0, 4) == 1.25
    assert throughput(1.25) == 800
