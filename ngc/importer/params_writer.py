"""Writes `.params` files as MXNet 1.x does, without MXNet: a list of dense arrays of version V2 with names."""

import os
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from ngc.errors import InputError
from ngc.importer.ndarray_list import DTYPE_OF_FLAG, LIST_MAGIC, V2
from ngc.importer.source_bytes import Array

_FLAGS = {dtype: flag for flag, dtype in DTYPE_OF_FLAG.items() if flag <= 7}
"""What MXNet 1.x reads."""

_DENSE, _CPU = 0, 1


def save_params(path: str | os.PathLike[str], params: Mapping[str, Array]) -> None:
    """Writes arrays by name to a file, whole or not at all.

    Args:
        path: of the file.
        params: by full names: `arg:conv0_weight`, `aux:bn0_moving_mean`.

    Raises:
        InputError: an array of a dtype that MXNet 1.x has not, or without dimensions.
        OSError: the file cannot be written.
    """
    for name, array in params.items():
        if array.dtype not in _FLAGS:
            raise InputError(f"parameter {name!r} has dtype {array.dtype}; MXNet 1.x reads {', '.join(map(str, _FLAGS))}")
        if not array.ndim:
            raise InputError(f"parameter {name!r} has no dimensions, which MXNet 1.x reads as an array without values; give it the shape (1,)")
    target = Path(path)
    temporary = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        with open(temporary, "wb") as file:
            for part in _parts(params):
                file.write(part)
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)


def _parts(params: Mapping[str, Array]) -> Iterator[bytes | memoryview]:
    yield struct.pack("<QQQ", LIST_MAGIC, 0, len(params))
    for array in params.values():
        yield struct.pack(f"<Iii{array.ndim}q", V2, _DENSE, array.ndim, *array.shape)
        yield struct.pack("<iii", _CPU, 0, _FLAGS[array.dtype])
        yield np.ascontiguousarray(array, array.dtype.newbyteorder("<")).tobytes()
    yield struct.pack("<Q", len(params))
    for name in params:
        text = name.encode()
        yield struct.pack("<Q", len(text)) + text
