"""Opens a data set by what lies at its location."""

from pathlib import Path

from ngc.errors import DatasetError
from ngc.evaluate.inputs.arrays import open_npz
from ngc.evaluate.inputs.datasets import Dataset
from ngc.evaluate.inputs.image_folder import open_image_folder
from ngc.evaluate.inputs.labels import Labels


def open_dataset(location: str | Path, *, name: str = "", labels: tuple[str, ...] = (), label_list: Path | None = None) -> Dataset:
    """Returns the data set at a location: a folder of images, or an `.npz` file."""
    path = Path(location)
    if path.is_dir():
        return open_image_folder(path, name or path.name, Labels(labels))
    if not path.is_file():
        raise DatasetError(f"{path}: no such data set")
    return open_npz(path, name or path.stem, Labels(labels))
