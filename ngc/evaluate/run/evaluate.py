"""Runs an evaluation in parts: each is recorded when it is finished, those that were recorded before are left out, and the counts of all are summed."""

import contextlib
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ngc.errors import EvaluationError, NgcError
from ngc.evaluate.accuracy import Tally, total
from ngc.evaluate.levels import TraceLevel
from ngc.evaluate.parts import Part
from ngc.evaluate.records import FAILED, FINISHED, Evaluation, PartResult, Span
from ngc.evaluate.run.recorder import Recorder
from ngc.evaluate.run.runner import PartRunner
from ngc.evaluate.trace import Tracer

_log = logging.getLogger("ngc")


@dataclass(frozen=True)
class Outcome:
    """What an evaluation gave.

    Attributes:
        evaluation: as it is recorded in the end.
        tally: the sum over all parts, in their order, whoever evaluated them when; so it is the same to the bit however often the evaluation was resumed.
        parts: the results of all parts, in order, without predictions and spans.
        inputs: how many inputs this run evaluated; those of parts that were finished before are not among them.
        seconds: what this run took, with reading, preprocessing and recording, without warming up.
    """

    evaluation: Evaluation
    tally: Tally
    parts: tuple[PartResult, ...]
    inputs: int
    seconds: float


class Interrupted(KeyboardInterrupt):
    """An evaluation was interrupted; the parts in `done` of its `parts` are finished. `reason` is empty where it was Ctrl-C."""

    def __init__(self, evaluation: Evaluation, done: int, reason: str = "") -> None:
        super().__init__(f"{done} of {evaluation.parts} parts were finished")
        self.evaluation, self.done, self.reason = evaluation, done, reason


def evaluate(runner: PartRunner, parts: Sequence[Part], evaluation: Evaluation, recorder: Recorder, tracer: Tracer, *, predictions: bool) -> Outcome:
    """Evaluates the parts that are not recorded yet, and returns the outcome of all.

    Args:
        runner: evaluates parts.
        parts: all that the evaluation has.
        evaluation: what is recorded of it as a whole; where its id is recorded already, the evaluation goes on.
        recorder: keeps each part when it is finished.
        tracer: gets the spans around the parts.
        predictions: whether the prediction of each input is recorded.

    Raises:
        Interrupted: by a signal; what was recorded stays, and the evaluation can be resumed.
        EvaluationError: an input failed, where failures are to end the evaluation, or all did. The evaluation is recorded as failed; finished parts are kept.
        StoreError: a part cannot be recorded; those before it are.
    """
    recorder.begin(evaluation)
    finished = {result.part.index: result for result in recorder.part_results(evaluation.id)}
    missing = [part for part in parts if part.index not in finished]
    outside: list[Span] = []
    failure, inputs, seconds = "", 0, 0.0
    try:
        with tracer.span(TraceLevel.APPLICATION_TRACE, "evaluate", model_name=evaluation.model_name, mode=evaluation.mode, parts=len(missing)):
            if missing:
                runner.warm_up()
            outside += tracer.drain()
            begin = time.perf_counter()
            for result in runner.results(missing):
                recorder.add_part(evaluation.id, result, predictions=predictions)
                failure = failure or next((prediction.error for prediction in result.predictions if prediction.error), "")
                inputs += len(result.part)
                finished[result.part.index] = replace(result, predictions=(), spans=())  # a data set's predictions need not fit into memory
            seconds = time.perf_counter() - begin
        outcome = _outcome(evaluation, [finished[part.index] for part in parts], inputs, seconds, failure)
    except KeyboardInterrupt as interrupt:
        raise Interrupted(evaluation, len(finished), str(interrupt)) from None
    except Exception as error:
        _record_failure(recorder, evaluation, error)
        raise
    recorder.set_trace(evaluation.id, (*outside, *tracer.drain()))
    recorder.finish(evaluation.id, {})
    return outcome


def _outcome(evaluation: Evaluation, results: Sequence[PartResult], inputs: int, seconds: float, failure: str) -> Outcome:
    counts = total(result.tally for result in results)
    if counts.failures and not counts.labelled + counts.unlabelled:
        raise EvaluationError(f"none of the {counts.failures} inputs has an answer; the first failed: {failure or 'see its prediction'}")
    return Outcome(replace(evaluation, state=FINISHED), counts, tuple(results), inputs, seconds)


def _record_failure(recorder: Recorder, evaluation: Evaluation, error: Exception) -> None:
    """Records why an evaluation failed, if that is possible: where the store is what failed, its error is the one to be seen."""
    with contextlib.suppress(NgcError):
        recorder.fail(evaluation.id, str(error) or type(error).__name__)
    _log.info("evaluation %s is %s", evaluation.id, FAILED)
