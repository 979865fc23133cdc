"""Suppression of boxes that overlap better ones: what is left of a detector's candidates.

The number of boxes that survive is data; shapes are static, and what is left over of a result is filled with -1.
"""

from dataclasses import dataclass

import numpy as np

from ngc.errors import VerifyError
from ngc.ir.opdef import Arrays, Attr, Attrs, OpDef, Types
from ngc.ir.tensor_type import FLOATS, SymDim, TensorType, format_shape

COORDINATES = 4
DETECTION_WIDTH = 6
"""Columns of a detection: class, score, left, top, right, bottom."""


@dataclass(frozen=True)
class Corners:
    """The sides of boxes and their areas; boxes of negative extents have none."""

    sides: np.ndarray
    areas: np.ndarray

    @classmethod
    def of(cls, boxes: np.ndarray, format: str) -> "Corners":
        """Returns the corners of boxes (n, 4) given by their corners or by center and extents, computed in the boxes' dtype."""
        if format == "corner":
            extents = boxes[:, 2:] - boxes[:, :2]
            sides = boxes
        else:
            extents = boxes[:, 2:]
            sides = np.concatenate([boxes[:, :2] - extents / 2, boxes[:, :2] + extents / 2], 1)
        return cls(sides, np.where((extents < 0).any(1), np.zeros_like(extents[:, 0]), extents[:, 0] * extents[:, 1]))

    def intersections(self, box: int, others: np.ndarray) -> np.ndarray:
        """Returns the areas that a box has in common with others."""
        shared = np.minimum(self.sides[box, 2:], self.sides[others, 2:]) - np.maximum(self.sides[box, :2], self.sides[others, :2])
        return np.asarray(np.where(shared > 0, shared, np.zeros_like(shared)).prod(1, dtype=shared.dtype))


def result_rows(attrs: Attrs, count: int) -> int:
    """Returns how many rows the result of `box_nms` on `count` rows has."""
    return count if attrs["rows"] is None else int(attrs["rows"])


def _box_nms_infer(types: Types, attrs: Attrs) -> tuple[TensorType, ...]:
    x = types[0]
    if x.rank < 2 or x.dtype not in FLOATS:
        raise VerifyError(f"box_nms takes rows of floats, (..., boxes, columns), not {x}")
    count, width = x.shape[-2:]
    if isinstance(count, SymDim) or isinstance(width, SymDim):
        raise VerifyError(f"box_nms: the boxes of a list do not depend on N, as they do in {format_shape(x.shape)}; compile with a fixed batch instead")
    score, ids, first = attrs["score_index"], attrs["id_index"], attrs["coord_start"]
    coordinates = range(first, first + COORDINATES)
    if not 0 <= first <= width - COORDINATES or not 0 <= score < width or score in coordinates:
        raise VerifyError(f"box_nms: coordinates from column {first} on and the score in column {score} do not fit rows of {width} columns")
    if ids >= width or ids in coordinates or ids == score:
        raise VerifyError(f"box_nms: the class in column {ids} is outside rows of {width} columns, or a coordinate, or the score")
    if attrs["topk"] == 0 or attrs["topk"] < -1:
        raise VerifyError(f"box_nms: topk is at least 1, or -1 for all boxes, not {attrs['topk']}")
    rows = result_rows(attrs, count)
    if not 1 <= rows <= count:
        raise VerifyError(f"box_nms: rows of the result are 1 to {count}, not {rows}")
    return (x.with_shape((*x.shape[:-2], rows, width)),)


def _candidates(x: np.ndarray, attrs: Attrs) -> np.ndarray:
    """Returns the numbers of the rows that take part, best score first, equal ones in their order."""
    scores = x[:, attrs["score_index"]]
    valid = scores > np.float32(attrs["valid_thresh"])
    if attrs["id_index"] >= 0:
        valid &= x[:, attrs["id_index"]] != attrs["background_id"]
    found = np.flatnonzero(valid)
    best = found[np.argsort(-scores[found], kind="stable")]
    return best if attrs["topk"] < 0 else best[:attrs["topk"]]


def _suppressed(x: np.ndarray, attrs: Attrs) -> np.ndarray:
    """Returns the numbers of the rows that survive, in the order of the result."""
    first = attrs["coord_start"]
    corners = Corners.of(x[:, first:first + COORDINATES], attrs["in_format"])
    by_class = attrs["id_index"] >= 0 and not attrs["force_suppress"]
    ids = np.trunc(x[:, attrs["id_index"]]) if by_class else np.zeros(len(x))
    kept = np.empty(0, np.int64)
    for row in _candidates(x, attrs):
        shared = corners.intersections(row, kept)
        overlaps = shared / (corners.areas[kept] + corners.areas[row] - shared)
        if not ((overlaps > np.float32(attrs["overlap_thresh"])) & (ids[kept] == ids[row])).any():
            kept = np.append(kept, row)
    return kept


