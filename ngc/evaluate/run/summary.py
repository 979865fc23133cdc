"""What an evaluation came to, in the numbers that are shown and kept as JSON."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ngc.evaluate.records import Evaluation
from ngc.evaluate.report.timing import throughput, timing
from ngc.evaluate.run.evaluate import Outcome


@dataclass(frozen=True)
class Summary:
    """The numbers of an evaluation.

    Attributes:
        inputs: that have an answer.
        failures: inputs that have none.
        labelled: inputs with an answer and an expected class, which accuracies are shares of.
        top1, top5, calibration_error: see `Tally`; NaN without labelled inputs.
        batch: inputs of the largest batches; less than the batch size where parts, or the data set, have fewer.
        duration_us: the trimmed mean of the durations of these.
        latency_ms: of one input, by that duration.
        throughput: inputs a second, by that duration.
        seconds: what this run took, with reading, preprocessing and recording.
        rate: inputs a second of this run, by that time; NaN where all parts were finished before.
        weight_bytes: what the compiled model's weights take.
    """

    evaluation: Evaluation
    inputs: int
    failures: int
    labelled: int
    top1: float
    top5: float
    calibration_error: float
    batch: int
    duration_us: float
    latency_ms: float
    throughput: float
    seconds: float
    rate: float
    weight_bytes: int

    def to_json(self) -> dict[str, Any]:
        """Returns it as JSON's types; what is NaN here is null there."""
        evaluation = self.evaluation
        return {
            "id": evaluation.id, "mode": evaluation.mode, "model_name": evaluation.model_name, "model_version": evaluation.model_version,
            "dataset_category": evaluation.dataset_category, "dataset_name": evaluation.dataset_name, "target": evaluation.target,
            "precision": evaluation.precision, "threads": evaluation.threads, "batch_size": evaluation.batch_size, "inputs": self.inputs,
            "failures": self.failures, "labelled": self.labelled, "top1_accuracy": number(self.top1), "top5_accuracy": number(self.top5),
            "calibration_error": number(self.calibration_error), "duration_us": number(self.duration_us), "latency_ms": number(self.latency_ms),
            "throughput": number(self.throughput), "seconds": self.seconds, "inputs_a_second": number(self.rate), "weight_bytes": self.weight_bytes,
        }  # fmt: skip


def summarize(outcome: Outcome, weight_bytes: int) -> Summary:
    """Returns the numbers of an outcome."""
    counts, times = outcome.tally, timing(outcome.parts, outcome.evaluation.batch_size)
    rate = outcome.inputs / outcome.seconds if outcome.inputs else math.nan
    return Summary(outcome.evaluation, counts.labelled + counts.unlabelled, counts.failures, counts.labelled, counts.top1_accuracy, counts.top5_accuracy,
                   counts.calibration_error, times.batch, times.duration, times.latency, throughput(times.latency), outcome.seconds, rate, weight_bytes)


def number(value: float) -> float | None:
    """Returns a number as JSON has it, where there is no NaN."""
    return None if math.isnan(value) else value


def results_of(summary: Summary, outcome: Outcome) -> Mapping[str, Any]:
    """Returns what `results.json` holds: the summary, the counts behind it, the durations of all batches and the settings."""
    return {**summary.to_json(), "tally": outcome.tally.to_json(), "durations_us": [duration for part in outcome.parts for duration in part.durations_us],
            "settings": dict(outcome.evaluation.settings)}
