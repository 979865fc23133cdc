"""Operators that sample a map at other places: resizing, adaptive pooling, grids, deformable convolutions."""

from collections.abc import Callable

import numpy as np

from ngc.importer.attributes import Attributes, Field, enum
from ngc.importer.operators import images, sampling
from ngc.importer.operators.conversion import Conversion, Operator
from ngc.ir import Value
from ngc.ir.tensor_type import format_shape

_PARITY: dict[str, Callable[[int], int]] = {
    "to_even_down": lambda size: size - size % 2,
    "to_even_up": lambda size: size + size % 2,
    "to_odd_down": lambda size: size - (size + 1) % 2,
    "to_odd_up": lambda size: size + (size + 1) % 2,
}
"""Modes of BilinearResize2D that take the nearest even or odd size, which may be the data's own."""


def _image(conversion: Conversion, value: Value) -> tuple[int, int]:
    """Returns the height and width of an image, which must be fixed."""
    shape = value.type.shape
    if len(shape) != 4:
        raise conversion.fail(f"data of shape {format_shape(shape)}, expected 4 dimensions (N, C, H, W)")
    return conversion.fixed(shape[2], "the height"), conversion.fixed(shape[3], "the width")


def _scaled(size: int, scale: float) -> int:
    """Returns size * scale as MXNet computes it: in f32, truncated."""
    return int(np.float32(size) * np.float32(scale))


def _resized(conversion: Conversion) -> tuple[int, int]:
    """Returns the size that BilinearResize2D's mode asks for."""
    attrs, mode = conversion.attrs, conversion.attrs["mode"]
    height, width = _image(conversion, conversion.data)
    scales = (attrs["scale_height"], attrs["scale_width"])
    if mode == "like":
        if len(conversion.inputs) != 2:
            raise conversion.fail(f"{len(conversion.inputs)} inputs with mode=like, expected data and the image whose size counts")
        return _image(conversion, conversion.inputs[1])
    if mode in _PARITY:
        return _PARITY[mode](height), _PARITY[mode](width)
    if mode == "odd_scale":
        if None in scales:
            raise conversion.fail("mode=odd_scale needs scale_height and scale_width")
        tall, wide = (_scaled(size, scale) if size % 2 == 0 else _scaled(size - 1, scale) + 1 for size, scale in zip((height, width), scales, strict=True))
        return tall, wide
    given = (attrs["height"], attrs["width"])
    tall, wide = (number if scale is None else _scaled(size, scale) for number, scale, size in zip(given, scales, (height, width), strict=True))
    return tall, wide


def _bilinear_resize(conversion: Conversion) -> list[Value]:
    """A single pixel is repeated; what keeps its size stays as it is."""
    size = _resized(conversion)
    if min(size) < 1:
        raise conversion.fail(f"the result would be {size[0]} x {size[1]}; expected at least 1 x 1")
    coordinates = "align_corners" if conversion.attrs["align_corners"] else "half_pixel"
    image = _image(conversion, conversion.data)
    if size == image:
        return [conversion.op("identity", conversion.data)]
    if image == (1, 1):
        return [conversion.op("upsample", conversion.data, scale=size)]
    return [conversion.op("resize", conversion.data, size=size, coordinates=coordinates)]


def _adaptive_avg_pooling(conversion: Conversion) -> list[Value]:
    """Windows that all have one size are those of an ordinary pool; so is the one of a global average."""
    wanted = conversion.attrs["output_size"] or (1,)
    if len(wanted) > 2:
        raise conversion.fail(f"output_size = {wanted}: expected one or two numbers")
    size = (wanted[0], wanted[-1])
    image = _image(conversion, conversion.data)
    if min(size) < 1:
        raise conversion.fail(f"output_size = {wanted}: expected numbers of at least 1")
    if all(dim % out == 0 for dim, out in zip(image, size, strict=True)):
        kernel = tuple(dim // out for dim, out in zip(image, size, strict=True))
        return [conversion.op("pool", conversion.data, kind="avg", kernel=kernel, stride=kernel, pad=(0, 0))]
    return [conversion.op("adaptive_avg_pool", conversion.data, size=size)]


def _refuse_resize(attrs: Attributes) -> str | None:
    scales = [scale for scale in (attrs["scale_height"], attrs["scale_width"]) if scale is not None]
    return f"a scale of {min(scales):g}; it must be above 0" if scales and min(scales) <= 0 else None


OPERATORS: dict[str, Operator] = {
    **images.OPERATORS,
    **sampling.OPERATORS,
    "_contrib_BilinearResize2D": Operator(
        _bilinear_resize,
        {
            "height": Field("int", 1, low=1),
            "width": Field("int", 1, low=1),
            "scale_height": Field("float", None, optional=True),
            "scale_width": Field("float", None, optional=True),
            "mode": enum("size", "odd_scale", "like", *_PARITY, default="size"),
            "align_corners": Field("bool", True),
        },
        1,
        2,
        _refuse_resize,
        becomes=("resize", "upsample", "identity"),
    ),
    "_contrib_AdaptiveAvgPooling2D": Operator(
        _adaptive_avg_pooling, {"output_size": Field("shape", ())}, becomes=("pool", "adaptive_avg_pool")
    ),
}
