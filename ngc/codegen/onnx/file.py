"""Writes ONNX models to files; weights lie beside the model where protobuf cannot hold them."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from ngc.codegen.onnx.emit import OPSET, Keep, assemble, constant_bytes, keep_inside, little_endian, write
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


def save_onnx(graph: Graph, path: str | os.PathLike[str], *, opset: int = OPSET, limit: int = LIMIT) -> None:
    """Writes a graph's ONNX model, whole or not at all; with more than `limit` bytes of constants, their data to `path` + ".data".

    Raises:
        ArtifactError: a file cannot be written.
        CodegenError, EngineError, VerifyError: as in `emit_onnx`.
    """
    target = Path(path)
    writer = write(graph, opset)
    try:
        if constant_bytes(writer) <= limit:
            model = assemble(writer, opset, keep_inside)
            with replacing(target) as file:
                file.write(model.SerializeToString())
            return
        data = target.with_name(target.name + ".data")
        # The model last: where it is, its data is whole.
        with replacing(target) as file:
            with replacing(data) as beside:
                model = assemble(writer, opset, _beside(beside, data.name))
            file.write(model.SerializeToString())
    except OSError as error:
        raise ArtifactError(f"the ONNX model cannot be written to {target}: {error.strerror or error}") from error


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
