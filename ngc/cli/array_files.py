"""Files of arrays, as `numpy.save` and `numpy.savez` write them: inputs of a run, and examples to calibrate and to measure with. Nothing is unpickled."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ngc.errors import InputError
from ngc.ir.npz_parts import HEADER_ERRORS, ZIP_ERRORS

_NPY = np.lib.format.MAGIC_PREFIX

BEGINNINGS = (_NPY, b"PK")
"""Of files that numpy wrote."""


@dataclass(frozen=True)
class Examples:
    """The examples of a file, in batches.

    Attributes:
        arrays: by input name, with the examples along the first axis; at least one.
        batch: how many examples come at a time; fewer at the end.
    """

    arrays: Mapping[str, np.ndarray]
    batch: int

    @property
    def count(self) -> int:
        """How many examples there are."""
        return len(next(iter(self.arrays.values())))

    def __len__(self) -> int:
        return -(-self.count // self.batch)

    def __iter__(self) -> Iterator[Any]:
        for start in range(0, self.count, self.batch):
            yield {name: array[start:start + self.batch] for name, array in self.arrays.items()}


@dataclass(frozen=True)
class UnnamedExamples(Examples):
    """The examples of an .npy file, which names no input; they are those of a model's only one."""

    def __iter__(self) -> Iterator[Any]:
        for feeds in super().__iter__():
            yield from feeds.values()


def read_input(path: Path, name: str) -> np.ndarray:
    """Returns the array of an .npy file, or that of an .npz file which has the name or is the only one.

    Raises:
        InputError: the file cannot be read, or has several arrays and none of that name.
    """
    with _opened(path, f"--input {name}") as found:
        if not isinstance(found, np.lib.npyio.NpzFile):
            return np.asarray(found)
        if name not in found.files and len(found.files) != 1:
            raise InputError(f"--input {name}: {path} holds {', '.join(found.files) or 'nothing'} and no {name!r}")
        return np.asarray(found[name if name in found.files else found.files[0]])


def read_examples(path: Path, option: str, batch: int) -> Examples:
    """Returns the examples of an .npy file, or of an .npz file with one array for each input.

    Args:
        path: the file; an .npy file is mapped, not read.
        option: of the command line that names the file, for errors.
        batch: how many examples come at a time.

    Raises:
        InputError: the file cannot be read, has no examples, or not the same number of them in all arrays.
    """
    with _opened(path, option, map_file=True) as found:
        named = isinstance(found, np.lib.npyio.NpzFile)
        arrays = {name: np.asarray(found[name]) for name in found.files} if named else {"": found}
    sizes = {name: len(array) if array.ndim else 0 for name, array in arrays.items()}
    if not sizes or not all(sizes.values()):
        raise InputError(f"{option}: {path} holds no examples; expected one array for each input, with the examples along its first axis")
    if len(set(sizes.values())) > 1:
        raise InputError(f"{option}: the arrays of {path} differ in their number of examples: {', '.join(f'{name} {size}' for name, size in sizes.items())}")
    return (Examples if named else UnnamedExamples)(arrays, batch)


@contextmanager
def _opened(path: Path, option: str, map_file: bool = False) -> Iterator[Any]:
    """Yields what numpy reads of a file: an array, or the archive of several."""
    try:
        with path.open("rb") as file:  # which numpy would leave open where it fails
            mapped = map_file and file.read(len(_NPY)) == _NPY
            file.seek(0)
            yield np.load(path if mapped else file, mmap_mode="r" if mapped else None, allow_pickle=False)
    except OSError as error:
        raise InputError(f"{option}: cannot read {path}: {error.strerror or error}") from error
    except (*ZIP_ERRORS, *HEADER_ERRORS) as error:
        raise InputError(f"{option}: {path} is no array that numpy.save or numpy.savez wrote: {error}") from error
