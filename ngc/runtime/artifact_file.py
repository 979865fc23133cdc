"""The container of an artifact: a header, a manifest, and sections whose bytes are checked before anyone gets them.

    header     64 bytes: magic, format version, 0, length of the file, length of the manifest, SHA-256 of the manifest
    manifest   JSON in UTF-8; its "sections" say where each section begins, how long it is, and the SHA-256 of each MiB of it
    sections   from the next multiple of 4096 on, each at a multiple of 4096, so that they can be mapped; gaps are zero

Offsets of sections count from the first one's place, so that the manifest's own length does not enter the manifest.
"""

import contextlib
import hashlib
import json
import mmap
import os
import secrets
import stat
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ngc.errors import ArtifactError

Buffer = bytes | memoryview
"""What sections are made of; an array gives its `data`."""

FORMAT = 1
"""Version of the container; a reader refuses those that it does not know."""

CHUNK = 1 << 20
"""Bytes that share one digest: what is read first pays for no more than it needs, and a message can say where the damage is."""

MAGIC = b"\x89NGC\r\n\x1a\n"
"""Not ASCII, with both kinds of line end: a transfer in text mode does not leave it as it is."""

_HEADER = struct.Struct("<8sIIQQ32s")
HEADER_BYTES = _HEADER.size
_PAGE = 4096
_MOST_MANIFEST = 64 << 20


@dataclass(frozen=True)
class NewSection:
    """A section to write: its buffers, each at a multiple of `alignment`."""

    name: str
    buffers: Sequence[Buffer]
    alignment: int = 1

    def offsets(self) -> list[int]:
        """Returns where each buffer begins in the section."""
        found, position = [], 0
        for buffer in self.buffers:
            position = _round_up(position, self.alignment)
            found.append(position)
            position += memoryview(buffer).nbytes
        return found

    def stream(self) -> Iterator[memoryview]:
        """Yields the section's bytes in pieces, gaps included."""
        position = 0
        for buffer, offset in zip(self.buffers, self.offsets(), strict=True):
            view = memoryview(buffer)
            if offset > position:
                yield memoryview(bytes(offset - position))
            if view.nbytes:
                yield view.cast("B")
            position = offset + view.nbytes


