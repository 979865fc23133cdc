"""Writes RecordIO files, as dmlc-core does."""

import struct
from collections.abc import Iterable, Sequence
from pathlib import Path

from ngc.evaluate.inputs.record_dataset import IMAGE_HEAD
from ngc.evaluate.inputs.recordio import HEAD, LENGTH_BITS, MAGIC, Chunk


def packed(content: bytes, labels: Sequence[float] = (), label: float = 0.0, key: int = 0) -> bytes:
    """Returns the content of a record of an image: one `label`, or `labels`."""
    return IMAGE_HEAD.pack(len(labels), label, key, 0) + struct.pack(f"<{len(labels)}f", *labels) + content


def record(content: bytes) -> bytes:
    """Returns a record: the content is cut where the magic lies at a multiple of 4."""
    cuts = [at for at in range(0, len(content) - 3, 4) if content[at:at + 4] == MAGIC]
    pieces = [content[begin:end] for begin, end in zip([0, *(cut + 4 for cut in cuts)], [*cuts, len(content)], strict=True)]
    middle = [Chunk.MIDDLE] * (len(pieces) - 2)
    kinds = [Chunk.WHOLE] if len(pieces) == 1 else [Chunk.BEGIN, *middle, Chunk.END]
    return b"".join(HEAD.pack(MAGIC, kind << LENGTH_BITS | len(piece)) + piece + bytes(-len(piece) % 4) for kind, piece in zip(kinds, pieces, strict=True))


def write_records(path: Path, contents: Iterable[bytes], *, index: bool = False) -> list[int]:
    """Writes a file, and its index where that is asked for; returns the offsets of the records."""
    offsets, data = [], b""
    for content in contents:
        offsets.append(len(data))
        data += record(content)
    path.write_bytes(data)
    if index:
        path.with_suffix(".idx").write_text("".join(f"{key}\t{offset}\n" for key, offset in enumerate(offsets)))
    return offsets
