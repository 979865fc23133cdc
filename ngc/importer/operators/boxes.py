"""Operators that compute boxes from boxes, in terms of element-wise operators; and anchors, which follow from shapes alone."""

from collections.abc import Mapping

import numpy as np

from ngc.errors import VerifyError
from ngc.importer.attributes import Attributes, Field, enum
from ngc.importer.operators.conversion import Conversion, Operator
from ngc.ir import Dim, Value
from ngc.ir.ops.suppression import COORDINATES
from ngc.ir.tensor_type import SymDim, format_shape, product

_FORMAT = enum("corner", "center", default="corner")


def _half(conversion: Conversion, pairs: Value, which: int, part: str) -> Value:
    """Returns the first or second pair of boxes (..., 2, 2): lower and upper corners, or centers and extents."""
    return conversion.cut(pairs, {pairs.type.rank - 2: (which, which + 1, None)}, part)


def _pairs(conversion: Conversion, boxes: Value, shape: tuple[Dim, ...], part: str) -> tuple[Value, Value]:
    """Returns both pairs of boxes (..., 4), each under the leading dimensions `shape` and (1, 2)."""
    if boxes.type.rank < 2 or boxes.type.shape[-1] != COORDINATES:
        raise conversion.fail(f"boxes of shape {format_shape(boxes.type.shape)}, expected (..., {COORDINATES})")
    pairs = conversion.reshape(boxes, (*shape, 2, 2), f"{part}_pairs")
    return _half(conversion, pairs, 0, f"{part}_first"), _half(conversion, pairs, 1, f"{part}_second")


def _corners(conversion: Conversion, boxes: Value, shape: tuple[Dim, ...], part: str) -> tuple[Value, Value, Value]:
    """Returns the lower and upper corners and the areas of boxes; a negative extent makes an area of 0."""
    first, second = _pairs(conversion, boxes, shape, part)
    if conversion.attrs["format"] == "corner":
        lower, upper = first, second
        extents = conversion.op("sub", second, first, part=f"{part}_extents")
    else:
        extents = second
        reach = conversion.op("div", second, part=f"{part}_reach", scalar=2.0)
        lower = conversion.op("sub", first, reach, part=f"{part}_lower")
        upper = conversion.op("add", first, reach, part=f"{part}_upper")
    return lower, upper, _area(conversion, extents, part)


def _area(conversion: Conversion, extents: Value, part: str) -> Value:
    positive = conversion.op("relu", extents, part=f"{part}_positive")
    return conversion.op("reduce_prod", positive, part=f"{part}_area", axes=(extents.type.rank - 2, extents.type.rank - 1))


def _box_iou(conversion: Conversion) -> list[Value]:
    """shared / (area + area - shared) of every pair of boxes, 0 where both areas are 0."""
    left, right = conversion.inputs
    outer = [value.type.shape[:-1] for value in (left, right)]
    if any(isinstance(dim, SymDim) for dim in outer[0]) and any(isinstance(dim, SymDim) for dim in outer[1]):
        raise conversion.fail("the overlaps of N boxes with N others are N*N numbers; compile with a fixed batch instead")
    try:
        counts = [product(shape) for shape in outer]
    except VerifyError as error:
        raise conversion.fail(str(error)) from error
    lower, upper, area = _corners(conversion, left, (counts[0], 1), "lhs")
    others, ends, other_area = _corners(conversion, right, (1, counts[1]), "rhs")
    nearest = conversion.op("minimum", upper, ends, part="upper")
    farthest = conversion.op("maximum", lower, others, part="lower")
    shared = _area(conversion, conversion.op("sub", nearest, farthest, part="shared"), "shared")
    both = conversion.op("add", area, other_area, part="both")
    union = conversion.op("sub", both, shared, part="union")
    empty = conversion.op("equal", union, part="empty", scalar=0.0)
    divisor = conversion.op("add", union, empty, part="divisor")
    overlaps = conversion.op("div", shared, divisor, part="overlaps")
    return [conversion.reshape(overlaps, (*outer[0], *outer[1]))]


