"""A manifest: what a model is, what it takes, what it answers and where its files are."""

import logging
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import PrivateAttr

from ngc.errors import ManifestError
from ngc.evaluate.inputs import CENTER_CROP, Preprocessing
from ngc.evaluate.manifest.fields import ImageInput, ManifestFields

_log = logging.getLogger("ngc")

CLASSIFIES = ("classification", "feature", "label")
"""Types of outputs that are a probability for each class; the agents used all three words."""


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
        return self.output.type.casefold() in CLASSIFIES

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
        mean, scale = _per_channel(parameters.mean, channels), _per_channel(parameters.scale, channels)
        if "int" in parameters.element_type and (any(mean) or set(scale) != {1.0}):
            _log.warning("%s: inputs of %s are pixels as they are: mean and scale are not applied", self.source, parameters.element_type)
        return Preprocessing(
            channels=channels,
            height=height,
            width=width,
            layout="HWC" if parameters.channels_last else "CHW",
            color_mode=parameters.color_mode or ("GRAY" if channels == 1 else "RGB"),
            mean=mean,
            scale=scale,
            center_crop=CENTER_CROP if center_crop else None,
            element_type=parameters.element_type,
        )

    def probabilities(self, outputs: list[NDArray[Any]]) -> NDArray[np.floating]:
        """Returns the probabilities (inputs, classes) that are among the model's outputs.

        A row may have NaN or infinities, where computing it overflowed. Ranked, it would count as some class: whoever ranks leaves it out.

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
            with np.errstate(invalid="ignore"):  # an infinity less itself
                rows = np.exp(rows - rows.max(axis=1, keepdims=True))
            rows /= rows.sum(axis=1, keepdims=True)
        return rows


def _per_channel(numbers: "float | tuple[float, ...]", channels: int) -> tuple[float, ...]:
    return numbers if isinstance(numbers, tuple) else (numbers,) * channels
