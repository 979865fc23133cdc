"""How far two forms of one model agree: their answers to the same inputs, side by side."""

import math
import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ngc.errors import EvaluationError
from ngc.evaluate.inputs import Sample


@dataclass(frozen=True)
class Agreement:
    """Counts over the inputs that both forms answered.

    Attributes:
        inputs: how many these are.
        equal: how many of them have the same most probable class.
        difference: the absolute differences of probabilities, in the mean over classes, summed over inputs.
    """

    inputs: int = 0
    equal: int = 0
    difference: float = 0.0

    def __add__(self, other: "Agreement") -> "Agreement":
        return Agreement(self.inputs + other.inputs, self.equal + other.equal, self.difference + other.difference)

    @property
    def share(self) -> float:
        """The share of inputs with the same most probable class; NaN without any."""
        return self.equal / self.inputs if self.inputs else math.nan

    @property
    def mean_difference(self) -> float:
        """The mean absolute difference of probabilities, over inputs and classes; NaN without any."""
        return self.difference / self.inputs if self.inputs else math.nan


class Answers:
    """The probabilities of a data set's inputs by one form of a model, in single precision, in a temporary file: those of ImageNet take 200 MB."""

    def __init__(self, inputs: int) -> None:
        self._known = np.zeros(inputs, bool)
        self._rows: np.ndarray | None = None

    def keep(self, samples: Sequence[Sample], probabilities: np.ndarray) -> None:
        """Keeps the answers (inputs, classes) to some inputs.

        Raises:
            EvaluationError: they do not fit on the disk.
        """
        if self._rows is None:
            try:
                with tempfile.TemporaryFile(prefix="ngc-eval-") as file:  # its pages live as long as the map
                    # Space is taken now: a page of the map that finds none later ends the process with SIGBUS.
                    os.posix_fallocate(file.fileno(), 0, len(self._known) * probabilities.shape[1] * 4)
                    self._rows = np.memmap(file, np.float32, "r+", shape=(len(self._known), probabilities.shape[1]))
            except OSError as error:
                raise EvaluationError(f"answers to compare others with cannot be kept in {tempfile.gettempdir()}: {error.strerror or error}") from error
        rows = [sample.index for sample in samples]
        self._rows[rows] = probabilities
        self._known[rows] = True

    def compare(self, samples: Sequence[Sample], probabilities: np.ndarray) -> Agreement:
        """Returns how far the answers to some inputs agree with those that were kept; inputs without a kept answer are left out."""
        both = [row for row, sample in enumerate(samples) if self._known[sample.index]]
        if self._rows is None or not both:
            return Agreement()
        kept = self._rows[[samples[row].index for row in both]]
        given = probabilities[both].astype(np.float32)
        equal = kept.argmax(axis=1) == given.argmax(axis=1)
        return Agreement(len(both), int(equal.sum()), float(np.abs(kept - given).mean(axis=1, dtype=np.float64).sum()))
