"""Operators that sample a map at other places: resizing and adaptive pooling."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from ngc.errors import VerifyError
from ngc.ir.opdef import Arrays, Attr, Attrs, OpDef, Types
from ngc.ir.ops.sampling import SAMPLING
from ngc.ir.tensor_type import FLOATS, TensorType, format_shape

COORDINATES = ("align_corners", "half_pixel")
"""How an output's index becomes a place of the input, see `linear_taps`."""


class LinearTaps(NamedTuple):
    """The two elements between which each output of one dimension lies.

    Attributes:
        low, high: indices of the elements, i64.
        fraction: the share of `high`, f32, at least 0 and below 1.
    """

    low: np.ndarray
    high: np.ndarray
    fraction: np.ndarray


def linear_taps(size: int, out: int, coordinates: str) -> LinearTaps:
    """Returns which elements of `size` each of `out` outputs is between, rounded as MXNet rounds, in f32.

    align_corners: output i lies at i * (size - 1) / (out - 1); half_pixel: at max(0, (i + 0.5) * size / out - 0.5). A single output takes element 0.
    """
    index = np.arange(out, dtype=np.float32)
    if out == 1:
        place = np.zeros(1, np.float32)
    elif coordinates == "align_corners":
        place = index * (np.float32(size - 1) / np.float32(out - 1))
    else:
        place = np.maximum((index + np.float32(0.5)) * (np.float32(size) / np.float32(out)) - np.float32(0.5), np.float32(0))
    low = np.minimum(place.astype(np.int64), size - 1)
    return LinearTaps(low, np.minimum(low + 1, size - 1), place - low.astype(np.float32))


def linear_matrix(size: int, out: int, coordinates: str) -> np.ndarray:
    """Returns the (out, size) matrix in f32 that resizes one dimension."""
    taps, matrix = linear_taps(size, out, coordinates), np.zeros((out, size), np.float32)
    rows = np.arange(out)
    matrix[rows, taps.low] = np.float32(1) - taps.fraction
    matrix[rows, taps.high] += taps.fraction
    return matrix


def adaptive_windows(size: int, out: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns the begin and the end of each output's window: floor(i * size / out) and ceil((i + 1) * size / out)."""
    index = np.arange(out, dtype=np.int64)
    return index * size // out, -(-(index + 1) * size // out)


def averaging_matrix(size: int, out: int) -> np.ndarray:
    """Returns the (out, size) matrix in f64 that averages over the windows of one dimension."""
    begin, end = (edge[:, None] for edge in adaptive_windows(size, out))
    place = np.arange(size)
    return np.asarray(((place >= begin) & (place < end)) / (end - begin))


def _resampled(name: str) -> Callable[[Types, Attrs], tuple[TensorType, ...]]:
    """Returns the inference of an operator that gives an image of floats another size."""

    def infer(types: Types, attrs: Attrs) -> tuple[TensorType, ...]:
        x, size = types[0], attrs["size"]
        if x.dtype not in FLOATS or x.rank != 4:
            raise VerifyError(f"{name} takes images (N, C, H, W) of floats, not {x.dtype} of {format_shape(x.shape)}")
        if len(size) != 2 or min(size) < 1 or not all(isinstance(dim, int) and dim >= 1 for dim in x.shape[2:]):
            raise VerifyError(f"{name} takes a size of two numbers of at least 1 and data of fixed height and width, not {size} for {format_shape(x.shape)}")
        return (x.with_shape((*x.shape[:2], *size)),)

    return infer


def _separable(x: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> tuple[np.ndarray, ...]:
    return ((rows.astype(np.float64) @ x.astype(np.float64) @ columns.astype(np.float64).T).astype(x.dtype),)


def _resize(arrays: Arrays, attrs: Attrs) -> tuple[np.ndarray, ...]:
    x = arrays[0]
    return _separable(x, *(linear_matrix(size, out, attrs["coordinates"]) for size, out in zip(x.shape[2:], attrs["size"], strict=True)))


def _adaptive_avg_pool(arrays: Arrays, attrs: Attrs) -> tuple[np.ndarray, ...]:
    x = arrays[0]
    return _separable(x, *(averaging_matrix(size, out) for size, out in zip(x.shape[2:], attrs["size"], strict=True)))


OPS: tuple[OpDef, ...] = (
    OpDef("resize", ("x",), _resampled("resize"), _resize, {"size": Attr("ints"), "coordinates": Attr("str", "align_corners", COORDINATES)},
          doc="Images at another size, each output a linear interpolation between four pixels; `coordinates` says where outputs lie among them."),
    OpDef("adaptive_avg_pool", ("x",), _resampled("adaptive_avg_pool"), _adaptive_avg_pool, {"size": Attr("ints")},
          doc="Averages over windows that cover the image: output i of n those from floor(i*H/n) to ceil((i + 1)*H/n)."),
    *SAMPLING,
)