def _box_decode(conversion: Conversion) -> list[Value]:
    """Corners around xy * std * extents + centers, exp(wh * std) * extents / 2 away, where anchors have centers and extents."""
    data, anchors = conversion.inputs
    if conversion.rank != 3 or anchors.type.shape != (1, *conversion.shape[1:]):
        raise conversion.fail(f"data of shape {format_shape(conversion.shape)} with anchors of shape {format_shape(anchors.type.shape)}, "
                              f"expected (batch, boxes, {COORDINATES}) and (1, boxes, {COORDINATES})")
    attrs = conversion.attrs
    place, size = _pairs(conversion, data, conversion.shape[:2], "data")
    centers, extents = _pairs(conversion, anchors, anchors.type.shape[:2], "anchors")
    if attrs["format"] == "corner":
        lower, extents = centers, conversion.op("sub", extents, centers, part="extents")
        centers = conversion.op("add", lower, conversion.op("mul", extents, part="half_extents", scalar=0.5), part="centers")
    deviations = np.array([attrs[f"std{index}"] for index in range(COORDINATES)], np.float32).reshape(2, 1, 1, 1, 2)
    units = [conversion.op("cast", conversion.const(f"std_{name}", values), part=f"std_{name}_cast", dtype=data.type.dtype)
             for name, values in zip(("place", "size"), deviations, strict=True)]
    scale = conversion.op("mul", extents, units[0], part="scale")
    middle = conversion.op("add", conversion.op("mul", place, scale, part="moved"), centers, part="middle")
    growth = conversion.op("mul", size, units[1], part="growth")
    if attrs["clip"] > 0:
        growth = conversion.op("minimum", growth, part="clipped", scalar=attrs["clip"])
    halves = conversion.op("mul", extents, part="halves", scalar=0.5)
    reach = conversion.op("mul", conversion.op("exp", growth, part="factor"), halves, part="reach")
    corners = [conversion.op(op, middle, reach, part=part) for op, part in (("sub", "low"), ("add", "high"))]
    return [conversion.reshape(conversion.op("concat", *corners, part="corners", axis=2), conversion.shape)]


def anchor_boxes(height: int, width: int, attrs: Attributes) -> np.ndarray:
    """Returns the anchors (1, height * width * anchors of a pixel, 4) of MXNet's MultiBoxPrior, computed in f32 as there.

    A pixel has one of each size with the first ratio, then one of the first size with each further ratio.
    """
    single = np.float32
    sizes, ratios = np.array(attrs["sizes"], single), np.array(attrs["ratios"], single)
    steps = [single(step) for step in attrs["steps"]]
    if min(steps) <= 0:
        steps = [single(1) / single(height), single(1) / single(width)]
    rows, columns = ((np.arange(count, dtype=single) + single(offset)) * step
                     for count, offset, step in zip((height, width), attrs["offsets"], steps, strict=True))
    extents = np.concatenate([sizes, np.repeat(sizes[:1], len(ratios) - 1)])
    roots = np.sqrt(np.concatenate([np.repeat(ratios[:1], len(sizes)), ratios[1:]]))
    half_widths, half_heights = extents * single(height) / single(width) * roots / 2, extents / roots / 2
    shape = (height, width, len(half_widths))
    x, y, w, h = (np.broadcast_to(part, shape) for part in (columns[None, :, None], rows[:, None, None], half_widths, half_heights))
    boxes = np.stack([x - w, y - h, x + w, y + h], -1).reshape(1, -1, COORDINATES)
    return np.asarray(np.clip(boxes, 0, 1)) if attrs["clip"] else boxes


def _multibox_prior(conversion: Conversion) -> list[Value]:
    attrs = conversion.attrs
    if conversion.rank != 4 or not attrs["sizes"] or not attrs["ratios"]:
        raise conversion.fail(f"data of shape {format_shape(conversion.shape)}, sizes {attrs['sizes']} and ratios {attrs['ratios']}: expected 4 dimensions "
                              "and at least one size and ratio")
    if len(attrs["steps"]) != 2 or len(attrs["offsets"]) != 2 or attrs["steps"][0] * attrs["steps"][1] < 0:
        raise conversion.fail(f"steps {attrs['steps']} and offsets {attrs['offsets']}: expected (y, x) each, both steps or none given")
    height, width = (conversion.fixed(dim, "a spatial dimension") for dim in conversion.shape[2:])
    conversion.check_generated(height, width, len(attrs["sizes"]) + len(attrs["ratios"]) - 1, COORDINATES)
    anchors = conversion.const("anchors", anchor_boxes(height, width, attrs))
    return [conversion.op("cast", anchors, dtype=conversion.data.type.dtype)]


OPERATORS: Mapping[str, Operator] = {
    "_contrib_box_iou": Operator(
        _box_iou, {"format": _FORMAT}, 2, 2,
        becomes=("reshape", "slice", "sub", "add", "div", "relu", "reduce_prod", "minimum", "maximum", "equal")),
    "_contrib_box_decode": Operator(
        _box_decode,
        {**{f"std{index}": Field("float", 1.0) for index in range(COORDINATES)}, "clip": Field("float", -1.0),
         "format": enum("corner", "center", default="center")},
        2, 2, becomes=("reshape", "slice", "sub", "add", "mul", "cast", "minimum", "exp", "concat")),
    "_contrib_MultiBoxPrior": Operator(
        _multibox_prior,
        {"sizes": Field("floats", (1.0,)), "ratios": Field("floats", (1.0,)), "clip": Field("bool", False), "steps": Field("floats", (-1.0, -1.0)),
         "offsets": Field("floats", (0.5, 0.5))},
        becomes=("cast",)),
}  # fmt: skip
