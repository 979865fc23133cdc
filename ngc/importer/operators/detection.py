"""Operators of object detection: anchors, boxes, suppression, regions of interest."""

from ngc.importer.attributes import IGNORED, Attributes, Field, enum
from ngc.importer.operators import boxes
from ngc.importer.operators.conversion import Conversion, Operator, identity
from ngc.ir import Value

_FORMAT = enum("corner", "center", default="corner")
_BOX_NMS = {
    "overlap_thresh": Field("float", 0.5), "valid_thresh": Field("float", 0.0), "topk": Field("int", -1), "coord_start": Field("int", 2),
    "score_index": Field("int", 1), "id_index": Field("int", -1), "background_id": Field("int", -1), "force_suppress": Field("bool", False),
    "in_format": _FORMAT, "out_format": _FORMAT,
}  # fmt: skip
_VARIANCES = Field("floats", (0.1, 0.1, 0.2, 0.2))
_MULTIBOX_DETECTION = {
    "clip": Field("bool", True), "threshold": Field("float", 0.01), "background_id": IGNORED, "nms_threshold": Field("float", 0.5),
    "force_suppress": Field("bool", False), "variances": _VARIANCES, "nms_topk": Field("int", -1),
}  # fmt: skip
_MULTIBOX_TARGET = {
    "overlap_threshold": Field("float", 0.5), "ignore_label": Field("float", -1.0), "negative_mining_ratio": Field("float", -1.0),
    "negative_mining_thresh": Field("float", 0.5), "minimum_negative_samples": Field("int", 0), "variances": _VARIANCES,
}  # fmt: skip
_GRID = {"pooled_size": Field("shape"), "spatial_scale": Field("float")}


def _as(op: str, conversion: Conversion, *ignored: str) -> list[Value]:
    attrs = {name: value for name, value in conversion.attrs.items() if name not in ignored}
    return [conversion.op(op, *conversion.inputs, **attrs)]


def _box_nms(conversion: Conversion) -> list[Value]:
    """With a topk of 0 MXNet returns its data; any below stands for all boxes."""
    topk = conversion.attrs["topk"]
    if topk == 0:
        return identity(conversion)
    return [conversion.op("box_nms", conversion.data, **{**conversion.attrs, "topk": max(topk, -1)})]


def _multibox_detection(conversion: Conversion) -> list[Value]:
    """MXNet does not look at background_id: the first class is always the background."""
    return _as("multibox_detection", conversion, "background_id")


def _roi_align(conversion: Conversion) -> list[Value]:
    return _as("roi_align", conversion)


def _roi_pooling(conversion: Conversion) -> list[Value]:
    return _as("roi_max_pool", conversion)


def _refuse_targets(attrs: Attributes) -> str:
    return "which assigns boxes to anchors for training; a model is deployed without it"


def _first_output(attrs: Attributes) -> tuple[str, ...]:
    return ("output0",)


OPERATORS: dict[str, Operator] = {
    **boxes.OPERATORS,
    "_contrib_box_nms": Operator(_box_nms, _BOX_NMS, outputs=_first_output, becomes=("box_nms", "identity")),
    "_contrib_MultiBoxDetection": Operator(_multibox_detection, _MULTIBOX_DETECTION, 3, 3, becomes=("multibox_detection",)),
    "_contrib_MultiBoxTarget": Operator(identity, _MULTIBOX_TARGET, 3, 3, refuse=_refuse_targets),
    "_contrib_ROIAlign": Operator(
        _roi_align, {**_GRID, "sample_ratio": Field("int", -1), "position_sensitive": Field("bool", False), "aligned": Field("bool", False)}, 2, 2,
        becomes=("roi_align",)),
    "ROIPooling": Operator(_roi_pooling, _GRID, 2, 2, becomes=("roi_max_pool",)),
}  # fmt: skip
