"""Data sets in RecordIO files, as MXNet's im2rec packs them."""

import contextlib
import logging
import struct
from dataclasses import dataclass, field
from pathlib import Path

from ngc.errors import DatasetError
from ngc.evaluate.inputs.datasets import Sample, digest_of
from ngc.evaluate.inputs.labels import Labels
from ngc.evaluate.inputs.recordio import RecordFile, read_index

_log = logging.getLogger(__name__)

IMAGE_HEAD = struct.Struct("<IfQQ")
"""Before the image in a record: how many labels follow as float32 (0: the next field is the only one), label, and two ids (mxnet.recordio.IRHeader)."""


@dataclass(frozen=True)
class RecordDataset:
    """Images or arrays in a RecordIO file. One label is a class; records of several, as detectors have them, have none.

    Attributes:
        name: see `Dataset`.
        file: that holds the records.
        keys: of the records.
        offsets: of the records in the file.
        labels: that classes are checked against.
        stamp: what tells the file from others.
    """

    name: str
    file: RecordFile = field(repr=False)
    keys: tuple[str, ...] = field(repr=False)
    offsets: tuple[int, ...] = field(repr=False)
    labels: Labels
    stamp: str

    def __len__(self) -> int:
        return len(self.offsets)

    def sample(self, index: int) -> Sample:
        """See `Dataset`."""
        try:
            expected = self._unpacked(index)[0]
        except DatasetError:  # which `read` raises again
            expected = None
        return Sample(index, self.keys[index], expected)

    def read(self, index: int) -> bytes:
        """See `Dataset`."""
        return self._unpacked(index)[1]

    def digest(self) -> str:
        """See `Dataset`."""
        return digest_of((self.stamp, self.keys, self.offsets, self.labels))

    def _unpacked(self, index: int) -> tuple[int | None, bytes]:
        """Returns class and content of a record."""
        content = self.file.read(index, self.offsets[index])
        where = f"{self.file.path}: record {index} at byte {self.offsets[index]}"
        if len(content) < IMAGE_HEAD.size:
            raise DatasetError(f"{where}: {len(content)} bytes; expected labels and ids of {IMAGE_HEAD.size} bytes before the image")
        count, label, _, _ = IMAGE_HEAD.unpack_from(content)
        begin = IMAGE_HEAD.size + 4 * count
        if begin > len(content):
            raise DatasetError(f"{where}: {count} labels in {len(content)} bytes")
        if count == 1:
            label, = struct.unpack_from("<f", content, IMAGE_HEAD.size)
        return (self.labels.whole(label, where) if count <= 1 else None), content[begin:]


def open_records(path: Path, name: str, labels: Labels) -> RecordDataset:
    """Returns the records of a `.rec` file, in the order of the `.idx` file beside it; without one they are found by reading through the file once.

    Raises:
        DatasetError: there are none, or the index or, without one, a record is damaged.
    """
    file, index = RecordFile(path), path.with_suffix(".idx")
    entries = read_index(index) if index.is_file() else [(str(number), offset) for number, offset in enumerate(file.scan())]
    keys, offsets = zip(*entries, strict=True)
    with contextlib.suppress(DatasetError):  # where the last record is damaged, reading it says so
        number = max(range(len(offsets)), key=offsets.__getitem__)
        if not file.is_last(number, offsets[number]):
            _log.warning("%s has more records than the %d that %s lists; without the index all are read", path, len(offsets), index)
    return RecordDataset(name, file, keys, offsets, labels, f"{len(file)} {path.stat().st_mtime_ns}")
