"""The RecordIO format of dmlc-core, which MXNet keeps data sets in.

A file is records one after the other. A record is one or several chunks: little-endian uint32 magic, uint32 kind << 29 | length, `length` bytes, and zeros up
to a multiple of 4. A record whose content has the magic at a multiple of 4 is cut there and the magic left out, so that it is only found where a chunk begins:
the chunks are BEGIN, any number of MIDDLE, and END; the magic belongs between them. All other records are one WHOLE chunk.
(dmlc-core's include/dmlc/recordio.h and src/recordio.cc)
"""

import mmap
import struct
from enum import IntEnum
from pathlib import Path

from ngc.errors import DatasetError

MAGIC = struct.pack("<I", 0xCED7230A)
HEAD = struct.Struct("<4sI")
LENGTH_BITS = 29


class Chunk(IntEnum):
    """Kinds of chunks."""

    WHOLE = 0
    BEGIN = 1
    MIDDLE = 2
    END = 3


class RecordFile:
    """A RecordIO file, mapped into memory; it may be read by many threads at a time and must not be cut while it is open."""

    def __init__(self, path: Path) -> None:
        """Opens a file; raises DatasetError if it cannot be read or is empty."""
        self.path = path
        try:
            with path.open("rb") as file:
                self._data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except OSError as error:
            raise DatasetError(f"{path}: cannot be read: {error.strerror or error}") from error
        except ValueError as error:  # an empty file cannot be mapped
            raise DatasetError(f"{path}: no records in an empty file") from error

    def __reduce__(self) -> tuple[type["RecordFile"], tuple[Path]]:
        return RecordFile, (self.path,)  # mapped again where it is unpickled

    def __len__(self) -> int:
        """Returns its size in bytes."""
        return len(self._data)

    def read(self, number: int, offset: int) -> bytes:
        """Returns the content of the record at an offset; `number` is the record's, for errors.

        Raises:
            DatasetError: there is no whole record.
        """
        pieces: list[bytes] = []
        for begin, end in self._chunks(number, offset):
            pieces.append(self._data[begin:end])
        return MAGIC.join(pieces)

    def is_last(self, number: int, offset: int) -> bool:
        """Returns whether the file ends with the record at an offset; raises DatasetError if there is no whole record."""
        *_, (_, end) = self._chunks(number, offset)
        return end + -end % 4 >= len(self._data)

    def scan(self) -> list[int]:
        """Returns the offsets of all records, in one pass over the file's chunks.

        Raises:
            DatasetError: a record is damaged; where the next one begins is not known then.
        """
        offsets: list[int] = []
        at = 0
        while at < len(self._data):
            offsets.append(at)
            *_, (_, end) = self._chunks(len(offsets) - 1, at)
            at = end + -end % 4
        return offsets

    def _chunks(self, number: int, offset: int) -> list[tuple[int, int]]:
        """Returns where the content of each chunk of a record begins and ends."""
        found: list[tuple[int, int]] = []
        at = offset
        while True:
            where = f"{self.path}: record {number} at byte {offset}"
            if not 0 <= at <= len(self._data) - HEAD.size:
                raise DatasetError(f"{where}: ends within the head of a chunk at byte {at}; the file has {len(self._data)}")
            magic, coded = HEAD.unpack_from(self._data, at)
            kind, length = coded >> LENGTH_BITS, coded & (1 << LENGTH_BITS) - 1
            if magic != MAGIC:
                raise DatasetError(f"{where}: no record, or a damaged one: {magic.hex()} at byte {at}; expected {MAGIC.hex()}")
            expected = (Chunk.MIDDLE, Chunk.END) if found else (Chunk.WHOLE, Chunk.BEGIN)
            if kind not in expected:
                raise DatasetError(f"{where}: a chunk of kind {kind} at byte {at}; expected {expected[0]} or {expected[1]}")
            begin = at + HEAD.size
            end = begin + length
            at = end + -length % 4
            if at > len(self._data):
                raise DatasetError(f"{where}: a chunk ends at byte {at}; the file has {len(self._data)}")
            found.append((begin, end))
            if kind in (Chunk.WHOLE, Chunk.END):
                return found


def read_index(path: Path) -> list[tuple[str, int]]:
    """Returns keys and offsets of an index: a text file of "key TAB offset" lines.

    Raises:
        DatasetError: it cannot be read, is empty, or has a line that is none.
    """
    try:
        text = path.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}") from error
    entries: list[tuple[str, int]] = []
    for number, line in enumerate(text.splitlines(), 1):
        key, _, offset = line.partition("\t")
        if not key or not offset.strip().isdecimal() or len(offset) > 20:
            raise DatasetError(f"{path}:{number}: {line[:80]!r}; expected a key, a TAB and the offset of a record")
        entries.append((key, int(offset)))
    if not entries:
        raise DatasetError(f"{path}: an index of no records")
    return entries
