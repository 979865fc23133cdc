"""An engine image as one array of bytes, which MXNet's parameter files can carry.

    "ngc-image" u8[7] zeros | u64 length of the header | header (JSON) | files, one behind the other
"""

import json
import struct

import numpy as np

from ngc.codegen.engine_image import EngineImage
from ngc.errors import ArtifactError
from ngc.runtime.artifact_manifest import spec_in, spec_out

_MAGIC = b"ngc-image".ljust(16, b"\0")
_START = len(_MAGIC) + 8


def image_array(image: EngineImage) -> np.ndarray:
    """Returns an image as an array of uint8."""
    header = json.dumps({
        "name": image.name, "engine": image.engine, "inputs": list(map(spec_out, image.inputs)), "outputs": list(map(spec_out, image.outputs)),
        "files": {kind: len(data) for kind, data in image.files.items()}, "parameters": list(image.parameters), "facts": dict(image.facts)}).encode()
    return np.frombuffer(b"".join((_MAGIC, struct.pack("<Q", len(header)), header, *image.files.values())), np.uint8)


def read_image(array: np.ndarray, name: str) -> EngineImage:
    """Returns the image that an array holds.

    Args:
        array: what `image_array` made.
        name: of the parameter, for messages.

    Raises:
        ArtifactError: the array holds no image, or is truncated.
    """
    data = np.ascontiguousarray(array).tobytes() if array.dtype == np.uint8 else b""
    if not data.startswith(_MAGIC) or len(data) < _START:
        raise ArtifactError(f"parameter {name!r} holds no engine that ngc compiled; one of MXNet-Neuron's runs on its own runtime only")
    start = _START + struct.unpack_from("<Q", data, len(_MAGIC))[0]
    try:
        header = json.loads(data[_START:start])
        files = {}
        for kind, size in header["files"].items():
            files[str(kind)] = data[start:start + int(size)]
            start += int(size)
        image = EngineImage(str(header["name"]), str(header["engine"]), tuple(map(spec_in, header["inputs"])), tuple(map(spec_in, header["outputs"])),
                            files, tuple(map(str, header["parameters"])), dict(header["facts"]))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ArtifactError(f"parameter {name!r}: the header of the engine is damaged: {error}") from error
    if start != len(data):
        raise ArtifactError(f"parameter {name!r}: the engine has {len(data)} bytes instead of {start}: truncated or damaged")
    return image
