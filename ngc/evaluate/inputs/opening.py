"""Opens a data set by what lies at its location."""

from collections.abc import Callable
from pathlib import Path

from ngc.errors import DatasetError, shorten
from ngc.evaluate.inputs.arrays import open_npz
from ngc.evaluate.inputs.datasets import Dataset
from ngc.evaluate.inputs.image_folder import open_image_folder
from ngc.evaluate.inputs.labels import Labels
from ngc.evaluate.inputs.list_files import open_list, open_listed_folder
from ngc.evaluate.inputs.record_dataset import open_records

_OPENERS: dict[str, Callable[[Path, str, Labels], Dataset]] = {".rec": open_records, ".npz": open_npz, ".lst": open_list, ".txt": open_list, ".tsv": open_list}

SUFFIXES = tuple(_OPENERS)
"""Of files that are data sets."""


def open_dataset(location: str | Path, *, name: str = "", labels: tuple[str, ...] | None = (), label_list: Path | None = None) -> Dataset:
    """Returns the data set at a location.

    - a folder: see `open_image_folder`; with `label_list`, its own images have the classes of that file, see `open_listed_folder`
    - a `.rec` file of MXNet's, with or without an `.idx` file beside it: see `open_records`
    - an `.npz` file of inputs and classes: see `open_npz`
    - a `.lst` file of MXNet's, or a `.txt` or `.tsv` file of paths and classes: see `open_list`

    Args:
        location: of the data set.
        name: of the data set; the location's own by default.
        labels: the model's classes; where they are given, a data set's are looked up in them and checked. None where the model has names that are not to be
            had: a data set's names are refused then, as nobody knows what they mean.
        label_list: classes of a folder's images.

    Raises:
        DatasetError: there is nothing at the location, or it is none of these or damaged.
    """
    path, known = Path(location), Labels(labels or (), missing=labels is None)
    try:
        is_folder, is_file = path.is_dir(), path.is_file()
    except OSError as error:  # a name that is too long, for example
        raise DatasetError(f"{shorten(str(path))}: no such data set: {error.strerror}") from error
    if is_folder:
        own_name = name or path.resolve().name
        return open_listed_folder(path, label_list, own_name, known) if label_list else open_image_folder(path, own_name, known)
    if not is_file:
        raise DatasetError(f"{path}: no such data set")
    if path.suffix not in _OPENERS:
        raise DatasetError(f"{path}: no data set; expected a folder of images, or a {', '.join(SUFFIXES)} file")
    if label_list:
        raise DatasetError(f"{path}: has classes of its own; a list of labels goes with a folder of images")
    return _OPENERS[path.suffix](path, name or path.stem, known)