def convert_boxes(boxes: np.ndarray, out_format: str) -> np.ndarray:
    """Returns boxes in the other format; those whose first number is negative stay as they are, as in MXNet."""
    first, second = boxes[..., :2], boxes[..., 2:]
    if out_format == "center":
        converted = np.concatenate([(first + second) / 2, second - first], -1)
    else:
        converted = np.concatenate([first - second / 2, first + second / 2], -1)
    return np.where(boxes[..., :1] < 0, boxes, converted).astype(boxes.dtype)


def _box_nms(arrays: Arrays, attrs: Attrs) -> tuple[np.ndarray, ...]:
    x = arrays[0]
    count, width = x.shape[-2:]
    result = np.full((*x.shape[:-2], result_rows(attrs, count), width), -1, x.dtype)
    columns = slice(attrs["coord_start"], attrs["coord_start"] + COORDINATES)
    for place in np.ndindex(x.shape[:-2]):
        kept = x[place][_suppressed(x[place], attrs)[:result.shape[-2]]]
        if attrs["in_format"] != attrs["out_format"]:
            kept[:, columns] = convert_boxes(kept[:, columns], attrs["out_format"])
        result[place][:len(kept)] = kept
    return (result,)


def _column_nms_infer(types: Types, attrs: Attrs) -> tuple[TensorType, ...]:
    boxes, scores, *ids = types
    if (attrs["id_index"] >= 0) != bool(ids):
        raise VerifyError("column_nms takes classes where, and only where, the result has a column for them")
    count, box_count = (type.shape[-2] if type.rank > 1 else 0 for type in (scores, boxes))
    if isinstance(count, SymDim) or isinstance(box_count, SymDim) or not count or not box_count or count % box_count:
        raise VerifyError(f"column_nms: {count} scores are no multiple of {box_count} boxes")
    lists = scores.shape[:-2]
    if boxes.shape != (*lists, box_count, COORDINATES) or any(type.shape != (*lists, count, 1) for type in (scores, *ids)):
        raise VerifyError(f"column_nms takes boxes (..., boxes, {COORDINATES}), scores and classes (..., rows, 1), not {', '.join(map(str, types))}")
    if len({type.dtype for type in types}) > 1:
        raise VerifyError(f"column_nms takes columns of one dtype, not {', '.join(type.dtype for type in types)}")
    return _box_nms_infer([scores.with_shape((*lists, count, COORDINATES + len(types) - 1))], attrs)


