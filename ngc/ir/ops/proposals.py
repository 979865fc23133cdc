"""What stands between the two stages of a detector: proposals of regions, and the matching of boxes."""

import numpy as np

from ngc.errors import VerifyError
from ngc.ir.opdef import Arrays, Attr, Attrs, OpDef, Types
from ngc.ir.ops.suppression import COORDINATES
from ngc.ir.tensor_type import FLOATS, SymDim, TensorType, format_shape


def pixel_anchors(stride: int, ratios: tuple[float, ...], scales: tuple[float, ...]) -> np.ndarray:
    """Returns the corners (anchors, 4) around the first pixel of a map, rounded as Faster R-CNN does (Ren et al., 2015)."""
    base, center = np.float32(stride), np.float32(0.5) * np.float32(stride - 1)
    anchors = []
    for ratio in np.array(ratios, np.float32):
        for scale in np.array(scales, np.float32):
            width = np.floor(np.sqrt(np.floor(base * base / ratio)) + np.float32(0.5)) * scale
            height = np.floor(width / scale * ratio + np.float32(0.5)) * scale
            reach = np.float32(0.5) * np.array([width - 1, height - 1], np.float32)
            anchors.append(np.concatenate([center - reach, center + reach]))
    return np.stack(anchors)


def _proposal_infer(types: Types, attrs: Attrs) -> tuple[TensorType, ...]:
    scores, deltas, images = types
    anchors = len(attrs["ratios"]) * len(attrs["scales"])
    if scores.rank != 4 or scores.shape[1] != 2 * anchors or deltas.shape != (scores.shape[0], COORDINATES * anchors, *scores.shape[2:]):
        raise VerifyError(f"proposal with {anchors} anchors takes scores (batch, {2 * anchors}, rows, columns) and deltas (batch, "
                          f"{COORDINATES * anchors}, rows, columns), not {format_shape(scores.shape)} and {format_shape(deltas.shape)}")
    if images.shape != (scores.shape[0], 3) or any(type.dtype != "f32" for type in types):
        raise VerifyError(f"proposal takes f32 and images (batch, 3), height, width and scale of each, not {', '.join(map(str, types))}")
    if attrs["post_nms_topk"] < 1 or attrs["stride"] < 1:
        raise VerifyError(f"proposal returns at least one region of a stride of at least 1, not {attrs['post_nms_topk']} of {attrs['stride']}")
    count = scores.shape[0] * attrs["post_nms_topk"]
    return scores.with_shape((count, COORDINATES + 1)), scores.with_shape((count, 1))


def _proposed(deltas: np.ndarray, height: np.float32, width: np.float32, attrs: Attrs) -> np.ndarray:
    """Returns the corners (rows, columns, anchors, 4) that deltas (4 * anchors, rows, columns) propose, cut to the image."""
    anchors = pixel_anchors(attrs["stride"], attrs["ratios"], attrs["scales"])
    rows, columns = deltas.shape[1:]
    shift = np.stack(np.meshgrid(np.arange(columns), np.arange(rows)), -1).astype(np.float32) * np.float32(attrs["stride"])
    boxes = anchors + np.concatenate([shift, shift], -1)[:, :, None]
    moves = deltas.reshape(len(anchors), COORDINATES, rows, columns).transpose(2, 3, 0, 1)
    if attrs["iou_loss"]:
        boxes = boxes + moves
    else:
        extents = boxes[..., 2:] - boxes[..., :2] + np.float32(1)
        centers = moves[..., :2] * extents + (boxes[..., :2] + np.float32(0.5) * (extents - np.float32(1)))
        reach = np.float32(0.5) * (np.exp(moves[..., 2:]) * extents - np.float32(1))
        boxes = np.concatenate([centers - reach, centers + reach], -1)
    limits = np.array([width - 1, height - 1] * 2, np.float32)
    return np.maximum(np.minimum(boxes, limits), np.float32(0))


def _kept(boxes: np.ndarray, attrs: Attrs) -> list[int]:
    """Returns which of boxes, best first, do not overlap a better one; corners are pixels, the last ones included."""
    sides = boxes[:, 2:] - boxes[:, :2] + np.float32(1)
    areas = sides[:, 0] * sides[:, 1]
    kept: list[int] = []
    for number, box in enumerate(boxes):
        if len(kept) == attrs["post_nms_topk"]:
            break
        shared = np.minimum(box[2:], boxes[kept, 2:]) - np.maximum(box[:2], boxes[kept, :2]) + np.float32(1)
        common = np.maximum(shared, np.float32(0)).prod(1, dtype=np.float32)
        if not (common / (areas[kept] + areas[number] - common) > np.float32(attrs["threshold"])).any():
            kept.append(number)
    return kept


