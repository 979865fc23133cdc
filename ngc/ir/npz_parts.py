"""What readers of `.npz` archives share: the headers of their members, and what Python raises on damaged ones."""

import lzma
import struct
import tokenize
import zipfile
import zlib
from typing import BinaryIO

import numpy as np

ZIP_ERRORS = (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, OSError, ValueError, OverflowError, struct.error, zlib.error, lzma.LZMAError)
"""What zipfile raises on damaged archives, by its documentation and by mutation (RuntimeError: encrypted; NotImplementedError: a compression method or split
archive that it does not know)."""

HEADER_ERRORS = (SyntaxError, TypeError, EOFError, RecursionError, MemoryError, OverflowError, tokenize.TokenError)
"""What numpy raises on damaged headers beside ValueError: it evaluates one as a Python literal, and tokenizes what does not evaluate as if Python 2 had
written it."""


def read_npy_header(stream: BinaryIO) -> tuple[tuple[int, ...], bool, np.dtype]:
    """Returns shape, whether the order is Fortran's, and dtype; the stream then stands at the data.

    Raises:
        ValueError: the stream does not begin as a `.npy` array, or its header says nothing that numpy understands.
    """
    try:
        version = np.lib.format.read_magic(stream)  # type: ignore[no-untyped-call]
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, fortran_order, dtype = read(stream)  # type: ignore[no-untyped-call]
    except HEADER_ERRORS as error:
        raise ValueError(f"{type(error).__name__}: {error}") from error
    return tuple(int(dim) for dim in shape), bool(fortran_order), dtype
