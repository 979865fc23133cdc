"""Bytes of model files, and what a file that is not a model file looks like."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from ngc.errors import ImportFailure

PathLike = str | os.PathLike[str]
Array = npt.NDArray[Any]

_FOREIGN_STARTS: tuple[tuple[bytes, str], ...] = (
    (
        b"version https://git-lfs",
        "this is a Git LFS pointer, not the file itself; fetch the file with `git lfs pull`",
    ),
    (b"\x1f\x8b", "this is a gzip archive; unpack it first"),
    (b"BZh", "this is a bzip2 archive; unpack it first"),
    (b"\xfd7zXZ", "this is an xz archive; unpack it first"),
    (b"\x80\x02", "this is a Python pickle, which ngc never loads"),
    (b"\x80\x03", "this is a Python pickle, which ngc never loads"),
    (b"\x80\x04", "this is a Python pickle, which ngc never loads"),
    (b"\x89HDF", "this is an HDF5 file (Keras?), not an MXNet one"),
    (b"\x93NUMPY", "this is one .npy array without a name; save the parameters with their names"),
    (b"PK\x03\x04", "this is a zip archive"),
    (b"PK\x05\x06", "this is an empty zip archive"),
    (b"\x12\x01\0\0\0\0\0\0", "this is a .params file; pass it as the parameters, not as the symbol"),
)


class Source(Protocol):
    """Bytes that are taken piece by piece, and the name that messages call them by."""

    @property
    def name(self) -> str:
        """What messages call it."""

    @property
    def size(self) -> int:
        """All its bytes."""

    def piece(self, begin: int, size: int) -> memoryview:
        """Returns bytes that lie inside, at an address that is aligned where `begin` is."""


@dataclass(frozen=True)
class SourceBytes:
    """The bytes of one file (or of a caller's buffer) and the name that messages call it by."""

    data: memoryview
    name: str

    @property
    def size(self) -> int:
        """All its bytes."""
        return len(self.data)

    def piece(self, begin: int, size: int) -> memoryview:
        """Returns a part of the bytes, not copied."""
        return self.data[begin : begin + size]


@dataclass(frozen=True)
class SourceFile:
    """An open file that is read piece by piece, so that each piece's memory can be given back by itself."""

    descriptor: int
    size: int
    name: str

    def piece(self, begin: int, size: int) -> memoryview:
        """Returns a part of the file, in memory of its own.

        Raises:
            ImportFailure: the file cannot be read, or has become shorter.
        """
        memory = np.empty(size, np.uint8)
        done = 0
        while done < size:
            try:
                count = os.preadv(self.descriptor, [memory.data[done:]], begin + done)
            except OSError as error:
                raise ImportFailure(f"{self.name}: cannot be read ({error})") from error
            if not count:
                raise ImportFailure(f"{self.name}: became shorter while it was read")
            done += count
        memory.flags.writeable = False
        return memory.data


@contextmanager
def open_source(source: PathLike | bytes | bytearray | memoryview, *, what: str, name: str) -> Iterator[Source]:
    """Opens a path or buffer for taking pieces; `what` says in messages what was expected, `name` names a buffer.

    Raises:
        ImportFailure: there is no such file, or it cannot be opened.
    """
    if isinstance(source, bytes | bytearray | memoryview):
        yield read_source(source, what=what, name=name)
        return
    path = Path(source)
    with _reading(path, what):
        file = path.open("rb")
    with file:
        yield SourceFile(file.fileno(), os.fstat(file.fileno()).st_size, str(path))


def read_source(source: PathLike | bytes | bytearray | memoryview, *, what: str, name: str) -> SourceBytes:
    """Returns the bytes of a path or buffer; `what` says in messages what was expected, `name` names a buffer.

    The file is read, not mapped: training scripts overwrite checkpoints in place, and a mapped file that
    shrinks kills the process.
    """
    if isinstance(source, bytes | bytearray | memoryview):
        return SourceBytes(memoryview(source).cast("B"), name)
    path = Path(source)
    with _reading(path, what):
        data = path.read_bytes()
    return SourceBytes(memoryview(data), str(path))


@contextmanager
def _reading(path: Path, what: str) -> Iterator[None]:
    """Turns the system's errors into messages that say what was expected."""
    try:
        yield
    except FileNotFoundError as error:
        raise ImportFailure(f"{path}: no such file; expected {what}{_similar_files(path)}") from error
    except IsADirectoryError as error:
        raise ImportFailure(f"{path}: this is a folder; expected {what}") from error
    except (OSError, ValueError) as error:
        raise ImportFailure(f"{path}: cannot be read ({error}); expected {what}") from error


def _similar_files(path: Path) -> str:
    folder = path.parent
    if not folder.is_dir():
        return f"; the folder {folder} does not exist either"
    endings = ("-symbol.json", ".params")
    found = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(endings))
    if not found:
        return f"; the folder {folder} holds no MXNet files"
    shown = ", ".join(found[:8]) + (" …" if len(found) > 8 else "")
    return f"; the folder holds {shown}"


def describe_foreign(data: memoryview) -> str:
    """Returns what the first bytes look like, for a message; the bytes themselves when nothing is known."""
    head = bytes(data[:512])
    if not head:
        return "the file is empty"
    for start, meaning in _FOREIGN_STARTS:
        if head.startswith(start):
            return meaning
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    if text[:1] == b"<":
        return "this is an HTML or XML page, probably an error page saved in place of the download"
    if text[:1] == b"{":
        return "this is JSON text (a symbol file?)"
    if not any(head):
        return "the file starts with zeros (an interrupted download?)"
    return f"the first bytes are {head[:8].hex(' ')}"
