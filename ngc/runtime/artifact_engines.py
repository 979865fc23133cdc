"""The engine images of an artifact: a section for each file of each image, the rest in the manifest."""

from collections.abc import Mapping
from typing import Any

from ngc.codegen.engine_image import EngineImage
from ngc.runtime.artifact_file import ArtifactFile, NewSection
from ngc.runtime.artifact_manifest import spec_in, spec_out


def collect_engines(engines: Mapping[str, EngineImage]) -> tuple[list[NewSection], list[dict[str, Any]]]:
    """Returns the sections of all images, and what the manifest says about them."""
    sections, entries = [], []
    for number, (node, image) in enumerate(engines.items()):
        files = {kind: f"engine{number}.{kind}" for kind in image.files}
        sections += [NewSection(files[kind], [data]) for kind, data in image.files.items()]
        entries.append({"node": node, "name": image.name, "engine": image.engine, "inputs": [spec_out(spec) for spec in image.inputs],
                        "outputs": [spec_out(spec) for spec in image.outputs], "files": files, "parameters": list(image.parameters),
                        "facts": dict(image.facts)})
    return sections, entries


def read_engines(file: ArtifactFile) -> dict[str, EngineImage]:
    """Returns the images of an artifact by the names of their calls; their bytes are compared with their digests.

    Raises:
        ArtifactError: the file is altered.
        KeyError, TypeError, ValueError: the manifest is none of ngc's.
    """
    images: dict[str, EngineImage] = {}
    taken: set[str] = set()
    for entry in file.manifest.get("engines", ()):  # artifacts of older ABIs have none
        if taken & (named := set(entry["files"].values())):
            raise ValueError("engines share a file")  # each is copied: a small artifact could take any amount of memory
        taken |= named
        files = {str(kind): bytes(file.section(section).read()) for kind, section in entry["files"].items()}
        images[str(entry["node"])] = EngineImage(
            str(entry["name"]), str(entry["engine"]), tuple(map(spec_in, entry["inputs"])), tuple(map(spec_in, entry["outputs"])), files,
            tuple(map(str, entry["parameters"])), dict(entry["facts"]))
    return images