class Section:
    """A section of a mapped artifact. Bytes are handed out only after the digests of their chunks were compared."""

    def __init__(self, path: Path, name: str, data: memoryview, digests: Sequence[str]) -> None:
        self.path, self.name, self.size = path, name, data.nbytes
        self._data, self._digests = data, digests
        self._checked = bytearray(len(digests))

    def read(self, start: int = 0, length: int | None = None) -> memoryview:
        """Returns bytes of the section, not copied.

        Raises:
            ArtifactError: the bytes are not those that were written, or lie outside.
        """
        length = self.size - start if length is None else length
        if start < 0 or length < 0 or start + length > self.size:
            raise ArtifactError(f"{self.path}: the manifest points outside of the section {self.name!r}; save the model again")
        for chunk in range(start // CHUNK, -(-(start + length) // CHUNK)):
            self._check(chunk)
        return self._data[start:start + length]

    def unchecked(self) -> np.ndarray:
        """Returns the whole section as bytes that nobody has compared yet; whoever reads them calls `read()` first."""
        return np.frombuffer(self._data, np.uint8)

    def _check(self, chunk: int) -> None:
        if self._checked[chunk]:
            return
        begin = chunk * CHUNK
        if hashlib.sha256(self._data[begin:begin + CHUNK]).hexdigest() != self._digests[chunk]:
            raise ArtifactError(f"{self.path} is altered: bytes {begin} to {min(begin + CHUNK, self.size)} of its section {self.name!r} differ from what was "
                                "saved; copy the file again or save the model again")
        self._checked[chunk] = 1


@dataclass(frozen=True)
class ArtifactFile:
    """A mapped artifact: its manifest, whose digest was compared, and its sections."""

    path: Path
    manifest: Mapping[str, Any]
    sections: Mapping[str, Section]

    def section(self, name: str) -> Section:
        """Returns a section that must be there; ArtifactError where it is not."""
        if name not in self.sections:
            raise ArtifactError(f"{self.path}: the manifest names no section {name!r}; save the model again")
        return self.sections[name]


def write_artifact(path: Path, manifest: Mapping[str, Any], sections: Sequence[NewSection]) -> None:
    """Writes an artifact, whole or not at all; what was at `path` stays until the new file is complete on disk.

    Raises:
        ArtifactError: the file cannot be written.
    """
    table: dict[str, dict[str, Any]] = {}
    offset = 0
    for section in sections:
        digests, length = _digests(section.stream())
        table[section.name] = {"offset": offset, "length": length, "sha256": digests}
        offset = _round_up(offset + length, _PAGE)
    text = json.dumps({**manifest, "sections": table}, ensure_ascii=False, separators=(",", ":")).encode()
    base = _round_up(HEADER_BYTES + len(text), _PAGE)
    filled = [section for section in sections if table[section.name]["length"]]
    ends = [base + table[section.name]["offset"] + table[section.name]["length"] for section in filled]
    total = max([HEADER_BYTES + len(text), *ends])
    header = _HEADER.pack(MAGIC, FORMAT, 0, total, len(text), hashlib.sha256(text).digest())

    def pieces() -> Iterator[Buffer]:
        yield header + text
        position = HEADER_BYTES + len(text)
        for section, end in zip(filled, ends, strict=True):
            begin = base + table[section.name]["offset"]
            yield bytes(begin - position)
            yield from section.stream()
            position = end

    write_whole(path, pieces())


def _digests(stream: Iterable[memoryview]) -> tuple[list[str], int]:
    """Returns the SHA-256 of each chunk of a stream, and the stream's length."""
    digests, state, room, length = [], hashlib.sha256(), CHUNK, 0
    for view in stream:
        length += view.nbytes
        while view.nbytes:
            part, view = view[:room], view[room:]
            state.update(part)
            room -= part.nbytes
            if not room:
                digests.append(state.hexdigest())
                state, room = hashlib.sha256(), CHUNK
    if room < CHUNK:
        digests.append(state.hexdigest())
    return digests, length


def write_whole(path: Path, pieces: Iterable[Buffer]) -> None:
    """Writes a file, whole or not at all; what was at `path` stays until the new file is complete on disk.

    Raises:
        ArtifactError: the file cannot be written.
    """
    target = Path(os.path.realpath(path))
    try:
        if target.exists() and not stat.S_ISREG(target.stat().st_mode):
            raise ArtifactError(f"cannot write {path}: it is no regular file; give the path of a file, such as model.ngc")
        temporary = target.with_name(f".ngc-{secrets.token_hex(6)}.tmp")
        # The mode of a new file is what the user's umask makes of it, as with any other file.
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    except OSError as error:
        raise _cannot_write(path, error) from error
    try:
        with os.fdopen(handle, "wb") as file:
            for piece in pieces:
                file.write(piece)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(target)
    except BaseException as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        if isinstance(error, OSError):
            raise _cannot_write(path, error) from error
        raise
    _sync_folder(target.parent)


def _cannot_write(path: Path, error: OSError) -> ArtifactError:
    return ArtifactError(f"cannot write {path}: {error.strerror or error}; choose a folder that exists, is writable and has room (nothing was changed)")


def _sync_folder(folder: Path) -> None:
    """Makes the new name durable. Some file systems refuse to sync folders; the file itself is on disk by then."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def open_artifact(path: Path) -> ArtifactFile:
    """Returns a mapped artifact whose header and manifest are as they were written; sections are checked as they are read.

    The file must not be changed in place while it is mapped. `write_artifact` never does: it puts a new file in the old one's place.

    Raises:
        ArtifactError: the file is missing, unreadable, truncated, altered or no artifact.
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise ArtifactError(f"cannot read {path}: it is no regular file; give the path of an artifact, such as model.ngc")
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            head = file.read(HEADER_BYTES)
            manifest_length = _check_header(path, head, size)
            text = file.read(manifest_length)
            mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except OSError as error:
        raise ArtifactError(f"cannot read {path}: {error.strerror or error}") from error
    if hashlib.sha256(text).digest() != head[-32:]:
        raise ArtifactError(f"{path} is altered: its manifest differs from what was saved; copy the file again or save the model again")
    try:
        manifest = json.loads(text)
        sections = _sections(path, manifest["sections"], memoryview(mapped)[_round_up(HEADER_BYTES + manifest_length, _PAGE):])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ArtifactError(f"{path}: its manifest is none of ngc's ({type(error).__name__}: {error}); save the model again") from error
    return ArtifactFile(path, manifest, sections)


def _check_header(path: Path, head: bytes, size: int) -> int:
    """Returns the manifest's length."""
    if not head:
        raise ArtifactError(f"{path} is empty; Executable.save writes artifacts whole, so something else made or emptied this file")
    if head[:len(MAGIC)] != MAGIC[:len(head)]:
        raise ArtifactError(f"{path} is no artifact: {_what_it_is(head)}")
    if len(head) < HEADER_BYTES:
        raise ArtifactError(f"{path} is truncated: {size} bytes are less than a header; copy the file again")
    _, version, zero, declared, manifest_length, _ = _HEADER.unpack(head)
    if version != FORMAT:
        raise ArtifactError(f"{path} has format {version}; this ngc reads format {FORMAT}: load it with the ngc that saved it, or save the model again")
    if size < declared:
        raise ArtifactError(f"{path} is truncated: it has {size} of {declared} bytes; copy the file again")
    if size > declared or zero or manifest_length > min(declared - HEADER_BYTES, _MOST_MANIFEST):
        raise ArtifactError(f"{path} is altered: its header does not fit its {size} bytes; copy the file again or save the model again")
    return int(manifest_length)


def _what_it_is(head: bytes) -> str:
    start = head.lstrip().lower()
    if head.startswith(b"\x89NGC"):
        return "it was altered by a transfer in text mode; transfer it as binary"
    if start.startswith((b"<!doctype", b"<html", b"<?xml", b"<")):
        return "it is an HTML or XML page, as a failed download leaves it; download it again"
    if start.startswith(b"{"):
        return "it is JSON, perhaps an MXNet symbol; ngc.compile takes those"
    if start.startswith((b"graph @", b"# ")):
        return "it is IR text; ngc.parse and ngc-opt take that"
    if head.startswith(b"version https://git-lfs"):
        return "it is a Git LFS pointer; fetch the file itself with git lfs pull"
    return f"it begins with {head[:8]!r}; ngc.load takes what Executable.save or `ngc compile` wrote"


def _sections(path: Path, table: Mapping[str, Mapping[str, Any]], data: memoryview) -> dict[str, Section]:
    sections = {}
    for name, entry in table.items():
        offset, length, digests = entry["offset"], entry["length"], entry["sha256"]
        if type(offset) is not int or type(length) is not int or not isinstance(digests, list):
            raise TypeError(f"the section {name!r} has no place or no digests")
        offset = offset if length else 0  # an empty section has no place
        if not 0 <= offset <= offset + length <= data.nbytes or length < 0 or len(digests) != -(-length // CHUNK):
            raise ValueError(f"the section {name!r} does not fit the file")
        sections[name] = Section(path, name, data[offset:offset + length], digests)
    return sections


def _round_up(size: int, alignment: int) -> int:
    return -(-size // alignment) * alignment
