"""The cache folder: entries of compiled kernels, records of what tuning measured, and the limit of its size. None of them raises: damage is as good as absence.

Digests of entries are made again after every other mutation, so that what stands behind them is reached. The object itself goes to nobody.
"""

import hashlib
import os
import random
from pathlib import Path

from ngc.codegen.llvm import object_cache, tuning_records
from tests.fuzz.mutation import json_trees, raw_bytes
from tests.fuzz.reader import Reader, scratch_folder

_FOLDER = scratch_folder()
_MAGIC = b"NGCOBJ1\n"
_BODY = len(_MAGIC) + 32


def read(data: bytes) -> None:
    """Reads an entry, or the limit behind the word, or records of tuning."""
    os.environ["NGC_CACHE_DIR"] = _FOLDER.name
    if data.startswith(_MAGIC):
        folder = Path(_FOLDER.name, "objects")
        folder.mkdir(mode=0o700, exist_ok=True)
        (folder / "key.ngcobj").write_bytes(data)
        object_cache.entries()
        object_cache.load("key")
    elif data.startswith(b"limit"):
        Path(_FOLDER.name, "limit").write_bytes(data[5:])
        object_cache.limit()
    else:
        Path(_FOLDER.name, "tuning.json").write_bytes(data)
        tuning_records.load()


def mutate(data: bytes, most: int, rng: random.Random) -> bytes:
    """Returns an entry whose digest is true again, most often, or another JSON document."""
    if data.startswith(b"limit"):
        return b"limit" + raw_bytes.mutate(data[5:], most - 5, rng)
    if not data.startswith(_MAGIC):
        return json_trees.mutate(data, most, rng)
    if rng.random() < 0.2:
        return raw_bytes.mutate(data, most, rng)
    body = raw_bytes.mutate(data[_BODY:], most - _BODY, rng)
    return _MAGIC + hashlib.sha256(body).digest() + body


READER = Reader(read, mutate, ())
