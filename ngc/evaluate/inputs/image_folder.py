"""Folders of images."""

from pathlib import Path

from ngc.errors import DatasetError
from ngc.evaluate.inputs import decoding
from ngc.evaluate.inputs.files import FileDataset
from ngc.evaluate.inputs.labels import Labels

SUFFIXES = (*decoding.SUFFIXES, ".npy")
"""Of files that are inputs; all others are left alone."""


def open_image_folder(folder: Path, name: str, labels: Labels) -> FileDataset:
    """Returns the images of a folder, sorted by class and path: those of its subfolders, whose names are their classes, or else its own, without classes.

    Raises:
        DatasetError: there are no images, there are some both beside and inside of the folders of classes, or a folder's name is no label.
    """
    try:
        folders = sorted((entry for entry in folder.iterdir() if entry.is_dir() and not entry.name.startswith(".")), key=lambda entry: entry.name)
        flat, inside = images(folder, deep=False), [images(entry, deep=True) for entry in folders]
    except OSError as error:
        raise DatasetError(f"{folder}: cannot be read: {error.strerror or error}") from error
    inside_count = sum(map(len, inside))
    if flat and inside_count:
        raise DatasetError(f"{folder}: {len(flat)} images beside its folders and {inside_count} in them; expected one folder for each class, or no folders")
    if flat:
        return FileDataset(name, folder, tuple(path.name for path in flat), (None,) * len(flat))
    used = [(entry.name, paths) for entry, paths in zip(folders, inside, strict=True) if paths]
    if not used:
        raise DatasetError(f"{folder}: no images; expected {', '.join(SUFFIXES)} files, or folders of them named by their classes")
    found = labels.indices([class_name for class_name, _ in used], str(folder))
    return FileDataset(name, folder, tuple(path.relative_to(folder).as_posix() for _, paths in used for path in paths),
                       tuple(label for label, (_, paths) in zip(found, used, strict=True) for _ in paths))


def images(folder: Path, *, deep: bool) -> list[Path]:
    """Returns the images in a folder, or also in those below it, sorted; hidden files are none."""
    entries = folder.rglob("*") if deep else folder.iterdir()
    return sorted(entry for entry in entries if entry.suffix.lower() in SUFFIXES and not entry.name.startswith(".") and entry.is_file())
