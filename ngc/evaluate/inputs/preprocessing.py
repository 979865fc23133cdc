"""From a stored image to the input that a model takes, as the MLModelScope agents and GluonCV's evaluation prepare it."""

import io
import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ngc.errors import DatasetError, EvaluationError
from ngc.evaluate.inputs.decoding import decode
from ngc.ir.npz_parts import read_npy_header

CENTER_CROP = 0.875
"""The share of the resized image's shorter side that is cropped: 224 of 256, as for ILSVRC since AlexNet."""

COLOR_MODES = {"RGB": 3, "BGR": 3, "GRAY": 1}
"""Channels of each."""

_FAR = 10
"""Floats so many times beyond normalized pixels were not normalized: pixels of 255 are 96 times beyond those of ILSVRC's networks."""

_NPY = np.lib.format.MAGIC_PREFIX


@dataclass(frozen=True)
class Preprocessing:
    """Decodes, resizes, crops, normalizes and lays out one image.

    With `center_crop` the image is resized, keeping its proportions, so that it covers the model's size divided by `center_crop` (rounded up, as
    GluonCV does: 256 for 224, 342 for 299), and the middle is cut out. Without, it is resized to the model's size. Pixels are then (pixel - mean) / scale.

    Interpolation is Pillow's bilinear, whose triangle grows with the reduction, so that every source pixel counts. OpenCV's, and so MXNet's
    `mx.image.imresize`, looks at four source pixels however much it reduces. Where images grow or are smooth the two agree within 1 of 255. Where fine detail
    is reduced they do not: by 5 on average for noise of a photograph's spectrum from 375 rows to 256, and by 14 from 1,200 rows, where OpenCV's is aliased.

    Arrays are not decoded or resized, they must have the model's size. Those of integers are pixels in the color mode and are normalized; those of
    floats are taken to be what the model takes already, and refused where they cannot be. Grey ones may come as (height, width), and channels may be first or
    last.

    Attributes:
        channels, height, width: of the model's input.
        layout: "CHW" or "HWC".
        color_mode: "RGB", "BGR" or "GRAY".
        mean: subtracted from the pixels (0 to 255): one number for all channels, or one for each of R, G and B, in this order also for BGR, as in the
            agents' manifests.
        scale: divides what is left, likewise.
        center_crop: see above; None for none.
        element_type: of the input. Integers are the pixels as they are: a model that takes them normalizes them itself.
    """

    channels: int
    height: int
    width: int
    layout: str = "CHW"
    color_mode: str = "RGB"
    mean: tuple[float, ...] = (0.0,)
    scale: tuple[float, ...] = (1.0,)
    center_crop: float | None = CENTER_CROP
    element_type: str = "float32"

    def __post_init__(self) -> None:
        if min(self.channels, self.height, self.width) < 1:
            raise EvaluationError(f"images of {self.channels} x {self.height} x {self.width} have no pixels")
        if self.layout not in ("CHW", "HWC"):
            raise EvaluationError(f"layout {self.layout!r} of images; expected CHW or HWC")
        if COLOR_MODES.get(self.color_mode) != self.channels:
            modes = ", ".join(f"{mode} ({channels})" for mode, channels in COLOR_MODES.items())
            raise EvaluationError(f"color mode {self.color_mode!r} with {self.channels} channels; expected {modes}")
        for what, values in (("mean", self.mean), ("scale", self.scale)):
            if len(values) not in (1, self.channels) or not all(math.isfinite(value) for value in values):
                raise EvaluationError(f"{what} {values} of {self.channels} channels; expected a number, or one for each channel")
        if 0.0 in self.scale:
            raise EvaluationError(f"scale {self.scale}: pixels are divided by it")
        if self.center_crop is not None and not 0 < self.center_crop <= 1:
            raise EvaluationError(f"center crop {self.center_crop}; expected a share above 0, of at most 1")
        if self.element_type not in ("float16", "float32", "float64", "uint8", "int8", "int32"):
            raise EvaluationError(f"element type {self.element_type!r} of images; expected float16, float32, float64, uint8, int8 or int32")

    @property
    def shape(self) -> tuple[int, int, int]:
        """Of one input, without the batch."""
        return (self.channels, self.height, self.width) if self.layout == "CHW" else (self.height, self.width, self.channels)

    @property
    def dtype(self) -> np.dtype:
        """Of one input."""
        return np.dtype(self.element_type)

    def __call__(self, image: bytes | np.ndarray, name: str = "image") -> np.ndarray:
        """Returns one input as the model takes it, of `shape` and `dtype`.

        Args:
            image: an image file's bytes, an array, or the bytes of one that `numpy.save` wrote.
            name: of the image, for errors.

        Raises:
            DatasetError: the image is damaged, or an array of another shape or kind.
        """
        try:
            if isinstance(image, bytes):
                image = _unpacked(image, self._shapes) if image.startswith(_NPY) else self._pixels(image)
            return self._normalized(self._placed(image))
        except DatasetError as error:
            raise DatasetError(f"{name}: {error}") from error.__cause__

    @property
    def _shapes(self) -> list[tuple[int, ...]]:
        """Of arrays that are taken."""
        shapes: list[tuple[int, ...]] = [(self.channels, self.height, self.width), (self.height, self.width, self.channels)]
        return [self.shape, *(shape for shape in shapes if shape != self.shape), *([(self.height, self.width)] if self.channels == 1 else [])]

    def _pixels(self, data: bytes) -> NDArray[np.uint8]:
        """Returns the decoded, resized and cropped pixels (height, width[, channels])."""
        image = decode(data, "L" if self.color_mode == "GRAY" else "RGB")
        pixels = np.asarray(resized(image, self.height, self.width, self.center_crop))
        return pixels[..., ::-1] if self.color_mode == "BGR" else pixels

    def _placed(self, array: np.ndarray) -> np.ndarray:
        """Returns an array in the layout; raises DatasetError if it has no shape that fits."""
        if array.shape == self.shape:
            return array
        if array.shape not in self._shapes:
            raise DatasetError(f"an array {array.shape}; expected {' or '.join(map(str, self._shapes))}")
        if self.channels == 1:
            return array.reshape(self.shape)
        return array.transpose((2, 0, 1) if self.layout == "CHW" else (1, 2, 0))

    def _normalized(self, array: np.ndarray) -> np.ndarray:
        """Returns an array of `shape` as the model takes it."""
        if array.dtype.kind not in "iufb":
            raise DatasetError(f"an array of {array.dtype}; expected numbers")
        if self.dtype.kind in "iu":
            return self._integers(array)
        if array.dtype.kind == "f":
            if self._most is not None and array.size and array.max() > _FAR * self._most:
                raise DatasetError(f"an array of {array.dtype} up to {array.max():g}, though normalized pixels reach {self._most:.3g}; floats are taken to be "
                                   "normalized already, integers are normalized")
            return np.ascontiguousarray(array, self.dtype)
        # Laid out as bytes first: the floats are four times as many to move.
        centred = np.subtract(np.ascontiguousarray(array), self._along_channels(self.mean), dtype=np.float32)
        return np.divide(centred, self._along_channels(self.scale), out=centred).astype(self.dtype, copy=False)

    @cached_property
    def _most(self) -> float | None:
        """What a pixel of 255 becomes; None where pixels are not scaled."""
        return float(((255 - np.asarray(self.mean)) / np.asarray(self.scale)).max()) if max(self.scale) > 1 else None

    def _along_channels(self, values: tuple[float, ...]) -> NDArray[np.float32]:
        """Returns mean or scale so that it broadcasts to one input."""
        ordered = values[::-1] if self.color_mode == "BGR" else values
        return np.asarray(ordered, np.float32).reshape((-1, 1, 1) if self.layout == "CHW" else -1)

    def _integers(self, array: np.ndarray) -> np.ndarray:
        """Returns pixels as integers of the element type; raises DatasetError if it cannot hold them."""
        limits = np.iinfo(self.dtype)
        if array.dtype.kind == "f" or array.min() < limits.min or array.max() > limits.max:
            raise DatasetError(f"an array of {array.dtype} from {array.min()} to {array.max()}, which {self.element_type} does not hold")
        return np.ascontiguousarray(array, self.dtype)


