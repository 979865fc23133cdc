"""Object detection: anchors, boxes, suppression, regions of interest. Boxes are put together of corners and sizes, so that they have an area."""

from bench.differential.case import Case
from bench.differential.maker import Maker
from bench.differential.strategies.strategy import Strategy


def _corners(make: Maker, name: str, shape: tuple[int, ...], *, batched: bool = True) -> str:
    """Returns boxes of two corners."""
    low = make.input(f"{name}_low", (*shape, 2), low=0.0, high=1.0, batched=batched)
    extent = make.input(f"{name}_size", (*shape, 2), low=0.05, high=0.6, batched=batched)
    return make.call("Concat", low, make.call("elemwise_add", low, extent), dim=-1, num_args=2)


def _boxes(make: Maker, name: str, shape: tuple[int, ...], form: str | None, *, batched: bool = True) -> str:
    """Returns boxes of two corners, or of a centre and a size."""
    if form != "center":
        return _corners(make, name, shape, batched=batched)
    centre = make.input(f"{name}_centre", (*shape, 2), low=0.0, high=1.0, batched=batched)
    return make.call("Concat", centre, make.input(f"{name}_size", (*shape, 2), low=0.05, high=0.6, batched=batched), dim=-1, num_args=2)


def _box_iou(make: Maker, op: str) -> Case:
    form = make.pick(None, "corner", "center")
    left, right = _boxes(make, "lhs", make.shape(1, 2), form, batched=False), _boxes(make, "rhs", make.shape(1, 2), form, batched=False)
    return make.case(make.call(op, left, right, format=form), units=16, magnitude=4.0)


def _box_decode(make: Maker, op: str) -> Case:
    form = make.pick(None, "corner", "center")
    batch, count = make.pick(1, 2, 3), make.size()
    data = make.input("data", (batch, count, 4))
    anchors = _boxes(make, "anchors", (1, count), form, batched=False)
    stds = {f"std{index}": make.pick(None, 0.1, 0.2) for index in range(4)}
    return make.case(make.call(op, data, anchors, format=form, clip=make.pick(None, -1.0, 0.5), **stds), units=16, magnitude=8.0)


def _box_nms(make: Maker, op: str) -> Case:
    batch, count = make.shape(0, 2) if make.chance() else (make.pick(1, 2),), make.pick(1, 2, 3, 5, 9, 17)
    ids = make.input("ids", (*batch, count, 1), values="integers", low=0, high=2)
    scores = make.input("scores", (*batch, count, 1), low=-0.2, high=1.0)
    form = make.pick(None, "corner", "center")
    boxes = _boxes(make, "boxes", (*batch, count), form)
    data = make.call("Concat", ids, scores, boxes, dim=-1, num_args=3)
    attrs = {"overlap_thresh": make.pick(None, 0.3, 0.7, 0.0), "valid_thresh": make.pick(None, 0.25, 0.01), "topk": make.pick(None, -1, 1, 3, 100),
             "id_index": make.pick(None, 0), "background_id": make.pick(None, 0), "force_suppress": make.pick(None, True, False), "in_format": form,
             "out_format": make.pick(None, "corner", "center")}
    return make.case(make.call(op, data, coord_start=2, score_index=1, **attrs), units=8, magnitude=2.0)


def _multibox_prior(make: Maker, op: str) -> Case:
    data = make.input("data", make.shape(4, 4), batched=False)
    attrs = {"sizes": make.pick(None, (0.5,), (0.25, 0.75, 1.0)), "ratios": make.pick(None, (1.0, 2.0), (1.0, 0.5, 3.0)), "clip": make.pick(None, True, False),
             "steps": make.pick(None, (0.25, 0.125)), "offsets": make.pick(None, (0.25, 0.75))}
    return make.case(make.call(op, data, **attrs), units=8, magnitude=4.0)


def _multibox_detection(make: Maker, op: str) -> Case:
    batch, classes, count = make.pick(1, 2, 3), make.pick(2, 3, 5), make.pick(1, 2, 5, 9, 17)
    probabilities = make.input("cls_prob", (batch, classes, count), low=0.0, high=1.0)
    places = make.input("loc_pred", (batch, count * 4), low=-1.0, high=1.0)
    anchors = _corners(make, "anchors", (1, count), batched=False)
    attrs = {"clip": make.pick(None, True, False), "threshold": make.pick(None, 0.3, 0.6), "nms_threshold": make.pick(None, 0.3, 0.8),
             "force_suppress": make.pick(None, True, False), "variances": make.pick(None, (0.2, 0.2, 0.1, 0.1)), "nms_topk": make.pick(None, -1)}
    return make.case(make.call(op, probabilities, places, anchors, **attrs), units=16, magnitude=4.0)


def _rois(make: Maker, batch: int, size: float) -> str:
    count = make.pick(1, 2, 5)
    index = make.input("index", (count, 1), values="integers", low=0, high=batch - 1, batched=False)
    low = make.input("low", (count, 2), low=-1.0, high=size, batched=False)
    extent = make.input("extent", (count, 2), low=0.1, high=size, batched=False)
    return make.call("Concat", index, low, make.call("elemwise_add", low, extent), dim=-1, num_args=3)


def _roi_align(make: Maker, op: str) -> Case:
    pooled = (make.pick(1, 2, 3), make.pick(1, 2, 3))
    sensitive = make.pick(None, False, True)
    batch, channels = make.pick(1, 2, 3), make.pick(1, 3, 8) * (pooled[0] * pooled[1] if sensitive else 1)
    height, width = make.pick(1, 4, 7, 9), make.pick(1, 4, 7, 9)
    data = make.input("data", (batch, channels, height, width), batched=False)
    rois = _rois(make, batch, 12.0)
    attrs = {"sample_ratio": make.pick(None, -1, 1, 2), "position_sensitive": sensitive, "aligned": make.pick(None, True, False)}
    # The weights of a sample are differences of coordinates.
    return make.case(make.call(op, data, rois, pooled_size=pooled, spatial_scale=make.pick(1.0, 0.5, 0.25), **attrs), units=16, terms=16, magnitude=48.0)


def _roi_pooling(make: Maker, op: str) -> Case:
    batch = make.pick(1, 2, 3)
    data = make.input("data", (batch, make.pick(1, 3, 8), make.pick(1, 4, 7, 9), make.pick(1, 4, 7, 9)), batched=False)
    rois = _rois(make, batch, 12.0)
    return make.case(make.call(op, data, rois, pooled_size=(make.pick(1, 2, 3), make.pick(1, 2, 3)), spatial_scale=make.pick(1.0, 0.5, 0.25)))


STRATEGIES: dict[str, Strategy] = {
    "_contrib_box_iou": _box_iou,
    "_contrib_box_decode": _box_decode,
    "_contrib_box_nms": _box_nms,
    "_contrib_MultiBoxPrior": _multibox_prior,
    "_contrib_MultiBoxDetection": _multibox_detection,
    "_contrib_ROIAlign": _roi_align,
    "ROIPooling": _roi_pooling,
}
