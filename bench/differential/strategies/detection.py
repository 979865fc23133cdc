"""Object detection: anchors, boxes, suppression, regions of interest. Boxes are put together of corners and sizes, so that they have an area."""

from bench.differential.case import Case
from bench.differential.maker import Maker, outputs
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


def _sensitive(make: Maker, op: str) -> Case:
    """Pools channels that belong to a part of the region each."""
    pooled, channels, batch = make.pick(1, 2, 3), make.pick(1, 2, 3), make.pick(1, 2)
    data = make.input("data", (batch, channels * pooled**2, make.pick(4, 7, 9), make.pick(4, 7, 9)), batched=False)
    inputs = [data, _rois(make, batch, 12.0)]
    attrs: dict[str, object] = {"spatial_scale": make.pick(1.0, 0.5), "output_dim": channels, "pooled_size": pooled}
    if op == "_contrib_DeformablePSROIPooling":
        attrs |= {"group_size": pooled, "no_trans": True, "sample_per_part": make.pick(1, 2)}
    # The weights of a sample are differences of coordinates.
    return make.case(make.call(op, *inputs, **attrs), units=16, terms=81, magnitude=48.0)


def _rotated(make: Maker, op: str) -> Case:
    batch, count = make.pick(1, 2), make.pick(1, 2, 5)
    data = make.input("data", (batch, make.pick(1, 3), make.pick(4, 7, 9), make.pick(4, 7, 9)), batched=False)
    index = make.input("index", (count, 1), values="integers", low=0, high=batch - 1, batched=False)
    parts = [make.input(name, (count, 2), low=low, high=high, batched=False) for name, low, high in (("centre", 1.0, 8.0), ("extent", 1.0, 6.0))]
    angle = make.input("angle", (count, 1), low=-90.0, high=90.0, batched=False)
    rois = make.call("Concat", index, *parts, angle, dim=1, num_args=4)
    attrs = {"pooled_size": (make.pick(1, 2, 3), make.pick(1, 2, 3)), "spatial_scale": make.pick(1.0, 0.5), "sampling_ratio": make.pick(None, 1, 2)}
    return make.case(make.call(op, data, rois, **attrs), units=32, terms=64, magnitude=96.0)


def _proposal(make: Maker, op: str) -> Case:
    """Draws small maps with a few anchors; scores are random, so that none are equal."""
    batch, height, width = make.pick(1, 2) if op == "_contrib_MultiProposal" else 1, make.pick(2, 3, 4), make.pick(2, 3, 4)
    scales, ratios = make.pick((4.0,), (2.0, 4.0)), make.pick((1.0,), (0.5, 1.0, 2.0))
    anchors = len(scales) * len(ratios)
    scores = make.input("cls_prob", (batch, 2 * anchors, height, width), low=0.0, high=1.0, batched=False)
    deltas = make.input("bbox_pred", (batch, 4 * anchors, height, width), low=-0.25, high=0.25, batched=False)
    # The image is as large as the map's strides, or a little smaller, and not scaled.
    sizes = [make.call("_full", shape=(batch, 1), value=value) for value in (16.0 * height - make.pick(0, 8), 16.0 * width, 1.0)]
    info = make.call("Concat", *sizes, dim=1, num_args=3)
    attrs = {"scales": scales, "ratios": ratios, "feature_stride": 16, "rpn_pre_nms_top_n": make.pick(12, 100), "rpn_post_nms_top_n": make.pick(4, 8),
             "threshold": make.pick(0.7, 0.5), "rpn_min_size": make.pick(4, 16)}
    return make.case(make.call(op, scores, deltas, info, **attrs), units=64, magnitude=512.0)


def _matching(make: Maker, op: str) -> Case:
    shape = (*(make.shape(1, 1) if make.chance() else ()), make.size(), make.size())
    data = make.input("data", shape, low=0.0, high=1.0, batched=False)
    call = make.call(op, data, threshold=make.pick(0.5, 0.1, 1e-12), is_ascend=make.pick(None, False, True), topk=make.pick(None, -1, 2))
    return make.case(*outputs(call, 2))


def _box_encode(make: Maker, op: str) -> Case:
    batch, count, objects = make.pick(1, 2, 3), make.pick(1, 3, 5), make.pick(1, 2, 4)
    samples = make.input("samples", (batch, count), values="integers", low=-1, high=1, batched=False)
    matches = make.input("matches", (batch, count), values="integers", low=0, high=objects - 1, batched=False)
    anchors, refs = _corners(make, "anchors", (batch, count), batched=False), _corners(make, "refs", (batch, objects), batched=False)
    means, stds = make.input("means", (4,), low=0.0, high=0.5, batched=False), make.input("stds", (4,), low=0.5, high=1.0, batched=False)
    call = make.call(op, samples, matches, anchors, refs, means, stds)
    return make.case(*outputs(call, 2), units=32, magnitude=64.0)


STRATEGIES: dict[str, Strategy] = {
    "_contrib_box_iou": _box_iou,
    "_contrib_box_decode": _box_decode,
    "_contrib_box_nms": _box_nms,
    "_contrib_MultiBoxPrior": _multibox_prior,
    "_contrib_MultiBoxDetection": _multibox_detection,
    "_contrib_ROIAlign": _roi_align,
    "ROIPooling": _roi_pooling,
    **dict.fromkeys(("_contrib_PSROIPooling", "_contrib_DeformablePSROIPooling"), _sensitive),
    "_contrib_RROIAlign": _rotated,
    **dict.fromkeys(("_contrib_Proposal", "_contrib_MultiProposal"), _proposal),
    "_contrib_bipartite_matching": _matching,
    "_contrib_box_encode": _box_encode,
}
