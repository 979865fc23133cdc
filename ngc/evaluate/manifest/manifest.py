"""A manifest: what a model is, what it takes, what it answers and where its files are."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray
from pydantic import PrivateAttr, ValidationError
from pydantic_core import ErrorDetails

from ngc.errors import ManifestError, shorten
from ngc.evaluate.inputs import CENTER_CROP, Preprocessing
from ngc.evaluate.manifest.document import Document, FieldPath, Problem, raise_problems, read_document, spell
from ngc.evaluate.manifest.fields import IMAGE, OTHER, TEXTS, Fields, ImageInput, ManifestFields, OtherInput

CLASSIFIES = ("classification", "feature", "label")
"""Types of outputs that are a probability for each class; the agents used all three words."""

_INPUTS: Mapping[str | int, type[Fields]] = {IMAGE: ImageInput, OTHER: OtherInput}


class Manifest(ManifestFields):
    """A manifest; unknown fields are kept."""

    _source: Path = PrivateAttr()

    def model_post_init(self, context: Any) -> None:
        """Keeps the manifest's file, which relative paths start from."""
        self._source = context["source"]

    @property
    def source(self) -> Path:
        """The manifest's file."""
        return self._source

    @property
    def classifies(self) -> bool:
        """Whether one of the model's outputs is a probability for each class."""
        return self.output.type in CLASSIFIES

    @property
    def input_layer(self) -> str:
        """The name of the model's input."""
        return self.inputs[0].parameters.input_layer

    @property
    def input_shape(self) -> tuple[int, ...]:
        """One input's shape as the model takes it, without the batch; () where the manifest does not say."""
        first = self.inputs[0]
        if isinstance(first, ImageInput) and first.parameters.channels_last:
            return (*first.parameters.dimensions[1:], first.parameters.dimensions[0])
        return first.parameters.dimensions

    def preprocessing(self, center_crop: bool) -> Preprocessing:
        """Returns how images become inputs.

        Raises:
            ManifestError: the model takes something else, or more than one input.
        """
        first = self.inputs[0]
        if len(self.inputs) > 1:
            raise ManifestError(f"{self.source}: {self.name} has {len(self.inputs)} inputs; data sets are of one image each")
        if not isinstance(first, ImageInput):
            raise ManifestError(f"{self.source}: {self.name} takes inputs of type {first.type!r}; data sets are of images. `ngc-eval predict raw` needs none")
        parameters = first.parameters
        channels, height, width = parameters.dimensions
        return Preprocessing(
            channels=channels,
            height=height,
            width=width,
            layout="HWC" if parameters.channels_last else "CHW",
            color_mode=parameters.color_mode or ("GRAY" if channels == 1 else "RGB"),
            mean=_per_channel(parameters.mean, channels),
            scale=_per_channel(parameters.scale, channels),
            center_crop=CENTER_CROP if center_crop else None,
            element_type=parameters.element_type,
        )

    def probabilities(self, outputs: list[NDArray[Any]]) -> NDArray[np.floating]:
        """Returns the probabilities (inputs, classes) that are among the model's outputs.

        Raises:
            ManifestError: the outputs are no probabilities of classes, or there is no such output.
        """
        parameters = self.output.parameters
        if not self.classifies:
            raise ManifestError(f"{self.source}: output.type is {self.output.type!r}; probabilities of classes have one of {', '.join(CLASSIFIES)}")
        if parameters.probabilities_layer >= len(outputs):
            there = f"the model's outputs are 0 to {len(outputs) - 1}"
            raise ManifestError(f"{self.source}: output.parameters.probabilities_layer is {parameters.probabilities_layer}; {there}")
        chosen = outputs[parameters.probabilities_layer]
        rows = chosen.reshape(len(chosen), -1).astype(np.float64)
        if parameters.probabilities_transform == "softmax":
            rows = np.exp(rows - rows.max(axis=1, keepdims=True))
            rows /= rows.sum(axis=1, keepdims=True)
        return rows



def load_manifest(path: "Path | str") -> Manifest:
    """Returns the manifest of a file.

    Raises:
        ManifestError: all that is wrong with it, each with its line.
    """
    document = read_document(Path(path), TEXTS)
    try:
        return Manifest.model_validate(document.data, context={"source": document.source})
    except ValidationError as error:
        raise_problems(document.source, [_problem(document, details) for details in error.errors(include_url=False)])
        raise AssertionError("pydantic found an error without saying which") from error


def to_yaml(manifest: Manifest) -> str:
    """Returns a manifest as a file says it, with what was read and nothing that was not; `load_manifest` reads the same from it."""
    return yaml.dump(manifest.model_dump(exclude_unset=True), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)


class _Dumper(yaml.SafeDumper):
    """Writes lists of numbers in one line, and no aliases, which readers would have to look up."""

    def ignore_aliases(self, data: Any) -> bool:
        return True

    def represent_sequence(self, tag: str, sequence: Any, flow_style: bool | None = None) -> yaml.SequenceNode:
        plain = all(isinstance(item, (int, float)) for item in sequence)
        return super().represent_sequence(tag, sequence, flow_style=plain)


def _per_channel(numbers: "float | tuple[float, ...]", channels: int) -> tuple[float, ...]:
    return numbers if isinstance(numbers, tuple) else (numbers,) * channels


def _problem(document: Document, details: ErrorDetails) -> Problem:
    """Returns pydantic's finding in a manifest's terms: what is there, and what the field takes."""
    path: FieldPath = tuple(part for part in details["loc"] if part not in _INPUTS)
    context = details.get("ctx", {})
    loc = details["loc"]
    if details["type"] == "problem":
        loc, path = (*loc, context["field"]), (*path, context["field"])
    if text := context.get("text"):
        return Problem(document.place(path), spell(path), text)
    present, value = _look_up(document.data, path)
    there = _shown(value) if present else "missing"
    return Problem(document.place(path), spell(path), f"{there}; expected: {_accepted(loc)}")


def _look_up(data: Any, path: FieldPath) -> tuple[bool, Any]:
    for part in path:
        if not (isinstance(data, Mapping) and part in data) and not (isinstance(data, list) and isinstance(part, int) and part < len(data)):
            return False, None
        data = data[part]  # type: ignore[index]  # an index for a list, a name for a mapping
    return True, data


def _accepted(loc: tuple[str | int, ...]) -> str:
    """Returns the description of a field; of the innermost one that has a description, where the place is within a list or an unknown mapping."""
    fields: type[Fields] | None = ManifestFields
    accepted = "a mapping of fields"
    for part in loc:
        if part in _INPUTS:
            fields = _INPUTS[str(part)]
        elif fields is not None and part in fields.model_fields:
            field = fields.model_fields[str(part)]
            accepted = field.description or accepted
            fields = field.annotation if isinstance(field.annotation, type) and issubclass(field.annotation, Fields) else None
    return accepted


def _shown(value: Any) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, Mapping):
        return "a mapping"
    return shorten(repr(value))
