"""Lists of inputs in text files."""

from pathlib import Path

from ngc.errors import DatasetError, shorten
from ngc.evaluate.inputs.files import FileDataset
from ngc.evaluate.inputs.image_folder import images
from ngc.evaluate.inputs.labels import Labels

Line = tuple[int, str]
"""A line's number, from 1, and its text."""


def open_list(path: Path, name: str, labels: Labels, folder: Path | None = None) -> FileDataset:
    """Returns the inputs of a list: lines of a path and a class, which is a number or a name.

    Path and class are separated by a TAB, or by the first space in lines without. In `.lst` files, MXNet's, lines are an index, one or more numbers, and a
    path, separated by TABs; the index is not used, and several numbers are no class. Paths may be http addresses.

    Args:
        path: of the list.
        name: of the data set.
        labels: that classes are looked up in.
        folder: that paths start from; the list's own by default.

    Raises:
        DatasetError: the list cannot be read, is empty, has a line that is none of this, or a class that is not the model's.
    """
    lines = read_lines(path)
    found = lst_entries(path, lines, labels) if path.suffix == ".lst" else list_entries(path, lines, labels)
    return FileDataset(name, folder or path.parent, tuple(input_path for input_path, _ in found), tuple(label for _, label in found))


def open_listed_folder(folder: Path, path: Path, name: str, labels: Labels) -> FileDataset:
    """Returns the images of a folder with the classes of a list: see `open_list`, or one class a line for the images in the order of their names.

    Raises:
        DatasetError: see `open_list`; or the list has only classes, and not as many as the folder has images.
    """
    lines = read_lines(path)
    if path.suffix == ".lst" or any(label and _is_file(folder / file) for file, label in (list_fields(text) for _, text in lines)):
        return open_list(path, name, labels, folder)
    files = images(folder, deep=False)
    if len(files) != len(lines):
        raise DatasetError(f"{path}: {len(lines)} classes for the {len(files)} images of {folder}; expected one for each, or lines of a path and a class")
    return FileDataset(name, folder, tuple(file.name for file in files), labels.indices([text for _, text in lines], str(path)))


def urls_file(path: Path, duplicate_input: int = 1, name: str = "") -> FileDataset:
    """Returns the inputs of a file of paths and file:, http: and https: addresses, one a line, without classes; lines that begin with # are comments.

    Args:
        path: of the file; relative paths in it start from its folder.
        duplicate_input: how many times the list is gone through, as with the agents' option of this name.
        name: of the data set; the file's by default.

    Raises:
        DatasetError: the file cannot be read or names nothing, or `duplicate_input` is less than 1.
    """
    if duplicate_input < 1:
        raise DatasetError(f"{path}: its inputs {duplicate_input} times; expected at least once")
    addresses = [text for _, text in read_lines(path) if not text.startswith("#")] * duplicate_input
    if not addresses:
        raise DatasetError(f"{path}: only comments; expected paths and addresses of inputs, one a line")
    return FileDataset(name or path.stem, path.parent, tuple(addresses), (None,) * len(addresses))


def read_lines(path: Path) -> list[Line]:
    """Returns the lines that are not empty; raises DatasetError if there are none, or the file is no text."""
    try:
        text = path.read_text(encoding="utf-8-sig")  # Windows' editors begin files with a mark
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise DatasetError(f"{path}: no text in UTF-8: {error}") from error
    lines = [(number, line.strip()) for number, line in enumerate(text.split("\n"), 1) if line.strip()]
    if not lines:
        raise DatasetError(f"{path}: a list of nothing")
    return lines


def list_fields(text: str) -> tuple[str, str]:
    """Returns path and class of a line; the class is empty where there is none."""
    path, _, label = text.partition("\t" if "\t" in text else " ")
    return path.strip(), label.strip()


def list_entries(path: Path, lines: list[Line], labels: Labels) -> list[tuple[str, int | None]]:
    """Returns path and class of each line."""
    fields = [list_fields(text) for _, text in lines]
    for (number, text), (_, label) in zip(lines, fields, strict=True):
        if not label:
            raise DatasetError(f"{path}:{number}: {shorten(text)!r}; expected a path, a TAB or space, and a class")
    found = labels.indices([label for _, label in fields], str(path))
    return [(input_path, label) for (input_path, _), label in zip(fields, found, strict=True)]


def lst_entries(path: Path, lines: list[Line], labels: Labels) -> list[tuple[str, int | None]]:
    """Returns path and class of each line of an MXNet list."""
    found: list[tuple[str, int | None]] = []
    for number, text in lines:
        _, *numbers, input_path = text.split("\t") if text.count("\t") > 1 else ("", "", "")
        try:
            classes = [float(label) for label in numbers]
        except ValueError:
            raise DatasetError(f"{path}:{number}: {shorten(text)!r}; expected an index, one or more numbers, and a path, separated by TABs") from None
        found.append((input_path, labels.whole(classes[0], f"{path}:{number}") if len(classes) == 1 else None))
    return found


def _is_file(path: Path) -> bool:
    """Returns whether there is a file; a text that can be no path names none."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False
