"""Evaluates parts: batches in, for each part one result with everything that is recorded of it."""

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Protocol

import numpy as np

from ngc.errors import EvaluationError, NgcError
from ngc.evaluate.accuracy import Tally, ranking, tally, total
from ngc.evaluate.inputs import Batch, Loader, Sample
from ngc.evaluate.levels import TraceLevel
from ngc.evaluate.parts import Part
from ngc.evaluate.records import FEATURES, PREDICT, PartResult, Prediction
from ngc.evaluate.run.engine import Engine
from ngc.evaluate.trace import Tracer

_log = logging.getLogger("ngc")

NO_NUMBERS = "the model answers with NaN or infinities"
"""Why an input has no answer although it was computed."""


class PartRunner(Protocol):
    """Evaluates parts, here or elsewhere. Results depend on parts and the size of batches alone, not on who evaluates which part when."""

    def warm_up(self) -> None:
        """Computes something of which nothing is kept, so that the first part finds code and memory in place."""
        ...

    def results(self, parts: Sequence[Part]) -> Iterator[PartResult]:
        """Yields the result of each part, in any order.

        Raises:
            EvaluationError: an input failed, and failures are to end the evaluation.
        """
        ...


@dataclass(frozen=True)
class LocalRunner:
    """Evaluates parts one after another in this process.

    Attributes:
        engine: what computes.
        loader: reads, decodes and preprocesses, ahead of the engine.
        probabilities: makes (inputs, classes) of the model's outputs; None where they are no probabilities, and only time is measured.
        tracer: gets the spans.
        batch_size: most inputs of a batch.
        features: of how many classes a prediction keeps the probabilities.
        read_ahead: whether inputs are read and preprocessed while the engine computes; that takes less time in all, and disturbs the durations of batches.
        trace_preprocess: whether reading and preprocessing get spans.
        fail_on_error: whether the first input that fails ends the evaluation; it is a prediction without features otherwise.
        warm_up_batches: gives the batches (inputs, ...) that are computed before anything is measured.
        advance: told how many inputs each batch was, those that failed included.
        observe: given the inputs of each batch, and their probabilities.
    """

    engine: Engine
    loader: Loader
    probabilities: Callable[[list[np.ndarray]], np.ndarray] | None
    tracer: Tracer
    batch_size: int
    features: int = FEATURES
    read_ahead: bool = True
    trace_preprocess: bool = False
    fail_on_error: bool = False
    warm_up_batches: Callable[[], Iterable[np.ndarray]] = tuple
    advance: Callable[[int], None] = lambda inputs: None
    observe: Callable[[Sequence[Sample], np.ndarray], None] = lambda samples, probabilities: None

    def warm_up(self) -> None:
        """Computes the batches for that; all are one span."""
        with self.tracer.span(TraceLevel.APPLICATION_TRACE, "warm_up"):
            for array in self.warm_up_batches():
                self.engine.predict(array)

    def results(self, parts: Sequence[Part]) -> Iterator[PartResult]:
        """Yields the results in the order of the parts."""
        for part, batches in groupby(self.loader.batches(parts, self.batch_size, ahead=self.read_ahead), key=lambda batch: batch.part):
            yield self._evaluate(part, batches)

    def _evaluate(self, part: Part, batches: Iterable[Batch]) -> PartResult:
        answers = _Answers(self.features)
        with self.tracer.span(TraceLevel.APPLICATION_TRACE, "part", part_index=part.index, part_inputs=len(part)):
            for batch in batches:
                if self.trace_preprocess:
                    self.tracer.record(TraceLevel.APPLICATION_TRACE, "preprocess", *batch.read_ns, inputs=len(batch.samples))
                for sample, reason in batch.failures:
                    self._fail(answers, sample, reason)
                if batch.samples:
                    self._predict(answers, batch)
                self.advance(len(batch.samples) + len(batch.failures))
        result = answers.result(part, self.tracer)
        warn_of_failures(result)
        return result

    def _predict(self, answers: "_Answers", batch: Batch) -> None:
        try:
            outputs, duration_us = self._compute(batch.array)
            probabilities = self.probabilities(outputs) if self.probabilities is not None else np.zeros((len(batch.samples), 0))
        except (NgcError, MemoryError) as error:  # what some inputs meet and others do not, such as a batch that exceeds the memory
            for sample in batch.samples:
                self._fail(answers, sample, str(error) or type(error).__name__)
            return
        answers.durations_us.append(duration_us)
        numbers = np.isfinite(probabilities).all(axis=1)
        for row in np.flatnonzero(~numbers):
            self._fail(answers, batch.samples[row], NO_NUMBERS)
        if numbers.any():
            samples = [batch.samples[row] for row in np.flatnonzero(numbers)]
            answers.add(samples, probabilities[numbers])
            self.observe(samples, probabilities[numbers])

    def _compute(self, array: np.ndarray) -> tuple[list[np.ndarray], float]:
        """Returns the outputs for a batch, and the microseconds that they took."""
        layers = self.tracer.level >= TraceLevel.FRAMEWORK_TRACE
        with self.tracer.span(TraceLevel.MODEL_TRACE, PREDICT, batch_size=len(array)):
            if layers:
                begin_ns = time.time_ns()
                outputs, profile = self.engine.predict_traced(array)
                self.tracer.layers(profile, begin_ns)
                return outputs, profile.total_ms * 1e3  # without making a profile of the run
            begin = time.perf_counter_ns()
            outputs = self.engine.predict(array)
            return outputs, (time.perf_counter_ns() - begin) / 1e3

    def _fail(self, answers: "_Answers", sample: Sample, reason: str) -> None:
        if self.fail_on_error:
            raise EvaluationError(f"input {sample.index} ({sample.input_id}): {reason}; --fail_on_error=false records that and goes on")
        answers.failed.append(Prediction(sample.index, sample.input_id, sample.expected, (), reason))


def warn_of_failures(result: PartResult) -> None:
    """Says how many inputs of a part failed, and why the first of them did; nothing where none did."""
    if first := next((prediction for prediction in result.predictions if prediction.error), None):
        _log.warning("part %d: %d of %d inputs failed; the first is input %d (%s): %s", result.part.index, result.tally.failures, len(result.part), first.index,
                     first.input_id, first.error)


@dataclass
class _Answers:
    """What is gathered of one part."""

    features: int
    durations_us: list[float] = field(default_factory=list)
    tallies: list[Tally] = field(default_factory=list)
    predictions: list[Prediction] = field(default_factory=list)
    failed: list[Prediction] = field(default_factory=list)

    def add(self, samples: Sequence[Sample], probabilities: np.ndarray) -> None:
        self.tallies.append(tally(probabilities, [sample.expected if probabilities.size else None for sample in samples]))
        best = ranking(probabilities, self.features)
        confidence = np.take_along_axis(probabilities, best, axis=1)
        for sample, classes, values in zip(samples, best.tolist(), confidence.tolist(), strict=True):
            self.predictions.append(Prediction(sample.index, sample.input_id, sample.expected, tuple(zip(classes, values, strict=True))))

    def result(self, part: Part, tracer: Tracer) -> PartResult:
        """Returns all of it; its predictions are in the order of the inputs."""
        predictions = sorted([*self.predictions, *self.failed], key=lambda prediction: prediction.index)
        counts = total([*self.tallies, Tally(failures=len(self.failed))])
        return PartResult(part, tuple(self.durations_us), counts, tuple(predictions), tracer.drain())
