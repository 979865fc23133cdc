"""The side file of IR text: `load_weights`, then a graph's text that takes its constants from it."""

import random
from pathlib import Path

from ngc.errors import ArtifactError, ParseError
from ngc.ir import load_weights, parse
from tests.fuzz.mutation import archives
from tests.fuzz.reader import Reader, scratch_folder
from tests.fuzz.readers import graphs

_FOLDER = scratch_folder()
_TEXT = """graph @net(%x: f32[1,3]) {
  %a = const @a : f32[2,3]
  %w = const @"arg:w" : f32[3]
  %i = const @i : i64[2]
  %sum = add(%a, %x) : f32[2,3]
  return %sum, %w, %i
}
"""


def read(data: bytes) -> None:
    """Reads arrays, which are no larger together than the file, and gives them to a graph."""
    path = Path(_FOLDER.name, "weights.npz")
    path.write_bytes(data)
    weights = load_weights(path)
    assert sum(array.nbytes for array in weights.values()) <= len(data), "more memory than the file has bytes"
    graphs.use(parse(_TEXT, weights), len(data))


def mutate(data: bytes, most: int, rng: random.Random) -> bytes:
    """Returns an archive with changed members."""
    return archives.mutate(data, most, rng)


READER = Reader(read, mutate, (ArtifactError, ParseError))
