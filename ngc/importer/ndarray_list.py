"""The binary list that `mx.nd.save` writes: arrays of the versions V0 to V3, then their names.

All numbers are little-endian and nothing is padded:
list := u64 0x112, u64 reserved, u64 n, n arrays, u64 k, k names (u64 length, UTF-8), with k either 0 or n.
"""

import struct
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from ngc.errors import ImportFailure
from ngc.importer.source_bytes import Array, Source, describe_foreign
from ngc.importer.sparse import Budget, dense_from_csr, dense_from_row_sparse

LIST_MAGIC = 0x112
V1, V2, V3 = 0xF993FAC8, 0xF993FAC9, 0xF993FACA
_MAX_DIMS = 32  # numpy's bound; a larger count in a V0 file means that the first word was no array at all
_DEVICES = {1, 2, 3, 5}  # cpu, gpu, cpu_pinned, cpu_shared: where the array lived does not matter here
_DENSE, _ROW_SPARSE, _CSR = 0, 1, 2

BFLOAT16_FLAG = 12
_CODES = ("<f4", "<f8", "<f2", "u1", "<i4", "i1", "<i8", "?", "<i2", "<u2", "<u4", "<u8", "<u2")
DTYPE_OF_FLAG: dict[int, np.dtype[Any]] = {flag: np.dtype(code) for flag, code in enumerate(_CODES)}


def widen_bfloat16(bits: Array) -> Array:
    """Returns the float32 values of bfloat16 bit patterns (exact)."""
    return (bits.astype(np.uint32) << np.uint32(16)).view(np.float32)


def aligned_view(data: memoryview, dtype: np.dtype[Any], shape: tuple[int, ...]) -> Array:
    """Returns an array over `data`: a view where its address is aligned for `dtype`, else a copy."""
    if dtype == np.bool_:
        truth: Array = np.frombuffer(data, np.uint8).reshape(shape) != 0
        return truth
    array: Array = np.frombuffer(data, dtype).reshape(shape)
    return array if array.flags.aligned else array.copy()


def read_ndarray_list(source: Source) -> tuple[list[Array | None], list[str]]:
    """Returns the arrays of a list file (None for an array that was never filled) and their names, if any."""
    return _Reader(source).read_list()


