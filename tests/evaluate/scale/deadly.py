"""A data set with an input that ends the process that reads it."""

import os
import signal
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ngc.evaluate.inputs import Dataset, Sample, open_dataset


@dataclass(frozen=True)
class Deadly:
    """A data set whose input `at` is as some broken images are for some decoders; for the process `spared` it is an input like others."""

    inner: Dataset
    at: int
    spared: int

    @property
    def name(self) -> str:
        return self.inner.name

    def __len__(self) -> int:
        return len(self.inner)

    def sample(self, index: int) -> Sample:
        return self.inner.sample(index)

    def read(self, index: int) -> bytes | np.ndarray:
        if index == self.at and os.getpid() != self.spared:
            os.kill(os.getpid(), signal.SIGKILL)
        return self.inner.read(index)

    def digest(self) -> str:
        return self.inner.digest()


def open_deadly(path: Path, at: int, spared: int) -> Deadly:
    """Returns the data set of a path, with a deadly input."""
    return Deadly(open_dataset(path, name="deadly"), at, spared)
