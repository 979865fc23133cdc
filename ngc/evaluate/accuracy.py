"""Accuracy of classification as counts, which add up over the parts of a data set.

Calibration: the expected calibration error of Guo et al., "On Calibration of Modern Neural Networks" (2017), over BINS bins of equal width.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ngc.errors import EvaluationError

BINS = 15
"""Bins of the calibration error, as in the paper."""


@dataclass(frozen=True)
class Tally:
    """Counts over inputs with an expected class.

    Attributes:
        labelled: inputs that have an expected class and an answer.
        unlabelled: inputs that have an answer, but no expected class.
        failures: inputs without an answer.
        top1, top5: of the labelled, those whose class is the most probable, or among the five most probable.
        confusion: how often an expected class was answered by a most probable one, by (expected, answered).
        bins: of the labelled, for each bin of confidence their number, the right ones, and their summed confidence.
    """

    labelled: int = 0
    unlabelled: int = 0
    failures: int = 0
    top1: int = 0
    top5: int = 0
    confusion: Mapping[tuple[int, int], int] = field(default_factory=dict)
    bins: tuple[tuple[int, int, float], ...] = ((0, 0, 0.0),) * BINS

    def __add__(self, other: Self) -> "Tally":
        return total((self, other))

    @property
    def top1_accuracy(self) -> float:
        """The share of labelled inputs whose class is the most probable; NaN without any."""
        return self.top1 / self.labelled if self.labelled else float("nan")

    @property
    def top5_accuracy(self) -> float:
        """The share of labelled inputs whose class is among the five most probable; NaN without any."""
        return self.top5 / self.labelled if self.labelled else float("nan")

    @property
    def calibration_error(self) -> float:
        """The mean distance of confidence and accuracy over the bins, weighted by their inputs; NaN without any."""
        return sum(abs(right - confidence) for _, right, confidence in self.bins) / self.labelled if self.labelled else float("nan")

    def to_json(self) -> dict[str, Any]:
        """Returns it as JSON's types."""
        return {"labelled": self.labelled, "unlabelled": self.unlabelled, "failures": self.failures, "top1": self.top1, "top5": self.top5,
                "confusion": [[*pair, count] for pair, count in sorted(self.confusion.items())], "bins": [list(row) for row in self.bins]}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Returns what `to_json` made JSON of."""
        confusion = {(expected, answered): count for expected, answered, count in data["confusion"]}
        bins = tuple((number, right, confidence) for number, right, confidence in data["bins"])
        return cls(data["labelled"], data["unlabelled"], data["failures"], data["top1"], data["top5"], confusion, bins)


def total(tallies: Iterable[Tally]) -> Tally:
    """Returns the sum of counts, added up in their order, in time that grows with their entries alone: a data set may have a part for each input."""
    confusion: Counter[tuple[int, int]] = Counter()
    counts, bins = np.zeros(5, np.int64), [(0, 0, 0.0)] * BINS
    for one in tallies:
        counts += (one.labelled, one.unlabelled, one.failures, one.top1, one.top5)
        confusion.update(one.confusion)
        bins = [(a[0] + b[0], a[1] + b[1], a[2] + b[2]) for a, b in zip(bins, one.bins, strict=True)]
    labelled, unlabelled, failures, top1, top5 = counts.tolist()
    return Tally(labelled, unlabelled, failures, top1, top5, dict(confusion), tuple(bins))


def tally(probabilities: NDArray[np.floating], expected: "list[int | None]") -> Tally:
    """Returns the counts of one batch.

    Args:
        probabilities: (inputs, classes), each row summing to 1.
        expected: the class of each input, or None.

    Raises:
        EvaluationError: a class is none of the model's: the data set numbers them in another way.
    """
    labelled = [row for row, label in enumerate(expected) if label is not None]
    labels = np.array([expected[row] for row in labelled], np.int64)
    rows = probabilities[labelled]
    if not len(labels):
        return Tally(unlabelled=len(expected))
    if labels.max() >= rows.shape[1] or labels.min() < 0:
        raise EvaluationError(f"the data set expects class {labels[(labels >= rows.shape[1]) | (labels < 0)][0]}; the model has {rows.shape[1]}, from 0")
    ranks = ranking(rows, 5)
    answered, confidence = ranks[:, 0], rows.max(axis=1)
    right = answered == labels
    bin_of = np.clip(np.ceil(confidence * BINS).astype(int) - 1, 0, BINS - 1)
    number, hits = np.bincount(bin_of, minlength=BINS), np.bincount(bin_of, right, minlength=BINS)
    summed = np.bincount(bin_of, confidence.astype(np.float64), minlength=BINS)
    return Tally(
        labelled=len(labels),
        unlabelled=len(expected) - len(labels),
        top1=int(right.sum()),
        top5=int((ranks == labels[:, None]).any(axis=1).sum()),
        confusion=dict(Counter(zip(labels.tolist(), answered.tolist(), strict=True))),
        bins=tuple((int(number[at]), int(hits[at]), float(summed[at])) for at in range(BINS)),
    )


def ranking(probabilities: NDArray[np.floating], most: int) -> NDArray[np.int64]:
    """Returns the most probable classes of each row, best first; of equal ones the smaller class."""
    return np.argsort(-probabilities, axis=1, kind="stable")[:, :most]
