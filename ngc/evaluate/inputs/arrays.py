"""Data sets of arrays in `.npz` files."""

import zipfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ngc.errors import DatasetError
from ngc.evaluate.inputs.datasets import Sample, digest_of
from ngc.evaluate.inputs.labels import Labels
from ngc.ir.npz_parts import HEADER_ERRORS, ZIP_ERRORS

INPUT_NAMES, LABEL_NAMES = ("images", "x", "data"), ("labels", "y", "label")
"""What arrays of inputs and of classes are called in `.npz` files, by those who write them."""


@dataclass(frozen=True)
class ArrayDataset:
    """The rows of an array.

    Attributes:
        name: see `Dataset`.
        images: (inputs, ...).
        classes: of the inputs.
        sums: checksums of the arrays, which the archive has.
    """

    name: str
    images: np.ndarray = field(repr=False)
    classes: tuple[int | None, ...] = field(repr=False)
    sums: str

    def __len__(self) -> int:
        return len(self.images)

    def sample(self, index: int) -> Sample:
        """See `Dataset`."""
        return Sample(index, str(index), self.classes[index])

    def read(self, index: int) -> np.ndarray:
        """See `Dataset`."""
        return np.asarray(self.images[index])

    def digest(self) -> str:
        """See `Dataset`."""
        return digest_of((self.images.shape, self.images.dtype.str, self.classes, self.sums))


def open_npz(path: Path, name: str, labels: Labels) -> ArrayDataset:
    """Returns the inputs in an `.npz` file, and their classes where it has some. They are read into memory.

    Raises:
        DatasetError: the file is none, has no array of inputs, or classes that are not one for each input and of the model.
    """
    try:
        with path.open("rb") as file:
            archive = np.load(file, allow_pickle=False)
            if not isinstance(archive, np.lib.npyio.NpzFile):
                raise DatasetError(f"{path}: one array that numpy.save wrote; expected an archive that numpy.savez wrote")
            names = archive.files
            stored = {name: archive[name] for name in names if name in (*INPUT_NAMES, *LABEL_NAMES)}
        with zipfile.ZipFile(path) as members:
            sums = ", ".join(f"{member.filename} {member.CRC}" for member in members.infolist())
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read: {error.strerror or error}") from error
    except (*ZIP_ERRORS, *HEADER_ERRORS) as error:
        raise DatasetError(f"{path}: no archive that numpy.savez wrote: {error}") from error
    images = _named(stored, INPUT_NAMES, path)
    if images is None:
        raise DatasetError(f"{path}: holds {', '.join(names) or 'nothing'}; expected inputs as {' or '.join(INPUT_NAMES)}, "
                           f"and classes as {' or '.join(LABEL_NAMES)}")
    if images.ndim == 0 or not len(images):
        raise DatasetError(f"{path}: no inputs in an array {images.shape}; expected them along its first axis")
    return ArrayDataset(name, images, _classes(_named(stored, LABEL_NAMES, path), len(images), path, labels), sums)


def _named(arrays: dict[str, np.ndarray], names: tuple[str, ...], path: Path) -> np.ndarray | None:
    """Returns the array that has one of the names, or None; raises DatasetError where several have."""
    found = [name for name in names if name in arrays]
    if len(found) > 1:
        raise DatasetError(f"{path}: holds {' and '.join(found)}, of which one is expected")
    return arrays[found[0]] if found else None


def _classes(array: np.ndarray | None, count: int, path: Path, labels: Labels) -> tuple[int | None, ...]:
    """Returns the classes of `count` inputs."""
    if array is None:
        return (None,) * count
    if array.shape not in ((count,), (count, 1)):
        raise DatasetError(f"{path}: classes {array.shape} for {count} inputs; expected {(count,)}")
    if array.dtype.kind not in "iuf":
        raise DatasetError(f"{path}: classes of {array.dtype}; expected numbers")
    return tuple(labels.whole(float(label), f"{path}: input {row}") for row, label in enumerate(array.reshape(-1)))
