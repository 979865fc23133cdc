"""Pooling of regions of interest that are rotated, or whose bins read channels of their own: text and R-FCN detectors.

Regions are rows [image, left, top, right, bottom], or [image, center x, center y, width, height, degrees]; a region of an image that does not exist gives
zeros.
"""

import numpy as np

from ngc.errors import VerifyError
from ngc.ir.opdef import Arrays, Attr, Attrs, OpDef, Types
from ngc.ir.ops.region_pooling import MOST_SAMPLES, REGION_WIDTH, check_regions, existing, grid_type, half_away
from ngc.ir.tensor_type import SymDim, TensorType, format_shape

ROTATED_WIDTH = 6
"""Columns of a rotated region: image, center x, center y, width, height, degrees."""


def _bilinear(maps: np.ndarray, y: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Returns maps (channels, height, width) at places within them, (channels, *places)."""
    height, width = maps.shape[1:]
    top, left = (np.floor(at).astype(np.int64) for at in (y, x))
    bottom, right = np.minimum(top + 1, height - 1), np.minimum(left + 1, width - 1)
    down, across = y - top, x - left
    upper = maps[:, top, left] * (1 - across) + maps[:, top, right] * across
    lower = maps[:, bottom, left] * (1 - across) + maps[:, bottom, right] * across
    return np.asarray(upper * (1 - down) + lower * down)


def _rotated_infer(types: Types, attrs: Attrs) -> tuple[TensorType, ...]:
    check_regions("rotated_roi_align", types, ROTATED_WIDTH)
    return grid_type("rotated_roi_align", types, attrs, int(types[0].shape[1]))  # type: ignore[arg-type]  # checked


def _rotated_steps(extent: np.floating, bins: int, samples: int) -> np.ndarray:
    """Returns the places (bins, samples) along an axis, from the region's center."""
    kind = extent.dtype.type
    length = extent / kind(bins)
    per_bin = samples if samples > 0 else int(min(np.ceil(length), MOST_SAMPLES))
    steps = (np.arange(per_bin).astype(kind) + kind(0.5)) * length / kind(per_bin)
    return np.asarray(-extent / kind(2) + np.arange(bins).astype(kind)[:, None] * length + steps)


def _rotated(arrays: Arrays, attrs: Attrs) -> tuple[np.ndarray, ...]:
    x, regions = arrays
    height, width = attrs["pooled_size"]
    result = np.zeros((len(regions), x.shape[1], height, width), x.dtype)
    for number, region, maps in existing(x, regions):
        center_x, center_y, wide, high = region[1:5] * x.dtype.type(attrs["spatial_scale"])
        theta = x.dtype.type(region[5] * np.pi / 180)
        down = _rotated_steps(np.maximum(high, x.dtype.type(1)), height, attrs["sample_ratio"])[:, :, None, None]
        across = _rotated_steps(np.maximum(wide, x.dtype.type(1)), width, attrs["sample_ratio"])[None, None]
        at_x = across * np.cos(theta) + down * np.sin(theta) + center_x
        at_y = down * np.cos(theta) - across * np.sin(theta) + center_y
        rows, columns = x.shape[2:]
        inside = (at_y >= -1) & (at_y <= rows) & (at_x >= -1) & (at_x <= columns)
        values = _bilinear(maps.astype(np.float64), np.clip(np.where(inside, at_y, 0), 0, rows - 1), np.clip(np.where(inside, at_x, 0), 0, columns - 1))
        result[number] = (values * inside).mean((2, 4))
    return (result,)


def _groups(name: str, x: TensorType, attrs: Attrs) -> None:
    """Checks that the data has a map for each channel of the result and each group."""
    wanted = attrs["channels"] * attrs["groups"] ** 2
    if min(attrs["channels"], attrs["groups"], attrs["pooled_size"]) < 1 or x.shape[1] != wanted:
        raise VerifyError(f"{name}: {attrs['channels']} channels in {attrs['groups']}x{attrs['groups']} groups take data of {wanted} channels, "
                          f"not {x.shape[1]}")


def _positions_infer(types: Types, attrs: Attrs) -> tuple[TensorType, ...]:
    check_regions("ps_roi_pool", types, REGION_WIDTH)
    _groups("ps_roi_pool", types[0], attrs)
    return (types[0].with_shape((types[1].shape[0], attrs["channels"], attrs["pooled_size"], attrs["pooled_size"])),)


def _group_of(bins: int, groups: int) -> np.ndarray:
    """Returns the group along an axis that each bin reads."""
    return np.minimum(np.arange(bins) * groups // bins, groups - 1)


def _whole_extent(region: np.ndarray, scale: float, shift: float) -> tuple[np.ndarray, np.ndarray]:
    """Returns (left, top) and (width, height) of a region whose corners are whole pixels, the last ones included."""
    kind = region.dtype.type
    corners = half_away(region[1:])
    start = corners[:2] * kind(scale) - kind(shift)
    end = (corners[2:] + kind(1)) * kind(scale) - kind(shift)
    return start, np.maximum(end - start, kind(0.1))


def _positions(arrays: Arrays, attrs: Attrs) -> tuple[np.ndarray, ...]:
    x, regions = arrays
    bins, groups = attrs["pooled_size"], attrs["groups"]
    result = np.zeros((len(regions), attrs["channels"], bins, bins), x.dtype)
    group = _group_of(bins, groups)
    for number, region, maps in existing(x, regions):
        grouped = maps.reshape(attrs["channels"], groups, groups, *x.shape[2:])
        start, extent = _whole_extent(region, attrs["spatial_scale"], 0.0)
        length = extent / x.dtype.type(bins)
        edges = np.arange(bins + 1).astype(x.dtype)[:, None] * length + start
        first = np.clip(np.floor(edges[:-1]).astype(np.int64), 0, x.shape[:1:-1])
        last = np.clip(np.ceil(edges[1:]).astype(np.int64), 0, x.shape[:1:-1])
        for row, column in np.ndindex(bins, bins):
            part = grouped[:, group[row], group[column], first[row, 1]:last[row, 1], first[column, 0]:last[column, 0]]
            if part[0].size:
                result[number, :, row, column] = part.mean((1, 2), dtype=np.float64)
    return (result,)


def _deformable_infer(types: Types, attrs: Attrs) -> tuple[TensorType, ...]:
    check_regions("deformable_ps_roi_pool", types, REGION_WIDTH)
    _groups("deformable_ps_roi_pool", types[0], attrs)
    count, parts = types[1].shape[0], attrs["parts"]
    if len(types) == 3:
        moves = types[2]
        if moves.rank != 4 or moves.shape[0] != count or moves.shape[2:] != (parts, parts) or isinstance(moves.shape[1], SymDim) or (
                moves.shape[1] % 2 or not moves.shape[1] or attrs["channels"] % (moves.shape[1] // 2)):
            raise VerifyError(f"deformable_ps_roi_pool takes moves (regions, 2 * classes, {parts}, {parts}) of classes that divide {attrs['channels']} "
                              f"channels, not {format_shape(moves.shape)}")
    if parts < 1 or attrs["samples"] < 1:
        raise VerifyError(f"deformable_ps_roi_pool takes at least one part and sample, not {parts} and {attrs['samples']}")
    return (types[0].with_shape((count, attrs["channels"], attrs["pooled_size"], attrs["pooled_size"])),)


def _deformable(arrays: Arrays, attrs: Attrs) -> tuple[np.ndarray, ...]:
    x, regions, *moves = arrays
    kind, bins, channels, samples = x.dtype.type, attrs["pooled_size"], attrs["channels"], attrs["samples"]
    result = np.zeros((len(regions), channels, bins, bins), x.dtype)
    group = _group_of(bins, attrs["groups"])
    rows, columns = x.shape[2:]
    part = np.floor(np.arange(bins).astype(x.dtype) / kind(bins) * kind(attrs["parts"])).astype(np.int64)
    for number, region, maps in existing(x, regions):
        grouped = maps.reshape(channels, attrs["groups"], attrs["groups"], rows, columns).astype(np.float64)
        start, extent = _whole_extent(region, attrs["spatial_scale"], 0.5)
        length = extent / kind(bins)
        steps = np.arange(samples).astype(x.dtype)[:, None] * (length / kind(samples))
        for channel, row, column in np.ndindex(channels, bins, bins):
            corner = np.array([column, row], x.dtype) * length + start
            if moves:
                of_class = channel // (channels // (moves[0].shape[1] // 2))
                corner += moves[0][number, 2 * of_class:2 * of_class + 2, part[row], part[column]] * kind(attrs["deviation"]) * extent
            at_x, at_y = (corner[0] + steps[:, 0])[None], (corner[1] + steps[:, 1])[:, None]
            inside = (at_x >= -0.5) & (at_x <= columns - 0.5) & (at_y >= -0.5) & (at_y <= rows - 0.5)
            y, place = np.broadcast_arrays(np.clip(at_y, 0, rows - 1), np.clip(at_x, 0, columns - 1))
            if inside.any():
                result[number, channel, row, column] = _bilinear(grouped[channel, group[row], group[column]][None], y, place)[0][inside].mean()
    return (result,)


_POSITIONS = {"spatial_scale": Attr("float"), "channels": Attr("int"), "groups": Attr("int"), "pooled_size": Attr("int")}

OPS = (
    OpDef("rotated_roi_align", ("x", "regions"), _rotated_infer, _rotated,
          {"pooled_size": Attr("ints"), "spatial_scale": Attr("float"), "sample_ratio": Attr("int", -1)},
          doc="Means of bilinear samples in the bins of rotated regions [image, center x, center y, width, height, degrees]."),
    OpDef("ps_roi_pool", ("x", "regions"), _positions_infer, _positions, _POSITIONS,
          doc="Means over the bins of regions, each bin of the maps of its group: channel c of group (i, j) is channel (c * groups + i) * groups + j of x."),
    OpDef("deformable_ps_roi_pool", ("x", "regions", "moves?"), _deformable_infer, _deformable,
          {**_POSITIONS, "parts": Attr("int"), "samples": Attr("int", 1), "deviation": Attr("float", 0.0)},
          doc="Means of bilinear samples in the bins of regions, each bin of the maps of its group and moved by `moves` times `deviation` of the region."),
)