def _column_nms(arrays: Arrays, attrs: Attrs) -> tuple[np.ndarray, ...]:
    boxes, scores, *ids = arrays
    rows = np.empty((*scores.shape[:-1], COORDINATES + 1 + len(ids)), scores.dtype)
    first = attrs["coord_start"]
    rows[..., first:first + COORDINATES] = np.concatenate([boxes] * (scores.shape[-2] // boxes.shape[-2]), -2)
    rows[..., attrs["score_index"]] = scores[..., 0]
    if ids:
        rows[..., attrs["id_index"]] = ids[0][..., 0]
    return _box_nms([rows], attrs)


def _multibox_detection_infer(types: Types, attrs: Attrs) -> tuple[TensorType, ...]:
    scores, offsets, anchors = types
    if scores.rank != 3 or isinstance(scores.shape[2], SymDim) or isinstance(scores.shape[1], SymDim) or not scores.shape[1]:
        raise VerifyError(f"multibox_detection takes scores of a shape (batch, classes, anchors), not {format_shape(scores.shape)}")
    batch, _, count = scores.shape
    if offsets.shape != (batch, count * COORDINATES) or anchors.shape != (1, count, COORDINATES):
        raise VerifyError(f"multibox_detection of scores {format_shape(scores.shape)} takes offsets {format_shape((batch, count * COORDINATES))} and anchors "
                          f"{format_shape((1, count, COORDINATES))}, not {format_shape(offsets.shape)} and {format_shape(anchors.shape)}")
    if len({type.dtype for type in types}) > 1 or scores.dtype not in FLOATS:
        raise VerifyError(f"multibox_detection takes floats of one dtype, not {', '.join(type.dtype for type in types)}")
    if len(attrs["variances"]) != COORDINATES:
        raise VerifyError(f"multibox_detection takes four variances, not {len(attrs['variances'])}")
    return (scores.with_shape((batch, count, DETECTION_WIDTH)),)


def suppresses(attrs: Attrs) -> bool:
    """Whether `multibox_detection` sorts and suppresses at all: not with a threshold that is no overlap."""
    return bool(0 < attrs["nms_threshold"] <= 1)


def _decoded(offsets: np.ndarray, anchors: np.ndarray, attrs: Attrs) -> np.ndarray:
    """Returns the corners (n, 4) that offsets from anchors mean."""
    variances = np.float32(attrs["variances"]).astype(offsets.dtype)
    extents, centers = anchors[:, 2:] - anchors[:, :2], (anchors[:, :2] + anchors[:, 2:]) / 2
    middle = offsets[:, :2] * variances[:2] * extents + centers
    reach = np.exp(offsets[:, 2:] * variances[2:]) * extents / 2
    corners = np.concatenate([middle - reach, middle + reach], 1)
    return np.asarray(np.clip(corners, 0, 1)) if attrs["clip"] else corners


def _detections(scores: np.ndarray, offsets: np.ndarray, anchors: np.ndarray, attrs: Attrs) -> np.ndarray:
    """Returns the detections of one image, rows of `DETECTION_WIDTH`."""
    foreground = scores[1:]
    none = np.full_like(scores[:1], -1)  # stands before the classes: NaN, and what is below any probability, is never the best
    above = np.concatenate([none, np.where(foreground > -1, foreground, -1)])
    ids, best = above.argmax(0) - 1, above.max(0)
    found = np.flatnonzero((best > -1) & (best >= np.float32(attrs["threshold"])))
    rows = np.concatenate([ids[found, None], best[found, None], _decoded(offsets[found], anchors[found], attrs)], 1).astype(scores.dtype)
    if suppresses(attrs):
        order = np.argsort(-best[found], kind="stable")[:attrs["nms_topk"] if attrs["nms_topk"] > 0 else None]
        rows[:len(order)] = rows[order]  # MXNet leaves what topk excludes in its place
        _mark_suppressed(rows[:len(order)], attrs)
        rows[len(order):, 0] = -1
    result = np.full((scores.shape[1], DETECTION_WIDTH), -1, scores.dtype)
    result[:len(rows)] = rows
    return result


def _mark_suppressed(rows: np.ndarray, attrs: Attrs) -> None:
    """Sets the class of those detections to -1 that overlap a better one of their class; their places and other numbers stay."""
    corners = Corners(rows[:, 2:], (rows[:, 4] - rows[:, 2]) * (rows[:, 5] - rows[:, 3]))
    kept = np.empty(0, np.int64)
    for row in range(len(rows)):
        shared = corners.intersections(row, kept)
        union = corners.areas[kept] + corners.areas[row] - shared
        overlaps = np.where(union <= 0, np.zeros_like(union), shared / union)
        same = attrs["force_suppress"] | (rows[kept, 0] == rows[row, 0])
        if ((overlaps >= np.float32(attrs["nms_threshold"])) & same).any():
            rows[row, 0] = -1
        else:
            kept = np.append(kept, row)


def _multibox_detection(arrays: Arrays, attrs: Attrs) -> tuple[np.ndarray, ...]:
    scores, offsets, anchors = arrays
    images, _, count = scores.shape
    result = np.empty((images, count, DETECTION_WIDTH), scores.dtype)
    for image, boxes in enumerate(offsets.reshape(images, count, COORDINATES)):
        result[image] = _detections(scores[image], boxes, anchors[0], attrs)
    return (result,)


_FORMAT = Attr("str", "corner", ("corner", "center"))
_SUPPRESSION = {
    "overlap_thresh": Attr("float", 0.5), "valid_thresh": Attr("float", 0.0), "topk": Attr("int", -1), "coord_start": Attr("int", 2),
    "score_index": Attr("int", 1), "id_index": Attr("int", -1), "background_id": Attr("int", -1), "force_suppress": Attr("bool", False),
    "in_format": _FORMAT, "out_format": _FORMAT, "rows": Attr("int", None),
}

OPS = (
    OpDef("box_nms", ("x",), _box_nms_infer, _box_nms, _SUPPRESSION,
          doc="Rows of boxes with scores above `valid_thresh`, best first, without those that overlap a better one of their class by more than "
              "`overlap_thresh`; other rows are -1. Only the best `topk` take part, all for -1. `rows` is how many the result has, all by default."),
    OpDef("column_nms", ("boxes", "scores", "ids?"), _column_nms_infer, _column_nms, _SUPPRESSION,
          doc="box_nms of rows whose columns are given apart; of fewer boxes than scores, row r has the box r modulo their number."),
    OpDef("multibox_detection", ("scores", "offsets", "anchors"), _multibox_detection_infer, _multibox_detection,
          {"clip": Attr("bool", True), "threshold": Attr("float", 0.01), "nms_threshold": Attr("float", 0.5), "force_suppress": Attr("bool", False),
           "variances": Attr("floats", (0.1, 0.1, 0.2, 0.2)), "nms_topk": Attr("int", -1)},
          doc="Detections [class, score, left, top, right, bottom] of anchors whose best class but the first reaches `threshold`, best first; the class of "
              "those that overlap a better one of their class by `nms_threshold` is -1. Other rows are -1."),
)
