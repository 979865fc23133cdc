"""What prepares images inside of a symbol: conversion, normalization, resizing, cropping, flipping.

Images are (H, W, C), or batches of them, until `_image_to_tensor` moves their channels to the front.
"""

import numpy as np

from ngc.importer.attributes import Attributes, Field
from ngc.importer.operators.conversion import Bounds, Conversion, Operator
from ngc.ir import Value
from ngc.ir.tensor_type import FLOATS, format_shape

_BILINEAR = 1
"""The value of `interp` that is OpenCV's INTER_LINEAR."""


def _rank(conversion: Conversion) -> int:
    """Returns the rank of an image or of a batch of images."""
    if conversion.rank not in (3, 4):
        raise conversion.fail(f"data of shape {format_shape(conversion.shape)}, expected an image of 3 dimensions or a batch of images of 4")
    return conversion.rank


def _to_tensor(conversion: Conversion) -> list[Value]:
    """Channels first, in f32, divided by 255 whatever the type was."""
    rank = _rank(conversion)
    moved = conversion.op("transpose", conversion.data, part="channels_first", axes=(*range(rank - 3), rank - 1, rank - 3, rank - 2))
    wide = moved if moved.type.dtype == "f32" else conversion.op("cast", moved, part="float", dtype="f32")
    return [conversion.op("div", wide, scalar=255.0)]


def _normalize(conversion: Conversion) -> list[Value]:
    """(data - mean) / std of images with channels first."""
    rank, channels = _rank(conversion), conversion.shape[-3]
    if conversion.data.type.dtype not in FLOATS:
        raise conversion.fail(f"data of {conversion.data.type.dtype}, expected floats")
    result = conversion.data
    for name, op in (("mean", "sub"), ("std", "div")):
        numbers = conversion.attrs[name]
        if len(numbers) not in (1, channels):
            raise conversion.fail(f"{name} = {numbers}: expected one number or {channels}, one a channel")
        part = "" if name == "std" else "centred"
        if len(numbers) == 1:
            result = conversion.op(op, result, part=part, scalar=numbers[0])
        else:
            column = np.asarray(numbers, np.float32).reshape(*(1,) * (rank - 3), -1, 1, 1)
            result = conversion.op(op, result, conversion.const(name, column), part=part)
    return [result]


def _size(conversion: Conversion, height: int, width: int) -> tuple[int, int]:
    """Returns the height and width that are asked for: (width, height), or one number for both or, with keep_ratio, for the shorter side."""
    wanted = conversion.attrs["size"]
    if len(wanted) not in (1, 2) or min(wanted) < 1:
        raise conversion.fail(f"size = {wanted}: expected one or two numbers of at least 1")
    if len(wanted) == 2 or not conversion.attrs["keep_ratio"]:
        return wanted[-1], wanted[0]
    short = wanted[0]
    return (short * height // width, short) if height > width else (short, short * width // height)


def _resize(conversion: Conversion) -> list[Value]:
    """Bilinear between pixel centres; integers are rounded to nearest, where OpenCV's fixed-point arithmetic may be one off."""
    rank, dtype = _rank(conversion), conversion.data.type.dtype
    height, width, channels = (conversion.fixed(dim, "a dimension of the image") for dim in conversion.shape[-3:])
    size = _size(conversion, height, width)
    batch = conversion.shape[:rank - 3] or (1,)
    images = conversion.reshape(conversion.data, (*batch, height, width, channels), part="images")
    if dtype not in FLOATS:
        images = conversion.op("cast", images, part="float", dtype="f32")
    first = conversion.op("transpose", images, part="channels_first", axes=(0, 3, 1, 2))
    for axis, wanted, name in ((2, size[0], "row"), (3, size[1], "column")):
        if wanted == 1:
            first = _middle(conversion, first, axis, name)
    resized = conversion.op("resize", first, part="resized", size=size, coordinates="half_pixel")
    if dtype not in FLOATS:
        resized = conversion.op("cast", conversion.op("round", resized, part="rounded"), part="integers", dtype=dtype)
    last = conversion.op("transpose", resized, part="channels_last", axes=(0, 2, 3, 1))
    return [conversion.reshape(last, (*conversion.shape[:rank - 3], *size, channels))]


def _middle(conversion: Conversion, images: Value, axis: int, name: str) -> Value:
    """Returns what lies between the centres of an axis, which is all that one pixel of the result is made of: one row, or the mean of two."""
    size = conversion.fixed(images.type.shape[axis], "a dimension of the image")
    if size == 1:
        return images
    part = conversion.cut(images, {axis: ((size - 1) // 2, size // 2 + 1, None)}, f"{name}s")
    return part if size % 2 else conversion.op("reduce_mean", part, part=name, axes=(axis,), keepdims=True)


def _cut(conversion: Conversion, rows: Bounds, columns: Bounds) -> list[Value]:
    rank = _rank(conversion)
    return [conversion.cut(conversion.data, {rank - 3: rows, rank - 2: columns})]


def _crop(conversion: Conversion) -> list[Value]:
    _rank(conversion)
    (left, top, width, height) = (conversion.attrs[key] for key in ("x", "y", "width", "height"))
    tall, wide = (conversion.fixed(dim, "a dimension of the image") for dim in conversion.shape[-3:-1])
    if left + width > wide or top + height > tall:
        raise conversion.fail(f"a crop of {height} x {width} from row {top} and column {left} does not lie within {tall} x {wide}")
    return _cut(conversion, (top, top + height, 1), (left, left + width, 1))


def _flip_left_right(conversion: Conversion) -> list[Value]:
    """MXNet 1.9.1 leaves the middle column of an odd number unset; here it stays where it is."""
    return _cut(conversion, (None, None, None), (None, None, -1))


def _flip_top_bottom(conversion: Conversion) -> list[Value]:
    return _cut(conversion, (None, None, -1), (None, None, None))


def _refuse_interpolation(attrs: Attributes) -> str | None:
    return None if attrs["interp"] == _BILINEAR else f"interp={attrs['interp']}; only 1, bilinear, is known"


OPERATORS: dict[str, Operator] = {
    "_image_to_tensor": Operator(_to_tensor, becomes=("transpose", "cast", "div")),
    "_image_normalize": Operator(
        _normalize, {"mean": Field("floats", (0.0,)), "std": Field("floats", (1.0,))}, becomes=("sub", "div")
    ),
    "_image_resize": Operator(
        _resize,
        {"size": Field("shape"), "keep_ratio": Field("bool", False), "interp": Field("int", _BILINEAR)},
        refuse=_refuse_interpolation,
        becomes=("reshape", "cast", "transpose", "slice", "reduce_mean", "resize", "round"),
    ),
    "_image_crop": Operator(
        _crop,
        {key: Field("int", low=low) for key, low in (("x", 0), ("y", 0), ("width", 1), ("height", 1))},
        becomes=("slice",),
    ),
    "_image_flip_left_right": Operator(_flip_left_right, becomes=("slice",)),
    "_image_flip_top_bottom": Operator(_flip_top_bottom, becomes=("slice",)),
}
