"""The side file of a graph's text: its constants' data as an uncompressed .npz archive, by the names that the text uses."""

import io
import os
import threading
import zipfile
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from math import prod
from pathlib import Path
from typing import BinaryIO

import numpy as np

from ngc.errors import ArtifactError
from ngc.ir.graph import Graph
from ngc.ir.npz_parts import ZIP_ERRORS, read_npy_header
from ngc.ir.weight import Weight

_DATE = (1980, 1, 1, 0, 0, 0)  # a fixed date: the same weights give the same file


def collect_weights(graph: Graph) -> dict[str, np.ndarray]:
    """Returns the data of all constants by name, or by `name#hash` where one name stands for several arrays; absent data is left out."""
    distinct: dict[tuple[str, str], Weight] = {}
    for node in (node for part in graph.with_regions() for node in part.nodes):
        if node.weight is not None and node.weight.array is not None:
            distinct.setdefault((node.weight.name, node.weight.digest), node.weight)
    count = Counter(name for name, _ in distinct)
    return {name if count[name] == 1 else f"{name}#{digest}": weight.array for (name, digest), weight in distinct.items()
            if weight.array is not None}


def save_weights(graph: Graph, path: str | os.PathLike[str]) -> None:
    """Writes the data of a graph's constants to an .npz file, whole or not at all.

    Raises:
        ArtifactError: the file cannot be written.
    """
    try:
        with replacing(path) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
            for name, array in collect_weights(graph).items():
                with archive.open(zipfile.ZipInfo(f"{name}.npy", _DATE), "w", force_zip64=True) as member:
                    np.lib.format.write_array(member, array, allow_pickle=False)  # type: ignore[no-untyped-call]
    except OSError as error:
        raise ArtifactError(f"the weights cannot be written to {os.fspath(path)}: {error.strerror or error}") from error


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Opens a file beside `path` that takes its place when the block ends well, and goes away when it does not.

    Devices and pipes are written to directly; a link stays a link.
    """
    if os.path.exists(path) and not os.path.isfile(path):
        with open(path, "wb") as file:
            yield file
        return
    target = Path(os.path.realpath(path)) if os.path.islink(path) else Path(path)
    temporary = target.with_name(f".{target.name}.{os.getpid()}.{threading.get_ident()}")
    try:
        with temporary.open("xb") as file:
            yield file
        temporary.replace(target)
    finally:
        with suppress(FileNotFoundError):  # it was renamed where all went well
            temporary.unlink()


def load_weights(path: str | os.PathLike[str], what: str = "weights") -> Mapping[str, np.ndarray]:
    """Returns the arrays of a file that `save_weights` or `numpy.savez` wrote; `parse` takes them and checks their hashes. `what` they are is for messages.

    Raises:
        ArtifactError: the file is missing, damaged, compressed or holds something other than arrays.
    """
    try:
        size = os.stat(path).st_size
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            stated = sum(max(member.file_size, member.compress_size) for member in members)  # reading asks for as many bytes as either says
            if stated > size or any(member.compress_type != zipfile.ZIP_STORED for member in members):
                raise ArtifactError(f"{path}: the {what} are compressed or overlap; write them with save_weights or numpy.savez")
            return {member.filename.removesuffix(".npy"): _read(archive.read(member), f"{path}: {member.filename}") for member in members}
    except OSError as error:
        raise ArtifactError(f"{path}: the {what} cannot be read: {error.strerror or error}") from error
    except ZIP_ERRORS as error:
        raise ArtifactError(f"{path}: this is no .npz archive of {what}, or a damaged one: {error}") from error


def _read(data: bytes, where: str) -> np.ndarray:
    stream = io.BytesIO(data)
    try:
        shape, fortran_order, dtype = read_npy_header(stream)
        if dtype.hasobject or dtype.kind not in "fiub":
            raise ArtifactError(f"{where} has dtype {dtype}; expected floating point, integer or bool numbers")
        count = prod(shape)
        if count < 0 or count * dtype.itemsize != len(data) - stream.tell():
            raise ArtifactError(f"{where} declares {dtype}{list(shape)} but holds {len(data) - stream.tell()} bytes")
        array = np.frombuffer(data, dtype, count, stream.tell())
        shaped = array.reshape(shape[::-1]).T if fortran_order else array.reshape(shape)
        return shaped.astype(dtype.newbyteorder("="), order="C")
    except (ValueError, TypeError, OverflowError) as error:
        raise ArtifactError(f"{where} is no .npy array: {error}") from error
