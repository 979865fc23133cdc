"""The trimmed mean of the agents."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ngc.evaluate.report.statistics import trimmed_mean


@pytest.mark.parametrize(("values", "mean"), [
    ([], 0.0), ([3.0], 3.0), ([1.0, 4.0], 2.5), ([9.0, 1.0, 2.0], 2.0),
    ([4.0, 1.0, 2.0, 90.0], (1 + 2 + 4) / 3),  # nothing is cut off below, and the largest one never counts
    ([5.0, 1.0, 2.0, 3.0, 90.0], (2 + 3 + 5) / 3),
    (list(range(10)), (2 + 3 + 4 + 5 + 6 + 7) / 6),
])  # fmt: skip
def test_what_counts(values: list[float], mean: float) -> None:
    assert trimmed_mean(values) == pytest.approx(mean, rel=1e-15)


def test_fraction() -> None:
    assert trimmed_mean([1, 2, 3, 4], 0) == 2
    assert trimmed_mean(list(range(100)), 0.49) == (49 + 50) / 2


@given(st.lists(st.floats(0, 1e9), min_size=4), st.floats(0, 0.49))
def test_it_lies_within_the_values_and_knows_no_order(values: list[float], fraction: float) -> None:
    mean = trimmed_mean(values, fraction)
    assert mean == trimmed_mean(values[::-1], fraction)
    assert min(values) <= mean * (1 + 1e-12)  # a sum of at most some hundred numbers, each addition rounded once
    assert mean <= max(values) * (1 + 1e-12)
