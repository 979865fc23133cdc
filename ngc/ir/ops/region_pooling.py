"""Pooling of regions of interest: each region of a feature map becomes a grid of bins, whatever its size.

Regions are rows [image, left, top, right, bottom] in pixels of the network's input; `spatial_scale` makes them those of the feature map. A region of an image
that does not exist gives zeros.
"""

from collections.abc import Iterator
from itertools import product as grid

import numpy as np

from ngc.errors import VerifyError
from ngc.ir.opdef import Arrays, Attr, Attrs, OpDef, Types
from ngc.ir.tensor_type import FLOATS, SymDim, TensorType, format_shape

REGION_WIDTH = 5
"""Columns of a region: image, left, top, right, bottom."""

MOST_SAMPLES = 1 << 10
"""Most samples of a bin along an axis where they follow from its size: more than any feature map has elements there."""


def check_regions(name: str, types: Types, width: int) -> None:
    """Checks the types of maps (batch, channels, height, width) and regions (regions, `width`).

    Raises:
        VerifyError: they are others; the message says what would have been accepted.
    """
    x, regions = types[:2]
    if x.rank != 4 or any(isinstance(dim, SymDim) for dim in x.shape[1:]):
        raise VerifyError(f"{name} takes data of a shape (batch, channels, height, width), not {format_shape(x.shape)}")
    if regions.rank != 2 or regions.shape[1] != width:
        raise VerifyError(f"{name} takes regions of a shape (regions, {width}), not {format_shape(regions.shape)}")
    if x.dtype not in FLOATS or any(type.dtype != x.dtype for type in types):
        raise VerifyError(f"{name} takes floats of one type, not {', '.join(type.dtype for type in types)}")


def grid_type(name: str, types: Types, attrs: Attrs, channels: int) -> tuple[TensorType, ...]:
    """Returns the type of the bins of all regions; VerifyError where `pooled_size` is no grid."""
    if len(attrs["pooled_size"]) != 2 or min(attrs["pooled_size"]) < 1:
        raise VerifyError(f"{name}: pooled_size is (height, width), not {attrs['pooled_size']}")
    return (types[0].with_shape((types[1].shape[0], channels, *attrs["pooled_size"])),)


def existing(x: np.ndarray, regions: np.ndarray) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
    """Yields the number of each region whose image exists, the region, and its maps."""
    for number, region in enumerate(regions):
        if -1 < region[0] < len(x):
            yield number, region, x[int(region[0])]


