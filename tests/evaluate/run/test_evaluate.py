"""Evaluations in parts: records, failures, interruptions and resuming."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ngc.errors import EvaluationError, StoreError
from ngc.evaluate.accuracy import Tally
from ngc.evaluate.levels import TraceLevel
from ngc.evaluate.parts import split
from ngc.evaluate.records import FINISHED, PartResult
from ngc.evaluate.run.evaluate import Interrupted, Outcome, evaluate
from ngc.evaluate.run.recorder import Unpublished
from ngc.evaluate.trace import Tracer
from tests.evaluate.run.doubles import Guesses, Memory, Numbers, evaluation, runner

SILENT = Tracer(TraceLevel.NO_TRACE)
PARTS = split(40, 8)


def run(recorder: Memory | Unpublished, dataset: Numbers = Numbers(40), tracer: Tracer = SILENT, **options: object) -> Outcome:  # noqa: B008 (frozen)
    return evaluate(runner(dataset, Guesses(), tracer, **options), PARTS, evaluation(), recorder, tracer, predictions=True)


def test_an_outcome_has_all_parts() -> None:
    recorder = Memory()
    outcome = run(recorder)
    assert outcome.evaluation.state == FINISHED
    assert [result.part for result in outcome.parts] == PARTS
    assert (outcome.inputs, outcome.tally.labelled, outcome.tally.unlabelled) == (40, 32, 8)
    assert recorder.calls == ["begin", "finish"]
    assert run(Unpublished()).tally == outcome.tally


@settings(max_examples=25)
@given(st.sets(st.integers(0, 4)), st.permutations(range(5)))
def test_a_resumed_evaluation_ends_as_an_undisturbed_one(before: set[int], order: list[int]) -> None:
    undisturbed = Memory()
    whole = run(undisturbed)
    recorder = Memory(parts={index: undisturbed.parts[index] for index in order if index in before})
    outcome = run(recorder)
    assert outcome.tally == whole.tally  # to the bit: its floats are compared as they are
    assert outcome.inputs == 8 * (5 - len(before))
    assert {index: result.predictions for index, result in recorder.parts.items()} == {
        index: result.predictions for index, result in undisturbed.parts.items()}  # fmt: skip
    assert all(recorder.parts[index] is undisturbed.parts[index] for index in before)


def test_nothing_is_computed_where_all_parts_are_finished() -> None:
    recorder = Memory()
    run(recorder)
    engine = Guesses()
    outcome = evaluate(runner(Numbers(40), engine, SILENT, warm_up_batches=lambda: pytest.fail("warmed up")), PARTS, evaluation(), recorder, SILENT,
                       predictions=True)
    assert engine.batches == []
    assert outcome.inputs == 0


def test_a_failure_is_recorded_and_finished_parts_are_kept() -> None:
    recorder = Memory()
    with pytest.raises(EvaluationError, match="input 19"):
        run(recorder, Numbers(40, frozenset({19})), fail_on_error=True)
    assert sorted(recorder.parts) == [0, 1]
    assert recorder.calls == ["begin", "fail"]
    assert recorder.error.startswith("input 19 (19.jpg): 19.jpg: damaged")


def test_failures_are_counted_where_they_may_be() -> None:
    assert run(Memory(), Numbers(40, frozenset({19, 20}))).tally.failures == 2


def test_an_evaluation_without_any_answer_has_failed() -> None:
    recorder = Memory()
    with pytest.raises(EvaluationError) as caught:
        run(recorder, Numbers(40, frozenset(range(40))))
    assert str(caught.value) == "none of the 40 inputs has an answer; the first failed: 0.jpg: damaged"
    assert recorder.calls == ["begin", "fail"]
    assert len(recorder.parts) == 5


def test_an_interruption_says_what_was_finished() -> None:
    def interrupt(result: PartResult) -> None:
        if result.part.index == 2:
            raise KeyboardInterrupt

    recorder = Memory(before=interrupt)
    with pytest.raises(Interrupted) as caught:
        run(recorder)
    assert (caught.value.done, str(caught.value)) == (2, "2 of 5 parts were finished")
    assert recorder.calls == ["begin"]  # it stays as it is, to be resumed
    recorder.before = lambda result: None
    assert run(recorder).tally == run(Memory()).tally


def test_a_store_that_fails_is_told_by_its_own_error() -> None:
    def full(result: PartResult) -> None:
        if result.part.index == 1:
            raise StoreError("database full.db: the disk is full")

    class Full(Memory):
        def fail(self, id: str, message: str) -> None:
            raise StoreError("database full.db: still full")

    recorder = Full(before=full)
    with pytest.raises(StoreError, match=r"^database full.db: the disk is full$"):
        run(recorder)
    assert sorted(recorder.parts) == [0]


def test_spans_outside_of_parts_are_recorded_apart() -> None:
    recorder = Memory()
    with Tracer(TraceLevel.MODEL_TRACE) as tracer:
        run(recorder, tracer=tracer)
    assert [span.name for span in recorder.spans] == ["warm_up", "evaluate"]
    evaluated = recorder.spans[-1]
    assert evaluated.attributes["parts"] == 5
    spans = [span for result in recorder.parts.values() for span in result.spans]
    assert {span.parent_id for span in spans if span.name == "part"} == {evaluated.span_id}
    assert sum(span.name == "part" for span in spans) == 5


def test_predictions_are_not_held_in_memory() -> None:
    outcome = run(Memory())
    assert {result.predictions for result in outcome.parts} == {()}
    assert outcome.tally != Tally()
