"""What `model_accuracy` and `performance` say of a finished evaluation, for those who read the database with SQL."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ngc.evaluate.accuracy import total
from ngc.evaluate.records import PartResult


def accuracy_row(parts: Sequence[PartResult]) -> dict[str, Any]:
    """Returns the row of `model_accuracy`, without its key; NULL where no input has an expected class."""
    counts = total(part.tally for part in parts)
    return {"labelled": counts.labelled, "unlabelled": counts.unlabelled, "failures": counts.failures, "top_1": _finite(counts.top1_accuracy),
            "top_5": _finite(counts.top5_accuracy), "calibration_error": _finite(counts.calibration_error)}  # fmt: skip


def performance_row(parts: Sequence[PartResult]) -> dict[str, Any]:
    """Returns the row of `performance`, without its key: durations of batches in microseconds; NULL without batches."""
    durations = np.array([duration for part in parts for duration in part.durations_us])
    row = {"inputs": sum(len(part.part) for part in parts), "batches": len(durations)}
    if not len(durations):
        return row
    median, p90, p99 = np.percentile(durations, [50, 90, 99])
    numbers = {"total_us": durations.sum(), "mean_us": durations.mean(), "min_us": durations.min(), "median_us": median, "p90_us": p90, "p99_us": p99,
               "max_us": durations.max()}  # fmt: skip
    return {**row, **{name: _finite(float(number)) for name, number in numbers.items()}}


def _finite(number: float) -> float | None:
    return number if math.isfinite(number) else None
