"""What an engine's code generator hands to the runtime: plain data, the same whether it was just built or read from an artifact."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ngc.codegen.tensor_spec import TensorSpec
from ngc.errors import ArtifactError


@dataclass(frozen=True)
class EngineImage:
    """One region of a graph, compiled for an engine.

    Attributes:
        name: of the region.
        engine: the engine's key, such as "tensorrt-rtx".
        inputs, outputs: in the order of the call's operands and results, with the dtypes that the call passes.
        files: what was built, by what it is: "engine" (a TensorRT plan), "stablehlo" (a module's text), "hlo" (a serialized HloModuleProto), "neff", "log".
        parameters: names of the region's constants that are passed after the inputs at each run, in order.
        facts: versions, compute capabilities, precision, build seconds and so on, for whoever asks; JSON types only.
    """

    name: str
    engine: str
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    files: Mapping[str, bytes]
    parameters: tuple[str, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(map(len, self.files.values()))

    @property
    def file_names(self) -> tuple[str, ...]:
        """What the files are called where they are written, `name.kind`."""
        return tuple(f"{re.sub(r'[^A-Za-z0-9_.-]', '_', self.name)}.{kind}" for kind in self.files)

    def write_files(self, folder: Path) -> list[Path]:
        """Writes each file into a folder, under `file_names`, and returns their paths.

        Raises:
            ArtifactError: a file cannot be written.
        """
        paths = [folder / name for name in self.file_names]
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for path, data in zip(paths, self.files.values(), strict=True):
                path.write_bytes(data)
        except OSError as error:
            raise ArtifactError(f"the engine {self.name} cannot be written to {folder}: {error.strerror or error}") from error
        return paths
