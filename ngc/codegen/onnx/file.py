"""Writes ONNX models to files; weights lie beside the model where protobuf cannot hold them."""

import hashlib
import os
import re
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from ngc.codegen.onnx.emit import OPSET, Keep, assemble, constant_bytes, keep_inside, little_endian, write
from ngc.codegen.onnx.writer import OnnxWriter
from ngc.errors import ArtifactError
from ngc.ir import Graph
from ngc.ir.weights_file import replacing

if TYPE_CHECKING:
    import onnx

LIMIT = 2**31 - 2**24
"""Bytes of constants up to which a model is one file: protobuf's 2 GB less 16 MiB for everything else."""

_INSIDE = 1024
"""Constants of fewer bytes stay in the model, where shape inference reads shapes and axes."""

_PAGE = 4096
"""Constants beside the model begin at multiples of that, so that readers can map them into memory."""

_DIGITS = 16
"""Hexadecimal digits of a digest in the name of data."""


def save_onnx(graph: Graph, path: str | os.PathLike[str], *, opset: int = OPSET, limit: int = LIMIT) -> None:
    """Writes a graph's ONNX model, whole or not at all; with more than `limit` bytes of constants, their data beside it, to `path` + ".DIGEST.data".

    The digest is of the data, so that the model that was at `path` keeps its own data until the new one has taken its place; then that data is removed.
    A link stays a link.

    Raises:
        ArtifactError: a file cannot be written, or ONNX cannot name data beside `path`.
        CodegenError, EngineError, VerifyError: as in `emit_onnx`.
    """
    target = Path(os.path.realpath(path)) if os.path.islink(path) else Path(path)
    writer = write(graph, opset)
    try:
        if constant_bytes(writer) <= limit:
            model = assemble(writer, opset, keep_inside)
            with replacing(target) as file:
                file.write(model.SerializeToString())
            _remove_data(target)
            return
        _check_place(Path(path), target)
        data = target.with_name(f"{target.name}.{_digest(writer)}.data")
        # Both are complete before either has its name, and the model is renamed last: where it is, its data is.
        with replacing(target) as file, replacing(data) as beside:
            model = assemble(writer, opset, _beside(beside, data.name))
            file.write(model.SerializeToString())
            file.flush()
        _remove_data(target, data.name)
    except OSError as error:
        raise ArtifactError(f"the ONNX model cannot be written to {target}: {error.strerror or error}") from error


def _check_place(path: Path, target: Path) -> None:
    """Raises ArtifactError where a reader of the model would not find data beside it."""
    if ".." in target.name or "\\" in target.name:
        raise ArtifactError(f"the ONNX model cannot be written to {target}: its weights lie in a file beside it, and ONNX refuses names of such files with "
                            "'..' or a backslash; choose another name")
    if os.path.realpath(path.parent) != os.path.realpath(target.parent):
        raise ArtifactError(f"the ONNX model cannot be written to {path}: its weights lie in a file beside it, which readers do not find from a link to "
                            f"another folder; write it to {target} itself")


def _digest(writer: OnnxWriter) -> str:
    """Returns what tells the data of the constants from other data."""
    state = hashlib.sha256()
    for array in writer.constants.values():
        state.update(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
    return state.hexdigest()[:_DIGITS]


def _remove_data(target: Path, keep: str = "") -> None:
    """Removes the data of models that were at `target` before."""
    stale = re.compile(rf"{re.escape(target.name)}\.[0-9a-f]{{{_DIGITS}}}\.data")
    for other in target.parent.iterdir():
        if other.name != keep and stale.fullmatch(other.name):
            with suppress(OSError):  # the new model is there, and needs none of it
                other.unlink()


def _beside(file: BinaryIO, name: str) -> Keep:
    """Returns what writes large constants to a file and refers to it by its name."""

    def keep(proto: "onnx.TensorProto", array: np.ndarray) -> None:
        if array.nbytes < _INSIDE:
            keep_inside(proto, array)
            return
        file.write(bytes(-file.tell() % _PAGE))
        offset = file.tell()
        file.write(little_endian(array).data)
        proto.data_location = type(proto).EXTERNAL
        for key, value in (("location", name), ("offset", offset), ("length", array.nbytes)):
            proto.external_data.add(key=key, value=str(value))

    return keep
