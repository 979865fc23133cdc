"""Calibration tables: `CalibrationTable.load`, then the ranges that quantization takes. Digests are true after most mutations."""

import hashlib
import random
import struct
from pathlib import Path

from ngc.calibration.table import CalibrationTable
from ngc.calibration.table_file import FORMAT, MAGIC
from ngc.errors import ArtifactError
from tests.fuzz.mutation import json_trees, raw_bytes
from tests.fuzz.reader import Reader, scratch_folder

_FOLDER = scratch_folder()
_HEADER = struct.Struct("<8sII32s")


def read(data: bytes) -> None:
    """Reads a table and asks for its ranges."""
    path = Path(_FOLDER.name, "table.ngccal")
    path.write_bytes(data)
    CalibrationTable.load(path).ranges()


def mutate(data: bytes, most: int, rng: random.Random) -> bytes:
    """Returns a table with a changed manifest or changed arrays."""
    if len(data) < _HEADER.size or rng.random() < 0.1:
        return raw_bytes.mutate(data, most, rng)
    length = _HEADER.unpack_from(data)[2]
    text, arrays = data[_HEADER.size:][:length], data[_HEADER.size:][length:]
    if rng.random() < 0.7:
        text = json_trees.mutate(text, most, rng)
    else:
        arrays = raw_bytes.mutate(arrays, most, rng)
    body = text + arrays
    return (_HEADER.pack(MAGIC, FORMAT, len(text), hashlib.sha256(body).digest()) + body)[:most]


READER = Reader(read, mutate, (ArtifactError,))
