"""The fields of a manifest. They are the MLModelScope agents' own; those that ngc has no use for are kept as they are.

The description of a field says what it takes, and is what error messages tell. Empty fields are as good as missing ones.
"""

import math
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, Tag, model_validator
from pydantic_core import PydanticCustomError

from ngc import __version__
from ngc.evaluate.manifest.document import FieldPath
from ngc.evaluate.manifest.values import (
    COLOR_MODES,
    LAYOUTS,
    PIXEL_TYPES,
    Checksum,
    Constraint,
    Dimensions,
    Divisors,
    ElementType,
    LayerIndex,
    Numbers,
    Text,
    VersionText,
    constraint_of,
    one_of,
    to_tuple,
)

TEXTS: frozenset[FieldPath] = frozenset({
    ("name",), ("version",), ("framework", "name"), ("framework", "version"), ("model", "graph_checksum"), ("model", "weights_checksum"),
    ("output", "parameters", "features_checksum"),
})  # fmt: skip
"""What is text although it may look like a number: 1.10 is not 1.1."""

MXNET_RELEASES = (
    "0.8.0", "0.9.5", "0.10.0", "0.11.0", "0.12.0", "0.12.1", "1.0.0", "1.1.0", "1.2.0", "1.2.1", "1.3.0", "1.3.1", "1.4.0", "1.4.1", "1.5.0", "1.5.1",
    "1.6.0", "1.7.0", "1.8.0", "1.9.0", "1.9.1",
)  # fmt: skip
"""Whose files ngc reads."""

MOST_PIXELS = 1 << 26
"""Of one input, times its channels: 8192 by 8192 in grey. More is a slip, and would only end when memory does."""

ARTIFACT = ".ngc"
"""Ends the names of executables that ngc saved; their parameters are in them."""

IMAGE, OTHER = "<image>", "<other>"
"""Tags of the two kinds of inputs, which pydantic puts into the places of errors."""


