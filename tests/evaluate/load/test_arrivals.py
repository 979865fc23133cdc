"""Arrivals of queries: the process, its seed, its ends."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ngc.errors import EvaluationError
from ngc.evaluate.load import arrivals


def test_the_first_arrivals_of_a_seed_stay_what_they_are() -> None:
    times = arrivals(16, min_queries=6, min_duration_s=0.1, seed=1)
    assert times.tolist() == [0.03040913348329629, 0.21663724625230732, 0.2822380157571681, 0.3468961608502169, 0.3596171235172348, 0.4073899557124421]


@given(qps=st.floats(0.1, 1e4), queries=st.integers(1, 300), duration=st.floats(0, 2), seed=st.integers(0, 1 << 64))
def test_both_minima_are_reached_and_no_more(qps: float, queries: int, duration: float, seed: int) -> None:
    times = arrivals(qps, min_queries=queries, min_duration_s=duration, seed=seed)
    assert len(times) >= queries
    assert times[-1] >= duration
    assert len(times) == queries or times[-2] < duration
    assert times[0] > 0
    assert (np.diff(times) >= 0).all()
    np.testing.assert_array_equal(times, arrivals(qps, min_queries=queries, min_duration_s=duration, seed=seed))


def test_more_queries_of_a_seed_begin_with_the_same() -> None:
    np.testing.assert_array_equal(arrivals(50, min_queries=100, min_duration_s=0, seed=3), arrivals(50, min_queries=1000, min_duration_s=0, seed=3)[:100])
    np.testing.assert_array_equal(arrivals(50, min_queries=1, min_duration_s=3, seed=3)[:100], arrivals(50, min_queries=100, min_duration_s=0, seed=3))


def test_seeds_differ() -> None:
    assert arrivals(50, min_queries=1, min_duration_s=0, seed=3) != arrivals(50, min_queries=1, min_duration_s=0, seed=4)


def test_gaps_are_exponential() -> None:
    """The largest distance of the gaps' distribution from the exponential one: below Kolmogorov's limit of 1 %, 1.63 / sqrt(n)."""
    count = 20_000
    gaps = np.sort(np.diff(arrivals(40, min_queries=count + 1, min_duration_s=0, seed=5)))
    distance = np.abs(-np.expm1(-40 * gaps) - np.arange(1, count + 1) / count).max()
    assert distance < 1.63 / count**0.5


@pytest.mark.parametrize(("change", "message"), [
    ({"qps": 0.0}, "queries cannot arrive at a rate of 0.0 a second; it has to be positive"),
    ({"qps": float("inf")}, "queries cannot arrive at a rate of inf a second; it has to be positive"),
    ({"min_queries": 0}, "a load has at least 1 query, not 0"),
    ({"min_duration_s": -1.0}, "a load cannot last for -1.0 s or more; the number has to be 0 or positive"),
    ({"seed": -2}, "the seed -2 is negative"),
])  # fmt: skip
def test_what_is_no_load_is_refused(change: dict[str, float], message: str) -> None:
    with pytest.raises(EvaluationError) as raised:
        arrivals(**{"qps": 1.0, "min_queries": 1, "min_duration_s": 0.0, "seed": 0, **change})  # type: ignore[arg-type]
    assert str(raised.value) == message
