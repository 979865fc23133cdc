"""The runner of parts."""

import logging
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ngc.errors import EngineError, EvaluationError
from ngc.evaluate.accuracy import tally, total
from ngc.evaluate.inputs import Sample
from ngc.evaluate.levels import TraceLevel
from ngc.evaluate.parts import split
from ngc.evaluate.trace import Tracer
from tests.evaluate.run.doubles import CLASSES, Guesses, Numbers, runner

SILENT = Tracer(TraceLevel.NO_TRACE)


@given(st.integers(1, 40), st.integers(1, 12), st.integers(1, 9), st.sets(st.integers(0, 39), max_size=9))
def test_each_input_is_predicted_once_in_order(count: int, size: int, batch_size: int, broken: set[int]) -> None:
    dataset, parts = Numbers(count, frozenset(broken)), split(count, size)
    results = list(runner(dataset, Guesses(), SILENT, batch_size=batch_size).results(parts))
    assert [result.part for result in results] == parts
    predictions = [prediction for result in results for prediction in result.predictions]
    assert [prediction.index for prediction in predictions] == list(range(count))
    assert {prediction.index for prediction in predictions if prediction.error} == broken & set(range(count))
    good = [index for index in range(count) if index not in broken]
    assert total(result.tally for result in results).failures == count - len(good)
    if good:
        rows = np.stack([np.random.default_rng(index).dirichlet(np.ones(CLASSES)) for index in good])
        alone = tally(rows, [dataset.sample(index).expected for index in good])
        summed = total(result.tally for result in results)
        assert (summed.labelled, summed.unlabelled, summed.top1, summed.top5, summed.confusion) == (
            alone.labelled, alone.unlabelled, alone.top1, alone.top5, alone.confusion)  # fmt: skip


def test_a_prediction_keeps_the_most_probable_classes() -> None:
    (result,) = runner(Numbers(1), Guesses(), SILENT, features=3).results(split(1, 1))
    row = np.random.default_rng(0).dirichlet(np.ones(CLASSES))
    best = np.argsort(-row)[:3]
    assert result.predictions[0].features == tuple((int(index), float(row[index])) for index in best)
    assert result.predictions[0].expected == 0
    assert result.predictions[0].input_id == "0.jpg"


def test_durations_are_those_of_batches_that_were_computed() -> None:
    engine = Guesses()
    results = list(runner(Numbers(10, frozenset({4, 5, 6, 7})), engine, SILENT).results(split(10, 10)))
    assert engine.batches == [4, 2]
    assert len(results[0].durations_us) == 2
    assert all(duration > 0 for duration in results[0].durations_us)


def test_outputs_that_are_no_probabilities_are_only_timed() -> None:
    (result,) = runner(Numbers(6), Guesses(), SILENT, probabilities=None).results(split(6, 6))
    assert (result.tally.labelled, result.tally.unlabelled, result.tally.failures) == (0, 6, 0)
    assert {prediction.features for prediction in result.predictions} == {()}
    assert len(result.durations_us) == 2


