"""Counts of right answers."""

import json
from functools import reduce
from operator import add

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ngc.errors import EvaluationError
from ngc.evaluate.accuracy import BINS, Tally, ranking, tally, total


def test_each_count_of_a_small_batch() -> None:
    probabilities = np.array([[0.7, 0.1, 0.2], [0.3, 0.3, 0.4], [0.0, 0.9, 0.1], [0.5, 0.25, 0.25]])
    counts = tally(probabilities, [0, 0, None, 1])
    assert (counts.labelled, counts.unlabelled, counts.failures) == (3, 1, 0)
    assert (counts.top1, counts.top5) == (1, 3)
    assert counts.confusion == {(0, 0): 1, (0, 2): 1, (1, 0): 1}
    # Bins: 0.7 right, 0.4 and 0.5 wrong, each alone.
    assert counts.calibration_error == pytest.approx((0.3 + 0.4 + 0.5) / 3)
    assert counts.top1_accuracy == pytest.approx(1 / 3)


@given(st.integers(0, 2**32 - 1), st.integers(1, 40), st.integers(1, 12), st.integers(1, 9))
def test_counts_of_pieces_add_up(seed: int, inputs: int, classes: int, size: int) -> None:
    rng = np.random.default_rng(seed)
    probabilities = rng.dirichlet(np.ones(classes), inputs)
    expected = [None if rng.random() < 0.2 else int(rng.integers(classes)) for _ in range(inputs)]
    whole = tally(probabilities, expected)
    pieces = [tally(probabilities[at : at + size], expected[at : at + size]) for at in range(0, inputs, size)]
    summed = total(pieces)
    assert reduce(add, pieces, Tally()) == summed  # to the bit: the order of additions is the same
    assert (summed.labelled, summed.unlabelled, summed.top1, summed.top5, summed.confusion) == (
        whole.labelled, whole.unlabelled, whole.top1, whole.top5, whole.confusion)  # fmt: skip
    assert np.allclose(summed.bins, whole.bins, rtol=1e-12)  # sums of at most 40 numbers, in another order
    assert Tally.from_json(json.loads(json.dumps(whole.to_json()))) == whole


def test_equal_probabilities_rank_by_class() -> None:
    assert ranking(np.array([[0.2, 0.4, 0.4]]), 5).tolist() == [[1, 2, 0]]


def test_certainty_falls_into_the_last_bin() -> None:
    assert tally(np.array([[1.0, 0.0]]), [0]).bins[BINS - 1] == (1, 1, 1.0)


def test_nothing_counted_has_no_accuracy() -> None:
    assert all(np.isnan(value) for value in (Tally().top1_accuracy, Tally().top5_accuracy, Tally().calibration_error))


@pytest.mark.parametrize("wrong", [3, -1])
def test_a_class_that_the_model_does_not_have_is_told(wrong: int) -> None:
    with pytest.raises(EvaluationError, match=f"^the data set expects class {wrong}; the model has 3, from 0$"):
        tally(np.eye(3), [0, None, wrong])