def _proposal(arrays: Arrays, attrs: Attrs) -> tuple[np.ndarray, ...]:
    regions, best = [], []
    for image, (scores, deltas, (height, width, scale)) in enumerate(zip(*arrays, strict=True)):
        boxes = _proposed(deltas, height, width, attrs)
        likely = scores[len(scores) // 2:].transpose(1, 2, 0).copy()
        likely[int(height / attrs["stride"]):], likely[:, int(width / attrs["stride"]):] = -1, -1  # rows and columns of padding
        least = np.float32(attrs["least_size"]) * scale
        small = (boxes[..., 2:] - boxes[..., :2] + np.float32(1) < least).any(-1)
        grown = boxes + np.array([-least / 2] * 2 + [least / 2] * 2, np.float32)
        boxes, likely = np.where(small[..., None], grown, boxes).reshape(-1, COORDINATES), np.where(small, np.float32(-1), likely).reshape(-1)
        order = np.argsort(-likely, kind="stable")[:attrs["pre_nms_topk"] if attrs["pre_nms_topk"] > 0 else None]
        kept = order[_kept(boxes[order], attrs)]
        chosen = np.resize(kept, attrs["post_nms_topk"])  # what lacks begins from the best again
        regions.append(np.concatenate([np.full((len(chosen), 1), image, np.float32), boxes[chosen]], 1))
        best.append(likely[chosen, None])
    return np.concatenate(regions), np.concatenate(best)


def _matching_infer(types: Types, attrs: Attrs) -> tuple[TensorType, ...]:
    x = types[0]
    if x.rank < 2 or x.dtype not in FLOATS or any(isinstance(dim, SymDim) for dim in x.shape[-2:]):
        raise VerifyError(f"bipartite_matching takes matrices of float scores that do not depend on N, not {x}")
    return x.with_shape(x.shape[:-1]), x.with_shape((*x.shape[:-2], x.shape[-1]))


def _matching(arrays: Arrays, attrs: Attrs) -> tuple[np.ndarray, ...]:
    x = arrays[0]
    rows, columns = np.full(x.shape[:-1], -1, x.dtype), np.full((*x.shape[:-2], x.shape[-1]), -1, x.dtype)
    for place in np.ndindex(x.shape[:-2]):
        scores = x[place].reshape(-1) if attrs["ascend"] else -x[place].reshape(-1)
        limit = np.float32(attrs["threshold"] if attrs["ascend"] else -attrs["threshold"])
        matched = 0
        for number in np.argsort(scores, kind="stable"):
            row, column = divmod(int(number), x.shape[-1])
            if rows[place][row] != -1 or columns[place][column] != -1:
                continue
            if not scores[number] < limit or 0 < attrs["topk"] < matched:  # MXNet matches one more than topk
                break
            rows[place][row], columns[place][column], matched = column, row, matched + 1
    return rows, columns


def _encode_infer(types: Types, attrs: Attrs) -> tuple[TensorType, ...]:
    samples, matches, anchors, refs, means, deviations = types
    pair = samples.shape
    if len(pair) != 2 or matches.shape != pair or anchors.shape != (*pair, COORDINATES) or refs.rank != 3 or refs.shape[::2] != (pair[0], COORDINATES):
        raise VerifyError(f"box_encode takes samples and matches (batch, boxes), anchors (batch, boxes, {COORDINATES}) and references (batch, references, "
                          f"{COORDINATES}), not {', '.join(map(str, types[:4]))}")
    if means.shape != (COORDINATES,) or deviations.shape != (COORDINATES,) or len({type.dtype for type in types}) > 1 or samples.dtype not in FLOATS:
        raise VerifyError(f"box_encode takes four means and deviations, and floats of one type, not {', '.join(map(str, types))}")
    return anchors, anchors


def _encode(arrays: Arrays, attrs: Attrs) -> tuple[np.ndarray, ...]:
    samples, matches, anchors, refs, means, deviations = arrays
    count = refs.shape[1]
    chosen = np.take_along_axis(refs, np.clip(matches, 0, count - 1).astype(np.int64)[..., None], 1)
    extents, wanted = (boxes[..., 2:] - boxes[..., :2] for boxes in (anchors, chosen))
    centers, targets = (boxes[..., :2] + side * boxes.dtype.type(0.5) for boxes, side in ((anchors, extents), (chosen, wanted)))
    moves = np.concatenate([(targets - centers) / extents, np.log(wanted / extents)], -1)
    mask = np.broadcast_to(samples[..., None] > 0.5, anchors.shape)
    return np.where(mask, (moves - means) / deviations, 0).astype(anchors.dtype), mask.astype(anchors.dtype)


OPS = (
    OpDef("proposal", ("scores", "deltas", "images"), _proposal_infer, _proposal,
          {"stride": Attr("int", 16), "scales": Attr("floats"), "ratios": Attr("floats"), "pre_nms_topk": Attr("int", 6000), "post_nms_topk": Attr("int", 300),
           "threshold": Attr("float", 0.7), "least_size": Attr("int", 16), "iou_loss": Attr("bool", False)},
          doc="Regions [image, corners] and their scores that a region proposal network proposes, without those that overlap a better one by more than "
              "`threshold`; `post_nms_topk` of each image, repeated where there are fewer. `images` are rows [height, width, scale]."),
    OpDef("bipartite_matching", ("x",), _matching_infer, _matching,
          {"threshold": Attr("float"), "ascend": Attr("bool", False), "topk": Attr("int", -1)},
          doc="Pairs of rows and columns, best scores first, each in one pair: the column of each row and the row of each column, -1 where there is none."),
    OpDef("box_encode", ("samples", "matches", "anchors", "refs", "means", "deviations"), _encode_infer, _encode,
          doc="What offsets from anchors the matched references are, and where samples are positive; other offsets are 0."),
)
