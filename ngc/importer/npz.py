"""The zip form of a parameter file (`npx.savez`, which MXNet 2.0 writes under the name .params)."""

import io
import zipfile
import zlib
from math import prod

import numpy as np

from ngc.errors import ImportFailure
from ngc.importer.ndarray_list import aligned_view, widen_bfloat16
from ngc.importer.source_bytes import Array, SourceBytes
from ngc.importer.sparse import Budget, dense_from_csr, dense_from_row_sparse
from ngc.ir.npz_parts import ZIP_ERRORS, read_npy_header

_BFLOAT16 = np.dtype([("bfloat16", "<u2")])
_CSR_PARTS = {"data", "indices", "indptr", "format", "shape"}
_ROW_SPARSE_PARTS = {"data", "indices", "format", "shape"}
_LOCAL_HEADER = 30


def read_npz(source: SourceBytes) -> dict[str, Array]:
    """Returns the arrays of a zip archive of .npy members; sparse arrays, one folder each, become dense."""
    budget = Budget(source)
    try:
        archive = zipfile.ZipFile(io.BytesIO(source.data))
        members = {info.filename: info for info in archive.infolist() if info.filename.endswith(".npy")}
        budget.take(sum(info.file_size for info in members.values()), "the unpacked archive")
        raw = {name[: -len(".npy")]: _member_bytes(archive, info, source) for name, info in members.items()}
    except ZIP_ERRORS as error:
        raise ImportFailure(f"{source.name}: damaged zip archive: {error}") from error
    sparse_folders = _sparse_folders(raw)
    arrays: dict[str, Array] = {}
    for name, data in raw.items():
        folder, _, part = name.rpartition("/")
        if folder not in sparse_folders:
            arrays[name] = _read_npy(data, name, source)
        elif part == "data":
            arrays[folder] = _read_sparse(folder, raw, source, budget)
    return arrays


def _member_bytes(archive: zipfile.ZipFile, info: zipfile.ZipInfo, source: SourceBytes) -> memoryview:
    if info.compress_type == zipfile.ZIP_DEFLATED:
        return memoryview(archive.read(info))
    if info.compress_type != zipfile.ZIP_STORED:  # an LZMA stream may ask for a window of gigabytes
        raise zipfile.BadZipFile(f"{info.filename!r} has the compression method {info.compress_type}; expected 0 (stored) or 8 (deflated)")
    # Stored members are used where they stand; the local header has its own name and extra field to skip.
    header = bytes(source.data[info.header_offset : info.header_offset + _LOCAL_HEADER])
    if len(header) != _LOCAL_HEADER or header[:4] != b"PK\x03\x04":
        raise zipfile.BadZipFile(f"no local header for {info.filename!r} at byte {info.header_offset}")
    begin = info.header_offset + _LOCAL_HEADER
    begin += int.from_bytes(header[26:28], "little") + int.from_bytes(header[28:30], "little")
    data = source.data[begin : begin + info.file_size]
    if len(data) != info.file_size:
        raise zipfile.BadZipFile(f"{info.filename!r} needs {info.file_size} bytes at byte {begin}: truncated")
    if zlib.crc32(data) != info.CRC:
        raise zipfile.BadZipFile(f"wrong checksum of {info.filename!r}")
    return data


def _sparse_folders(raw: dict[str, memoryview]) -> set[str]:
    parts: dict[str, set[str]] = {}
    for name in raw:
        folder, slash, part = name.rpartition("/")
        if slash:
            parts.setdefault(folder, set()).add(part)
    return {folder for folder, found in parts.items() if found in (_CSR_PARTS, _ROW_SPARSE_PARTS)}


def _read_sparse(folder: str, raw: dict[str, memoryview], source: SourceBytes, budget: Budget) -> Array:
    # The `format` member is not read: MXNet writes a malformed header there, and the parts say the same.
    values, indices, shape = (
        _read_npy(raw[f"{folder}/{part}"], folder, source) for part in ("data", "indices", "shape")
    )
    if shape.ndim != 1 or shape.dtype.kind not in "iu" or np.any(shape < 0):
        raise ImportFailure(f"{source.name}: {folder!r}: the shape of a sparse array must be a list of sizes")
    dims = [int(dim) for dim in shape]
    if f"{folder}/indptr" not in raw:
        return dense_from_row_sparse(dims, values, indices, source, budget, repr(folder))
    indptr = _read_npy(raw[f"{folder}/indptr"], folder, source)
    return dense_from_csr(dims, values, indptr, indices, source, budget, repr(folder))


def _read_npy(data: memoryview, name: str, source: SourceBytes) -> Array:
    """Returns one .npy member; unlike `np.load` it looks at what is there before it allocates."""
    stream = io.BytesIO(data[: 1 << 16])
    try:
        shape, fortran_order, dtype = read_npy_header(stream)
    except ValueError as error:
        raise ImportFailure(f"{source.name}: {name!r} is not a .npy array: {error}") from error
    if dtype != _BFLOAT16 and (dtype.kind not in "fiub" or dtype.itemsize > 8):
        raise ImportFailure(
            f"{source.name}: {name!r} has dtype {dtype}; expected floating point, integer or bool numbers"
        )
    if any(dim < 0 for dim in shape):
        raise ImportFailure(f"{source.name}: {name!r} has shape {shape}")
    body = data[stream.tell() :]
    needed = prod(shape) * dtype.itemsize
    if len(body) < needed:
        raise ImportFailure(
            f"{source.name}: {name!r} is truncated: {dtype}{list(shape)} needs {needed} bytes, "
            f"{len(body)} are there"
        )
    stored_shape = tuple(reversed(shape)) if fortran_order else tuple(shape)
    element = np.dtype("<u2") if dtype == _BFLOAT16 else dtype
    try:
        values = aligned_view(body[:needed], element, stored_shape)
    except ValueError as error:
        raise ImportFailure(f"{source.name}: {name!r} of shape {shape} cannot be held: {error}") from error
    if dtype == _BFLOAT16:
        values = widen_bfloat16(values)
    if not values.dtype.isnative:
        values = values.astype(values.dtype.newbyteorder("="))
    return values.T if fortran_order else values