def resized(image: Image.Image, height: int, width: int, center_crop: float | None) -> Image.Image:
    """Returns an image at a size, of its middle with `center_crop`; see `Preprocessing`.

    Only what is kept of the resized image is computed: the whole of a very long one would not fit into memory.
    """
    if center_crop is None:
        return image.resize((width, height), Image.Resampling.BILINEAR)
    cover_height, cover_width = math.ceil(height / center_crop), math.ceil(width / center_crop)
    if cover_width * image.height >= cover_height * image.width:  # the width is what has to grow the most
        full_width, full_height = cover_width, image.height * cover_width // image.width
    else:
        full_width, full_height = image.width * cover_height // image.height, cover_height
    left, top = (full_width - width) // 2, (full_height - height) // 2
    across, down = image.width / full_width, image.height / full_height
    box = (left * across, top * down, (left + width) * across, (top + height) * down)
    return image.resize((width, height), Image.Resampling.BILINEAR, box)


def _unpacked(data: bytes, shapes: list[tuple[int, ...]]) -> np.ndarray:
    """Returns the array in a `.npy` file's bytes; its shape is checked first, so that a damaged header cannot ask for any amount of memory."""
    stream = io.BytesIO(data)
    try:
        shape, fortran_order, dtype = read_npy_header(stream)
        if shape not in shapes:
            raise DatasetError(f"an array {shape}; expected {' or '.join(map(str, shapes))}")
        if dtype.hasobject:
            raise DatasetError("an array of Python objects; expected numbers")
        array = np.frombuffer(data, dtype, math.prod(shape), stream.tell())
    except ValueError as error:
        raise DatasetError(f"a damaged array: {error}") from error
    return array.reshape(shape, order="F" if fortran_order else "C")
