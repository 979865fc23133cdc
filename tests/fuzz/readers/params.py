"""Parameter files: the binary list of the versions V0 to V3, and the zip form."""

import random

from ngc.errors import ImportFailure
from ngc.importer import load_params, split_params
from ngc.importer.sparse import expansion_limit
from tests.fuzz.mutation import archives, raw_bytes
from tests.fuzz.reader import Reader


def read(data: bytes) -> None:
    """Reads parameters, whose arrays are no larger together than the file may stand for."""
    params = load_params(data)
    assert sum(array.nbytes for array in params.values()) <= expansion_limit(len(data)), "more memory than the file stands for"
    split_params(params)


def mutate(data: bytes, most: int, rng: random.Random) -> bytes:
    """Returns a file with changed members or bytes."""
    return (archives if data.startswith(archives.START) else raw_bytes).mutate(data, most, rng)


READER = Reader(read, mutate, (ImportFailure,))
