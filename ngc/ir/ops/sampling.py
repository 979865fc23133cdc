"""Operators that read a map at places that are data, and correlation: spatial transformers, deformable convolutions, optical flow."""

import numpy as np

from ngc.errors import VerifyError
from ngc.ir.opdef import Arrays, Attr, Attrs, OpDef, Types
from ngc.ir.ops.convolution import conv_output
from ngc.ir.tensor_type import FLOATS, TensorType, format_shape


def _images(name: str, types: Types) -> None:
    """Checks that all operands are images of one float type."""
    for type in types:
        if type.dtype not in FLOATS or type.dtype != types[0].dtype or type.rank != 4 or not all(isinstance(dim, int) for dim in type.shape[1:]):
            raise VerifyError(f"{name} takes images (N, C, H, W) of one type of floats, not {', '.join(map(str, types))}")
        if type.shape[0] != types[0].shape[0]:
            raise VerifyError(f"{name}: {format_shape(type.shape)} and {format_shape(types[0].shape)} have different numbers of images")


def _check_map(name: str, x: TensorType) -> None:
    if 0 in x.shape[2:]:
        raise VerifyError(f"{name} takes maps of at least one pixel, not {format_shape(x.shape)}")


def _interpolated(x: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Returns what lies at places (N, G, ...) of images (N, G, C, H, W), as (N, G, ..., C); what is outside of an image counts as 0."""
    height, width = x.shape[3:]
    image, group = (axis.reshape(-1, *(1,) * (rows.ndim - 1)) if first else axis.reshape(1, -1, *(1,) * (rows.ndim - 2))
                    for first, axis in ((True, np.arange(x.shape[0])), (False, np.arange(x.shape[1]))))
    result = np.zeros((*rows.shape, x.shape[2]))
    top, left = np.floor(rows), np.floor(columns)
    for row, column in ((top, left), (top, left + 1), (top + 1, left), (top + 1, left + 1)):
        inside = (row >= 0) & (row < height) & (column >= 0) & (column < width)
        weight = np.where(inside, (1 - np.abs(rows - row)) * (1 - np.abs(columns - column)), 0)
        i, j = (np.where(inside, place, 0).astype(np.int64) for place in (row, column))
        result += weight[..., None] * x[image, group, :, i, j]
    return result


def _grid_sample_infer(types: Types, attrs: Attrs) -> tuple[TensorType, ...]:
    _images("grid_sample", types)
    _check_map("grid_sample", types[0])
    x, grid = types
    if grid.shape[1] != 2:
        raise VerifyError(f"grid_sample takes a grid (N, 2, H, W) of columns and rows, not {format_shape(grid.shape)}")
    return (x.with_shape((*x.shape[:2], *grid.shape[2:])),)


def _grid_sample(arrays: Arrays, attrs: Attrs) -> tuple[np.ndarray, ...]:
    x, grid = (array.astype(np.float64) for array in arrays)
    columns, rows = ((grid[:, None, axis] + 1) * (x.shape[3 - axis] - 1) / 2 for axis in (0, 1))
    return (np.moveaxis(_interpolated(x[:, None], rows, columns)[:, 0], -1, 1).astype(arrays[0].dtype),)


def _columns_infer(types: Types, attrs: Attrs) -> tuple[TensorType, ...]:
    _images("deformable_columns", types)
    _check_map("deformable_columns", types[0])
    x, taps, parts = types[0], int(np.prod(attrs["kernel"])), attrs["offset_groups"]
    channels = int(x.shape[1])  # type: ignore[arg-type]  # checked
    if min(attrs["groups"], parts) < 1 or channels % attrs["groups"] or channels % parts:
        raise VerifyError(f"deformable_columns: {attrs['groups']} groups and {parts} offset groups do not divide {channels} channels")
    out = tuple(conv_output(int(size), kernel, stride, pad, pad, dilate) for size, kernel, stride, pad, dilate
                in zip(x.shape[2:], *(attrs[key] for key in ("kernel", "stride", "pad", "dilate")), strict=True))
    for name, operand, each in zip(("offsets", "a mask"), types[1:], (2, 1), strict=False):
        wanted = (x.shape[0], parts * each * taps, *out)
        if operand.shape != wanted:
            raise VerifyError(f"deformable_columns takes {name} of shape {format_shape(wanted)} here, not {format_shape(operand.shape)}")
    return (x.with_shape((x.shape[0], channels * taps, *out)),)


def _along(numbers: np.ndarray, axis: int) -> np.ndarray:
    """Returns numbers as an array of six dimensions along one of them."""
    return numbers.reshape(*(1,) * axis, -1, *(1,) * (5 - axis))


def _columns(arrays: Arrays, attrs: Attrs) -> tuple[np.ndarray, ...]:
    x, offsets, *masks = (array.astype(np.float64) for array in arrays)
    n, channels, height, width = x.shape
    (kh, kw), parts, groups = attrs["kernel"], attrs["offset_groups"], attrs["groups"]
    out = offsets.shape[2:]
    offsets = offsets.reshape(n, parts, kh, kw, 2, *out)
    places = []
    for axis in (0, 1):
        taps = np.arange(attrs["kernel"][axis]) * attrs["dilate"][axis]
        firsts = np.arange(out[axis]) * attrs["stride"][axis] - attrs["pad"][axis]
        places.append(_along(taps, 2 + axis) + _along(firsts, 4 + axis) + offsets[:, :, :, :, axis])
    weight = np.ones((n, parts, kh, kw, *out))
    if masks:
        weight = masks[0].reshape(weight.shape)
    else:
        for axis, size in enumerate((height, width)):
            weight = weight * ((places[axis] >= 0) & (places[axis] < size))
            places[axis] = np.minimum(places[axis], size - 1)
    values = _interpolated(x.reshape(n, parts, channels // parts, height, width), *places) * weight[..., None]
    columns = np.moveaxis(values, -1, 2).reshape(n, groups, channels // groups, kh * kw, *out)
    return (columns.swapaxes(2, 3).reshape(n, -1, *out).astype(arrays[0].dtype),)


def correlation_size(types: Types, attrs: Attrs) -> tuple[int, int, int]:
    """Returns the displacements along one axis, and the height and width of a correlation."""
    border = attrs["max_displacement"] + (attrs["kernel"] - 1) // 2
    height, width = (-(-(int(size) - 2 * border) // attrs["stride"]) for size in types[0].shape[2:])  # type: ignore[arg-type]  # checked
    return 2 * (attrs["max_displacement"] // attrs["step"]) + 1, height, width


def _correlation_infer(types: Types, attrs: Attrs) -> tuple[TensorType, ...]:
    _images("correlation", types)
    if types[0].shape != types[1].shape or attrs["kernel"] % 2 == 0 or min(attrs["kernel"], attrs["stride"], attrs["step"]) < 1:
        raise VerifyError(f"correlation takes two images of one shape, an odd kernel and steps of at least 1, not {format_shape(types[0].shape)}, "
                          f"{format_shape(types[1].shape)}, {attrs['kernel']}, {attrs['stride']} and {attrs['step']}")
    displacements, height, width = correlation_size(types, attrs)
    if attrs["max_displacement"] < 0 or min(height, width) < 1:
        raise VerifyError(f"correlation: displacements up to {attrs['max_displacement']} leave nothing of {format_shape(types[0].shape)}")
    return (types[0].with_shape((types[0].shape[0], displacements**2, height, width)),)


def _correlation(arrays: Arrays, attrs: Attrs) -> tuple[np.ndarray, ...]:
    a, b = (array.astype(np.float64) for array in arrays)
    kernel, far, stride, step = (attrs[key] for key in ("kernel", "max_displacement", "stride", "step"))
    radius = far // step
    border = far + (kernel - 1) // 2
    height, width = (-(-(size - 2 * border) // stride) for size in a.shape[2:])
    windows = [np.lib.stride_tricks.sliding_window_view(image, (1, 1, kernel, kernel))[..., 0, 0, :, :] for image in (a, b)]

    def part(image: np.ndarray, down: int, across: int) -> np.ndarray:
        rows, columns = (slice(far + shift, far + shift + (count - 1) * stride + 1, stride) for shift, count in ((down, height), (across, width)))
        return image[:, :, rows, columns]

    first = part(windows[0], 0, 0)
    found = []
    for down in range(-radius, radius + 1):
        for across in range(-radius, radius + 1):
            second = part(windows[1], down * step, across * step)
            found.append((first * second if attrs["multiply"] else np.abs(first - second)).mean(axis=(1, 4, 5)))
    return (np.stack(found, 1).astype(arrays[0].dtype),)


_WINDOW = {key: Attr("ints") for key in ("kernel", "stride", "pad", "dilate")}

SAMPLING = (
    OpDef("grid_sample", ("x", "grid"), _grid_sample_infer, _grid_sample,
          doc="x between its pixels at places (column, row) of the grid, -1 and 1 the centres of the outermost pixels; 0 outside."),
    OpDef("deformable_columns", ("x", "offsets", "mask?"), _columns_infer, _columns,
          {**_WINDOW, "groups": Attr("int", 1), "offset_groups": Attr("int", 1)},
          doc="What the taps of a deformable convolution read, group by group, tap by tap, its channels: a 1x1 convolution of it is the deformable one. With a "
              "mask, x is 0 outside and every value is multiplied; without, places from the last pixel to the border read that pixel."),
    OpDef("correlation", ("a", "b"), _correlation_infer, _correlation,
          {"kernel": Attr("int", 1), "max_displacement": Attr("int", 1), "stride": Attr("int", 1), "step": Attr("int", 1), "multiply": Attr("bool", True)},
          doc="Means over channels and windows of a times b at each displacement, of their absolute difference where `multiply` is false."),
)
