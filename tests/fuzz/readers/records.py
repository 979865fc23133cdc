"""RecordIO data sets: `open_dataset` and every record of it; arrays in records are prepared for a model, images are left to Pillow."""

import random
from contextlib import suppress
from pathlib import Path

import numpy as np

from ngc.errors import DatasetError
from ngc.evaluate.inputs import Preprocessing, open_dataset
from ngc.evaluate.inputs.recordio import MAGIC, RecordFile, read_index
from tests.evaluate.inputs.record_writer import record
from tests.fuzz.mutation import raw_bytes
from tests.fuzz.reader import Reader, scratch_folder

_FOLDER = scratch_folder()
_PREPARE = Preprocessing(3, 2, 2)


def read(data: bytes) -> None:
    """Reads a file of records, and the same bytes as an index."""
    path = Path(_FOLDER.name, "some.rec")
    path.write_bytes(data)
    with suppress(DatasetError):
        read_index(path)
    dataset = open_dataset(path, labels=("a", "b", "c", "d"))
    dataset.digest()
    for index in range(len(dataset)):
        dataset.sample(index)
        content = dataset.read(index)
        if content.startswith(np.lib.format.MAGIC_PREFIX):
            _PREPARE(content)


def mutate(data: bytes, most: int, rng: random.Random) -> bytes:
    """Returns a file with a changed content of one record, which then may have the magic in it, or any other change."""
    path = Path(_FOLDER.name, "mutated.rec")
    path.write_bytes(data)
    contents: list[bytes] = []
    with suppress(DatasetError):
        file = RecordFile(path)
        contents += [file.read(number, offset) for number, offset in enumerate(file.scan())]
    if not contents or rng.random() < 0.4:
        return raw_bytes.mutate(data, most, rng)
    at = rng.randrange(len(contents))
    changed = raw_bytes.mutate(contents[at], most, rng)
    if rng.random() < 0.3:
        cut = 4 * rng.randrange(len(changed) // 4 + 1)
        changed = changed[:cut] + MAGIC + changed[cut:]
    contents[at] = changed
    return b"".join(map(record, contents))[:most]


READER = Reader(read, mutate, (DatasetError,))
