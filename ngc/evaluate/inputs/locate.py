"""Finds a data set by category and name, as the MLModelScope agents name theirs."""

import itertools
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from ngc.errors import DatasetError
from ngc.evaluate.inputs.opening import SUFFIXES

BUILTIN = {("vision", "digits"): Path(__file__).parents[1] / "manifest" / "builtin" / "digits" / "held_out.npz"}
"""Data sets that are shipped."""

RESIZED = (224, 227)
"""Sizes that the agents' data sets come in, besides the original."""


@dataclass(frozen=True)
class Location:
    """Where a data set lies.

    Attributes:
        path: to open.
        resized: whether its images have the model's size already: they are not to be cropped again.
    """

    path: Path
    resized: bool = False


def resolve_dataset(category: str, name: str, data_dir: Path | None = None, *, size: int = 0, center_crop: bool = False) -> Location:
    """Returns where a data set lies.

    A name that is an existing path is itself. Otherwise it is <data_dir>/<category>/<name>, a folder or a file with one of SUFFIXES, or one that is shipped.
    For a size in RESIZED, images that were resized before are preferred, as the agents do: <name>_<size>_center_crop_875 with `center_crop`, or
    <name>_<size> without.

    Args:
        category: such as "vision".
        name: such as "ilsvrc2012_validation".
        data_dir: the folder "datasets" of ngc in the user's data folder, by default.
        size: height and width of the model's images, or 0.
        center_crop: whether images are resized and cropped.

    Raises:
        DatasetError: there is no such data set; the message lists the places.
    """
    if name and Path(name).exists():
        return Location(Path(name))
    folder = (data_dir or Path(platformdirs.user_data_dir("ngc")) / "datasets") / category
    names = [f"{name}_{size}_center_crop_875" if center_crop else f"{name}_{size}"] if size in RESIZED else []
    for spelled, suffix in itertools.product((*names, name), ("", *SUFFIXES)):
        place = folder / f"{spelled}{suffix}"
        if name and place.exists():
            return Location(place, resized=spelled in names)
    if (category, name) in BUILTIN:
        return Location(BUILTIN[category, name])
    looked = "\n".join(f"  {folder / spelled}" for spelled in (*names, name))
    shipped = ", ".join(f"{builtin} ({kind})" for kind, builtin in BUILTIN)
    raise DatasetError(f"no data set {name!r} of category {category!r}; looked for a folder, or a {', '.join(SUFFIXES)} file, at\n  {Path(name).absolute()}\n"
                       f"{looked}\nshipped are {shipped}")
