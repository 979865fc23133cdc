"""What makes model inputs of what a data set stores."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np


class Preparation(Protocol):
    """Makes one input of one stored image, array or file; `Preprocessing` does for images. Many threads call it at a time."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one input, without the batch."""

    @property
    def dtype(self) -> np.dtype:
        """Of one input."""

    def __call__(self, image: bytes | np.ndarray, name: str = "image") -> np.ndarray:
        """Returns one input; raises DatasetError, which names it, where none can be made."""


@dataclass(frozen=True)
class AsStored:
    """Takes arrays as they are: generated inputs are what a model takes, images or not.

    Attributes:
        shape: of one input, without the batch.
        element_type: of the input.
    """

    shape: tuple[int, ...]
    element_type: str = "float32"

    @property
    def dtype(self) -> np.dtype:
        """Of one input."""
        return np.dtype(self.element_type)

    def __call__(self, image: bytes | np.ndarray, name: str = "image") -> np.ndarray:
        """Returns the array."""
        return np.asarray(image)
