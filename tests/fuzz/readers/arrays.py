"""Files of arrays that the command line feeds and calibrates with: one array, or an archive of several."""

import random
from contextlib import suppress
from pathlib import Path

from ngc.cli.array_files import read_examples, read_input
from ngc.errors import InputError
from tests.fuzz.mutation import archives, raw_bytes
from tests.fuzz.reader import Reader, scratch_folder

_FOLDER = scratch_folder()


def read(data: bytes) -> None:
    """Reads a file as an input and as examples, of which it takes the first two."""
    path = Path(_FOLDER.name, "arrays.npy")
    path.write_bytes(data)
    with suppress(InputError):  # an archive may have no array of that name and examples all the same
        read_input(path, "a")
    next(iter(read_examples(path, "--data", 2)))


def mutate(data: bytes, most: int, rng: random.Random) -> bytes:
    """Returns a changed archive, or an array with a changed header."""
    if data.startswith(archives.START):
        return archives.mutate(data, most, rng)
    return (raw_bytes.mutate(data, most, rng) if rng.random() < 0.3 else archives.with_header(data, rng))[:most]


READER = Reader(read, mutate, (InputError,))