def test_a_broken_input_is_recorded_and_said(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        (result,) = runner(Numbers(6, frozenset({2, 3})), Guesses(), SILENT).results(split(6, 6))
    assert [prediction.error for prediction in result.predictions if prediction.error] == ["2.jpg: damaged", "3.jpg: damaged"]
    assert caplog.messages == ["part 0: 2 of 6 inputs failed; the first is input 2 (2.jpg): 2.jpg: damaged"]


def test_a_broken_input_ends_the_evaluation_where_that_is_asked_for() -> None:
    with pytest.raises(EvaluationError) as caught:
        list(runner(Numbers(6, frozenset({2})), Guesses(), SILENT, fail_on_error=True).results(split(6, 6)))
    assert str(caught.value) == "input 2 (2.jpg): 2.jpg: damaged; --fail_on_error=false records that and goes on"


def test_a_batch_that_the_engine_refuses_fails_alone() -> None:
    def fail(array: np.ndarray) -> None:
        if 5 in array:
            raise EngineError("out of memory")

    (result,) = runner(Numbers(12), Guesses(fail), SILENT).results(split(12, 12))
    assert [prediction.index for prediction in result.predictions if prediction.error == "out of memory"] == [4, 5, 6, 7]
    assert len(result.durations_us) == 2


@pytest.mark.parametrize("batch_size", [1, 4, 20])
def test_an_answer_that_is_no_number_fails_alone(batch_size: int) -> None:
    def probabilities(outputs: list[np.ndarray]) -> np.ndarray:
        rows = outputs[0]
        rows[rows[:, 0] == first] = np.nan
        return rows

    first = np.random.default_rng(5).dirichlet(np.ones(CLASSES))[0]  # of input 5 alone
    seen: list[int] = []
    (result,) = runner(Numbers(20), Guesses(), SILENT, batch_size=batch_size, probabilities=probabilities,
                       observe=lambda samples, rows: seen.extend(sample.index for sample in samples)).results(split(20, 20))
    failed = [(prediction.index, prediction.error) for prediction in result.predictions if prediction.error]
    assert failed == [(5, "the model answers with NaN or infinities")]
    assert (result.tally.failures, result.tally.labelled + result.tally.unlabelled) == (1, 19)
    assert seen == [index for index in range(20) if index != 5]
    assert len(result.durations_us) == 20 // batch_size
    assert np.isfinite(result.tally.calibration_error)


def test_an_answer_that_is_no_number_ends_the_evaluation_where_that_is_asked_for() -> None:
    broken = runner(Numbers(8), Guesses(), SILENT, probabilities=lambda outputs: outputs[0] * np.inf, fail_on_error=True)
    with pytest.raises(EvaluationError, match=r"^input 0 \(0.jpg\): the model answers with NaN or infinities; "):
        list(broken.results(split(8, 8)))


def test_spans_of_a_part() -> None:
    tracer = Tracer(TraceLevel.FULL_TRACE)
    engine = Guesses()
    with tracer:
        first, second = runner(Numbers(12), engine, tracer, trace_preprocess=True).results(split(12, 8))
    assert sorted(span.name for span in second.spans) == sorted(["part", "preprocess", "c_predict", *_layer_names(second.spans)])
    assert engine.traced == 3
    names = {span.span_id: span.name for span in first.spans}
    parents = {span.name: names.get(span.parent_id, "") for span in first.spans}
    assert parents["part"] == ""
    assert parents["preprocess"] == parents["c_predict"] == "part"
    (layer,) = set(_layer_names(first.spans))
    assert parents[layer] == "c_predict"
    assert {span.level for span in first.spans if span.name == "c_predict"} == {TraceLevel.MODEL_TRACE}


def test_preprocessing_is_traced_on_request_alone() -> None:
    with Tracer(TraceLevel.MODEL_TRACE) as tracer:
        engine = Guesses()
        (result,) = runner(Numbers(4), engine, tracer).results(split(4, 4))
    assert [span.name for span in result.spans] == ["c_predict", "part"]
    assert engine.traced == 0


def test_warming_up_is_one_span_that_nothing_is_kept_of() -> None:
    with Tracer(TraceLevel.MODEL_TRACE) as tracer:
        engine = Guesses()
        warm = runner(Numbers(4), engine, tracer, warm_up_batches=lambda: [np.zeros((2, 3), np.float32)] * 3)
        warm.warm_up()
        assert [span.name for span in tracer.drain()] == ["warm_up"]
    assert engine.batches == [2, 2, 2]


def test_observers_and_progress_hear_of_every_batch() -> None:
    seen: list[tuple[list[int], int]] = []
    advanced: list[int] = []

    def observe(samples: Sequence[Sample], probabilities: np.ndarray) -> None:
        seen.append(([sample.index for sample in samples], len(probabilities)))

    list(runner(Numbers(10, frozenset({1})), Guesses(), SILENT, observe=observe, advance=advanced.append).results(split(10, 8)))
    assert seen == [([0, 2, 3], 3), ([4, 5, 6, 7], 4), ([8, 9], 2)]
    assert advanced == [4, 4, 2]


def _layer_names(spans: Sequence[object]) -> list[str]:
    return [span.name for span in spans if span.level == TraceLevel.FRAMEWORK_TRACE]  # type: ignore[attr-defined]