class Fields(BaseModel):
    """What all mappings of a manifest have in common."""

    model_config = ConfigDict(frozen=True, extra="allow", strict=True, protected_namespaces=())

    @model_validator(mode="before")
    @classmethod
    def _drop_empty(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return {} if data is None else data
        optional = {name for name, field in cls.model_fields.items() if not field.is_required()}
        return {name: value for name, value in data.items() if value is not None or name not in optional}


class Framework(Fields):
    """Whose model it is."""

    name: Annotated[str, one_of(("MXNet", "ngc"))] = Field(description="MXNet or ngc")
    version: Constraint = Field(default="", description="a version such as 1.4.0, or a constraint such as >=1.1.0,<2")

    @model_validator(mode="after")
    def _can_be_met(self) -> "Framework":
        constraint = constraint_of(self.version)
        if self.name == "ngc" and not constraint.contains(__version__, prereleases=True):
            raise _about("version", f"{self.version!r} is not met by ngc {__version__}, which is running")
        if self.name == "MXNet" and not any(map(constraint.contains, MXNET_RELEASES)):
            raise _about("version", f"{self.version!r} is met by no MXNet whose files ngc reads; those are {MXNET_RELEASES[0]} to {MXNET_RELEASES[-1]}")
        return self


class ImageParameters(Fields):
    """How pixels become an input: (pixel - mean) / scale."""

    element_type: Annotated[str, one_of(PIXEL_TYPES)] = Field(default="float32", description=f"one of {', '.join(PIXEL_TYPES)}")
    input_layer: Text = Field(default="data", description="the name of the model's input")
    layout: Annotated[str, one_of(LAYOUTS)] = Field(default="CHW", description=f"one of {', '.join(LAYOUTS)}")
    color_mode: Annotated[str, one_of(COLOR_MODES)] = Field(default="", description="RGB, BGR or GRAY")
    dimensions: Dimensions = Field(description="three whole numbers from 1: channels (1 or 3), height and width, in this order for every layout")
    mean: Numbers = Field(default=0.0, description="a number, or a list with one for each channel")
    scale: Divisors = Field(default=1.0, description="a number above 0, which pixels are divided by, or a list with one for each channel")

    @model_validator(mode="after")
    def _fits_channels(self) -> "ImageParameters":
        if len(self.dimensions) != 3 or self.dimensions[0] not in (1, 3):
            raise _about("dimensions")
        channels, pixels = self.dimensions[0], math.prod(self.dimensions)
        if pixels > MOST_PIXELS:
            raise _about("dimensions", f"{list(self.dimensions)} are {pixels} numbers for one image; at most {MOST_PIXELS} are possible")
        if self.color_mode and (self.color_mode == "GRAY") != (channels == 1):
            raise _about("color_mode", f"{self.color_mode!r} for dimensions with {channels} channel{'s' * (channels > 1)}; RGB and BGR have 3, GRAY has 1")
        for name, numbers in (("mean", self.mean), ("scale", self.scale)):
            if isinstance(numbers, tuple) and len(numbers) != channels:
                raise _about(name, f"a list of {len(numbers)} for dimensions with {channels} channel{'s' * (channels > 1)}")
        return self

    @property
    def channels_last(self) -> bool:
        """Whether the model takes HWC."""
        return self.layout in ("HWC", "NHWC")


class OtherParameters(Fields):
    """What is known of an input that is no image."""

    element_type: ElementType = "float32"
    input_layer: Text = Field(default="data", description="the name of the model's input")
    dimensions: Dimensions = Field(default=(), description="a list of whole numbers from 1, without the batch")


class ImageInput(Fields):
    """An input of type image."""

    type: Annotated[str, one_of(("image",))]
    description: str = Field(default="", description="a text")
    parameters: ImageParameters = Field(description="a mapping of element_type, input_layer, layout, color_mode, dimensions, mean and scale")


class OtherInput(Fields):
    """An input of another type, which `raw` and its like can feed, but no data set of images."""

    type: Text = Field(description="image, or the name of another kind of input")
    description: str = Field(default="", description="a text")
    parameters: OtherParameters = Field(default=OtherParameters(), description="a mapping of element_type, input_layer and dimensions")


def _kind(value: Any) -> str:
    kind = value.get("type") if isinstance(value, dict) else getattr(value, "type", None)
    return IMAGE if isinstance(kind, str) and kind.casefold() == "image" else OTHER


Input = Annotated[Annotated[ImageInput, Tag(IMAGE)] | Annotated[OtherInput, Tag(OTHER)], Discriminator(_kind)]


class OutputParameters(Fields):
    """Where the answer is among the model's outputs, and what its classes are called."""

    element_type: ElementType = "float32"
    probabilities_layer: LayerIndex = Field(default=0, description="a whole number from 0: which of the model's outputs it is")
    probabilities_transform: Annotated[str, one_of(("softmax", "none"))] = Field(
        default="none", description="softmax, or none where the output is probabilities already"
    )
    features_url: Text = Field(default="", description="the address of a file with a class's name in each line, or its path relative to the manifest")
    features: Text = Field(default="", description="the path, relative to the manifest, of a file with a class's name in each line")
    features_checksum: Checksum = ""

    @model_validator(mode="after")
    def _names_one_file(self) -> "OutputParameters":
        if self.features and self.features_url:
            raise _about("features", "there is features_url too; one of them is possible")
        return self


class Output(Fields):
    """What the model answers."""

    type: Text = Field(description="classification, or the name of another kind of output")
    description: str = Field(default="", description="a text")
    parameters: OutputParameters = Field(
        default=OutputParameters(), description="a mapping of probabilities_layer, probabilities_transform, features_url and features_checksum"
    )


class Files(Fields):
    """Where symbol and parameters are."""

    base_url: Text = Field(default="", description="an address (http:, https:, file:) or a path relative to the manifest: of a folder, or of an archive")
    graph_path: Text = Field(description="the file of the symbol, or of an executable that ngc saved (*.ngc): a path relative to base_url, or an address")
    weights_path: Text = Field(default="", description="the file of the parameters: a path relative to base_url, or an address")
    is_archive: bool = Field(default=False, description="true or false: whether base_url is a zip or tar file that has the two files")
    graph_checksum: Checksum = ""
    weights_checksum: Checksum = ""

    @model_validator(mode="after")
    def _is_whole(self) -> "Files":
        if not self.weights_path and not self.graph_path.endswith(ARTIFACT):
            raise _about("weights_path")
        if self.is_archive and not self.base_url:
            raise _about("base_url", "missing; expected: the address or path of the archive, as is_archive is true")
        return self


class ManifestFields(Fields):
    """A whole manifest."""

    name: Text = Field(description="the model's name")
    version: VersionText = Field(description="the model's version, such as 1.0 or 2.1.3")
    framework: Framework = Field(description="a mapping of name and version")
    description: str = Field(default="", description="a text")
    inputs: Annotated[tuple[Input, ...], BeforeValidator(to_tuple), Field(min_length=1)] = Field(
        description="a list of the model's inputs, each a mapping of type and parameters"
    )
    output: Output = Field(description="a mapping of type and parameters")
    model: Files = Field(description="a mapping of base_url, graph_path, weights_path, is_archive, graph_checksum and weights_checksum")
    attributes: Mapping[str, Any] = Field(default={}, description="a mapping of whatever else is to be known, such as Top1")


def _about(field: str, text: str = "") -> PydanticCustomError:
    """Returns an error about a member of the mapping that a validator is about; without a text its value is no such thing as the field takes."""
    return PydanticCustomError("problem", "{text}", {"text": text, "field": field})
