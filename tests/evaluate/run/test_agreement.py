"""Agreement of two forms of a model."""

import errno
import os
import tempfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ngc.errors import EvaluationError
from ngc.evaluate.inputs import Sample
from ngc.evaluate.run.agreement import Agreement, Answers


def samples(*indices: int) -> list[Sample]:
    return [Sample(index, str(index), None) for index in indices]


@given(st.integers(0, 2**32 - 1), st.integers(1, 30), st.integers(1, 9), st.integers(1, 7))
def test_agreement_is_that_of_the_whole_however_it_is_batched(seed: int, inputs: int, classes: int, size: int) -> None:
    rng = np.random.default_rng(seed)
    first, second = rng.dirichlet(np.ones(classes), inputs), rng.dirichlet(np.ones(classes), inputs)
    answers = Answers(inputs)
    for at in range(0, inputs, size):
        answers.keep(samples(*range(at, min(at + size, inputs))), first[at : at + size])
    pieces = [answers.compare(samples(*range(at, min(at + size, inputs))), second[at : at + size]) for at in range(0, inputs, size)]
    summed = sum(pieces, Agreement())
    assert summed.inputs == inputs
    assert summed.equal == (first.argmax(1) == second.argmax(1)).sum()
    # Both are rounded to single precision, by at most 2^-25 each, and so is their difference.
    assert summed.mean_difference == pytest.approx(np.abs(first - second).mean(), rel=0, abs=2**-23)


def test_a_form_agrees_with_itself() -> None:
    answers, rows = Answers(2), np.array([[0.25, 0.75], [0.5, 0.5]])
    answers.keep(samples(0, 1), rows)
    same = answers.compare(samples(1, 0), rows[::-1])
    assert (same.share, same.mean_difference) == (1.0, 0.0)


def test_inputs_without_an_answer_are_left_out() -> None:
    answers = Answers(3)
    answers.keep(samples(0, 2), np.eye(2))
    assert answers.compare(samples(1, 2), np.eye(2)) == Agreement(1, 1, 0.0)
    assert answers.compare(samples(1), np.eye(2)[:1]) == Agreement()
    assert np.isnan(Agreement().share)
    assert np.isnan(Agreement().mean_difference)


def test_a_full_disk_is_said_before_anything_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(EvaluationError, match=r"cannot be kept in .*: No space left on device$"):
        Answers(1).keep(samples(0), np.eye(1))


def test_a_folder_that_takes_no_file_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", "/nowhere")
    with pytest.raises(EvaluationError, match=r"^answers to compare others with cannot be kept in /nowhere: No such file or directory$"):
        Answers(1).keep(samples(0), np.eye(1))