def _roi_align_infer(types: Types, attrs: Attrs) -> tuple[TensorType, ...]:
    check_regions("roi_align", types, REGION_WIDTH)
    channels, bins = int(types[0].shape[1]), int(np.prod(attrs["pooled_size"]))  # type: ignore[arg-type]  # checked
    if attrs["position_sensitive"] and (bins < 1 or channels % bins):
        raise VerifyError(f"roi_align: {channels} channels are no groups of {bins}, one for each bin of {attrs['pooled_size']}")
    return grid_type("roi_align", types, attrs, channels // bins if attrs["position_sensitive"] else channels)


def _taps(start: np.floating, extent: np.floating, bins: int, size: int, attrs: Attrs) -> tuple[np.ndarray, np.ndarray]:
    """Returns the places (bins, samples, 2) of a region's samples along an axis and their weights, which are 0 for samples outside of the map."""
    dtype = start.dtype
    length = extent / dtype.type(bins)
    samples = attrs["sample_ratio"] if attrs["sample_ratio"] > 0 else int(min(max(np.ceil(length), 0), MOST_SAMPLES))
    steps = (np.arange(samples).astype(dtype) + dtype.type(0.5)) * length / dtype.type(max(samples, 1))
    at = start + np.arange(bins).astype(dtype)[:, None] * length + steps
    inside = (at >= -1) & (at <= size)
    at = np.clip(np.where(inside, at, 0), 0, size - 1)
    low = at.astype(np.int64)
    high = np.minimum(low + 1, size - 1)
    part = np.where(low < size - 1, at - low, 0).astype(dtype)
    return np.stack([low, high], -1), np.stack([1 - part, part], -1) * inside[..., None]


def _roi_align(arrays: Arrays, attrs: Attrs) -> tuple[np.ndarray, ...]:
    x, regions = arrays
    height, width = attrs["pooled_size"]
    channels = x.shape[1] // (height * width) if attrs["position_sensitive"] else x.shape[1]
    result = np.zeros((len(regions), channels, height, width), x.dtype)
    for number, region, maps in existing(x, regions):
        corners = region[1:] * x.dtype.type(attrs["spatial_scale"]) - x.dtype.type(0.5 if attrs["aligned"] else 0)
        extents = corners[2:] - corners[:2]
        if not attrs["aligned"]:
            extents = np.maximum(extents, x.dtype.type(1))
        (columns, across), (rows, down) = (_taps(corners[axis], extents[axis], bins, size, attrs)
                                           for axis, bins, size in ((0, width, x.shape[3]), (1, height, x.shape[2])))
        samples = max(columns.shape[1] * rows.shape[1], 1)
        # planes: (channels, height, row samples, 2, width, column samples, 2)
        planes = maps[:, rows][..., columns].astype(np.float64)
        pooled = np.einsum("chrawsb,hra,wsb->chw", planes, down, across) / samples
        if attrs["position_sensitive"]:
            places = np.arange(height)[:, None], np.arange(width)
            pooled = pooled.reshape(channels, height, width, height, width)[:, places[0], places[1], places[0], places[1]]
        result[number] = pooled
    return (result,)


def _roi_pool_infer(types: Types, attrs: Attrs) -> tuple[TensorType, ...]:
    check_regions("roi_max_pool", types, REGION_WIDTH)
    return grid_type("roi_max_pool", types, attrs, int(types[0].shape[1]))  # type: ignore[arg-type]  # checked


def half_away(x: np.ndarray) -> np.ndarray:
    """Rounds to the nearest whole numbers, halves away from zero."""
    return np.copysign(np.floor(np.abs(x) + 0.5), x)


def _bins(first: int, last: int, bins: int, size: int, dtype: np.dtype) -> list[slice]:
    """Returns the rows or columns of a map that each bin of a region covers."""
    length = dtype.type(max(last - first + 1, 1)) / dtype.type(bins)
    edges = np.arange(bins + 1).astype(dtype) * length
    starts = np.clip(np.floor(edges[:-1]).astype(np.int64) + first, 0, size)
    ends = np.clip(np.ceil(edges[1:]).astype(np.int64) + first, 0, size)
    return [slice(start, max(start, end)) for start, end in zip(starts, ends, strict=True)]


def _roi_pool(arrays: Arrays, attrs: Attrs) -> tuple[np.ndarray, ...]:
    x, regions = arrays
    height, width = attrs["pooled_size"]
    result = np.zeros((len(regions), x.shape[1], height, width), x.dtype)
    for number, region, maps in existing(x, regions):
        corners = half_away(region[1:] * x.dtype.type(attrs["spatial_scale"]))
        if np.isnan(corners).any():
            continue
        left, top, right, bottom = corners.astype(np.int64)
        rows = _bins(top, bottom, height, x.shape[2], x.dtype)
        columns = _bins(left, right, width, x.shape[3], x.dtype)
        for row, column in grid(range(height), range(width)):
            part = maps[:, rows[row], columns[column]].reshape(x.shape[1], -1)
            if part.size:
                result[number, :, row, column] = np.fmax.reduce(part, axis=1, initial=np.finfo(x.dtype).min)
    return (result,)


_GRID = {"pooled_size": Attr("ints"), "spatial_scale": Attr("float")}

OPS = (
    OpDef("roi_align", ("x", "regions"), _roi_align_infer, _roi_align,
          {**_GRID, "sample_ratio": Attr("int", -1), "position_sensitive": Attr("bool", False), "aligned": Attr("bool", False)},
          doc="Means of bilinear samples in the bins of regions [image, left, top, right, bottom]: `sample_ratio` a bin and axis, or one an element. "
              "`aligned` takes pixels' centers for half numbers; `position_sensitive` reads another channel for each bin."),
    OpDef("roi_max_pool", ("x", "regions"), _roi_pool_infer, _roi_pool, _GRID,
          doc="Largest elements in the bins of regions [image, left, top, right, bottom], whose corners are rounded to elements; an empty bin is 0, "
              "and so are those of a region with a corner that is NaN."),
)