@dataclass
class _Reader:
    source: Source
    offset: int = 0
    item: str = "header"

    def __post_init__(self) -> None:
        self.budget = Budget(self.source)

    def fail(self, message: str, offset: int | None = None) -> ImportFailure:
        where = self.offset if offset is None else offset
        return ImportFailure(f"{self.source.name}: {self.item} (byte {where}): {message}")

    def take(self, size: int, what: str) -> memoryview:
        left = self.source.size - self.offset
        if size > left:
            raise self.fail(
                f"truncated: {what} needs {size} bytes, but only {left} of the file's "
                f"{self.source.size} are left; copy or download the file again"
            )
        piece = self.source.piece(self.offset, size)
        self.offset += size
        return piece

    def number(self, code: str, what: str) -> int:
        value: int = struct.unpack("<" + code, self.take(struct.calcsize("<" + code), what))[0]
        return value

    def read_list(self) -> tuple[list[Array | None], list[str]]:
        head = self.source.piece(0, min(self.source.size, 512))
        if len(head) < 8 or struct.unpack("<Q", head[:8])[0] != LIST_MAGIC:
            raise self.fail(
                f"not an MXNet .params file: {describe_foreign(head)}; "
                "expected the list magic 12 01 00 00 00 00 00 00 or a zip archive"
            )
        self.offset = 8
        self.number("Q", "the reserved word")
        count = self.number("Q", "the number of arrays")
        # 12 bytes is the least that an array takes: refuse absurd counts before looping over them.
        if count * 12 > self.source.size:
            raise self.fail(f"{count} arrays cannot stand in a file of {self.source.size} bytes", self.offset - 8)
        arrays: list[Array | None] = []
        for index in range(count):
            self.item = f"array {index} of {count}"
            arrays.append(self.read_array())
        self.item = "names"
        return arrays, self.read_names(count)

    def read_names(self, count: int) -> list[str]:
        name_count = self.number("Q", "the number of names")
        if name_count not in (0, count):
            raise self.fail(f"{name_count} names for {count} arrays", self.offset - 8)
        names = []
        for index in range(name_count):
            self.item = f"name {index} of {name_count}"
            length = self.number("Q", "the length of a name")
            raw = bytes(self.take(length, "a name"))
            try:
                names.append(raw.decode("utf-8"))
            except UnicodeDecodeError as error:
                raise self.fail(f"the name {raw[:40]!r} is not UTF-8", self.offset - length) from error
        return names

    def read_shape(self, count: int, dim_code: str, what: str) -> tuple[int, ...]:
        if not 0 <= count <= _MAX_DIMS:
            raise self.fail(
                f"{what} has {count} dimensions, expected 0 to {_MAX_DIMS}: damaged, or a version after 3",
                self.offset - 4,
            )
        size = struct.calcsize("<" + dim_code)
        return struct.unpack(f"<{count}{dim_code}", self.take(count * size, what))

    def read_array(self) -> Array | None:
        magic = self.number("I", "an array")
        if magic in (V2, V3):
            return self.read_versioned(magic)
        # A V0 array has no magic: its first word is the number of dimensions.
        count, code = (self.number("I", "the shape"), "q") if magic == V1 else (magic, "I")
        shape = self.read_shape(count, code, "the shape")
        if not shape:
            return None
        return self.read_dense(self.check_dims(shape, "the shape"))

    def read_versioned(self, magic: int) -> Array | None:
        storage = self.number("i", "the storage type")
        if storage == -1 and magic == V2:
            storage = _DENSE  # an undefined array: its shape is empty, and nothing follows it
        if storage not in (_DENSE, _ROW_SPARSE, _CSR) or (magic == V3 and storage != _DENSE):
            raise self.fail(
                f"unknown storage type {storage}, expected 0 (dense), 1 (row_sparse) or 2 (csr)",
                self.offset - 4,
            )
        stored: tuple[int, ...] = ()
        if storage != _DENSE:
            stored = self.read_shape(self.number("i", "the stored shape"), "q", "the stored shape")
        dims = self.number("i", "the shape")
        if magic == V3 and dims == -1:
            return None
        shape = self.read_shape(dims, "q", "the shape")
        if (magic == V2 and not shape) or (magic == V3 and any(dim < 0 for dim in shape)):
            return None
        self.check_dims(shape, "the shape")
        if storage == _DENSE:
            return self.read_dense(shape)
        return self.read_sparse(storage, shape, self.check_dims(stored, "the stored shape"))

    def check_dims(self, shape: tuple[int, ...], what: str) -> tuple[int, ...]:
        if any(dim < 0 for dim in shape):
            raise self.fail(f"{what} {shape} has a negative dimension")
        return shape

    def read_context(self) -> None:
        device = self.number("i", "the context")
        self.number("i", "the context")
        if device not in _DEVICES:
            expected = ", ".join(map(str, sorted(_DEVICES)))
            raise self.fail(f"unknown device type {device}, expected {expected}", self.offset - 8)

    def read_flag(self) -> int:
        flag = self.number("i", "the type flag")
        if flag not in DTYPE_OF_FLAG:
            raise self.fail(
                f"unknown type flag {flag}, expected 0 (float32) to {BFLOAT16_FLAG} (bfloat16)",
                self.offset - 4,
            )
        return flag

    def read_values(self, flag: int, shape: tuple[int, ...], what: str) -> Array:
        dtype = DTYPE_OF_FLAG[flag]
        data = self.take(prod(shape) * dtype.itemsize, f"{what} {dtype.name}{list(shape)}")
        try:
            values = aligned_view(data, dtype, shape)
        except ValueError as error:  # zero elements, but dimensions beyond what numpy can address
            raise self.fail(f"{what} of shape {shape} cannot be held: {error}") from error
        return widen_bfloat16(values) if flag == BFLOAT16_FLAG else values

    def read_dense(self, shape: tuple[int, ...]) -> Array:
        self.read_context()
        return self.read_values(self.read_flag(), shape, "the data of")

    def read_sparse(self, storage: int, shape: tuple[int, ...], stored: tuple[int, ...]) -> Array:
        self.read_context()
        flag = self.read_flag()
        index_arrays = []
        for _ in range(1 if storage == _ROW_SPARSE else 2):
            index_flag = self.read_flag()
            index_shape = self.read_shape(self.number("i", "an index shape"), "q", "an index shape")
            index_arrays.append((index_flag, self.check_dims(index_shape, "an index shape")))
        values = self.read_values(flag, stored, "the stored values of")
        indices = [self.read_values(flag_, shape_, "the indices of") for flag_, shape_ in index_arrays]
        what = f"{self.item} (byte {self.offset})"
        if storage == _ROW_SPARSE:
            return dense_from_row_sparse(shape, values, indices[0], self.source, self.budget, what)
        return dense_from_csr(shape, values, indices[0], indices[1], self.source, self.budget, what)
