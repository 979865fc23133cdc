"""What a data set is: inputs in a fixed order, some with the class that is right for them."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

import numpy as np


@dataclass(frozen=True)
class Sample:
    """One input of a data set, without its content.

    Attributes:
        index: its place in the data set, from 0.
        input_id: its file's name or address, its key in a RecordIO file, or its row.
        expected: the class that is right for it, or None where the data set says none.
    """

    index: int
    input_id: str
    expected: int | None


class Dataset(Protocol):
    """Inputs in a fixed order. It may be read by many threads at a time, and be pickled for other processes."""

    @property
    def name(self) -> str:
        """What reports call it."""

    def __len__(self) -> int: ...

    def sample(self, index: int) -> Sample:
        """Returns an input's name and class. Where a record is damaged the class is None; `read` then says what is wrong."""

    def read(self, index: int) -> bytes | np.ndarray:
        """Returns an input as it is stored: the bytes of an image's file, or an array.

        Raises:
            DatasetError: it is missing or damaged, or its class is none of the model's. The message names it.
        """

    def digest(self) -> str:
        """Returns a text that is another one when the data set is changed: made of names, sizes, times and classes, not of the content."""


def digest_of(facts: Iterable[object]) -> str:
    """Returns a digest of facts in their order, by the text that Python shows for each."""
    digest = hashlib.sha256()
    for fact in facts:
        digest.update(repr(fact).encode())
        digest.update(b"\0")  # so that no two facts read as one
    return digest.hexdigest()
