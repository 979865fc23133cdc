"""Operators of object detection: anchors, boxes, suppression, regions of interest."""

from typing import Any

from ngc.importer.attributes import IGNORED, Attributes, Field, enum
from ngc.importer.operators import boxes
from ngc.importer.operators.conversion import Conversion, Operator, identity, numbered_outputs
from ngc.ir import Value
from ngc.ir.tensor_type import format_shape

_FORMAT = enum("corner", "center", default="corner")
_BOX_NMS = {
    "overlap_thresh": Field("float", 0.5), "valid_thresh": Field("float", 0.0), "topk": Field("int", -1), "coord_start": Field("int", 2),
    "score_index": Field("int", 1), "id_index": Field("int", -1), "background_id": Field("int", -1), "force_suppress": Field("bool", False),
    "in_format": _FORMAT, "out_format": _FORMAT,
}  # fmt: skip
_MULTIBOX_DETECTION = {
    "clip": Field("bool", True), "threshold": Field("float", 0.01), "background_id": IGNORED, "nms_threshold": Field("float", 0.5),
    "force_suppress": Field("bool", False), "variances": Field("floats", (0.1, 0.1, 0.2, 0.2)), "nms_topk": Field("int", -1),
}  # fmt: skip
_POSITIONS = {"spatial_scale": Field("float"), "output_dim": Field("int"), "pooled_size": Field("int"), "group_size": Field("int", 0)}
_PROPOSAL = {
    "rpn_pre_nms_top_n": Field("int", 6000), "rpn_post_nms_top_n": Field("int", 300), "threshold": Field("float", 0.7), "rpn_min_size": Field("int", 16),
    "scales": Field("floats", (4.0, 8.0, 16.0, 32.0)), "ratios": Field("floats", (0.5, 1.0, 2.0)), "feature_stride": Field("int", 16),
    "output_score": Field("bool", False), "iou_loss": Field("bool", False),
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


def _rotated(conversion: Conversion) -> list[Value]:
    attrs = dict(conversion.attrs)
    return [conversion.op("rotated_roi_align", *conversion.inputs, sample_ratio=attrs.pop("sampling_ratio"), **attrs)]


def _positions(conversion: Conversion) -> dict[str, Any]:
    attrs = conversion.attrs
    return {"spatial_scale": attrs["spatial_scale"], "channels": attrs["output_dim"], "groups": attrs["group_size"] or attrs["pooled_size"],
            "pooled_size": attrs["pooled_size"]}


def _ps_roi_pooling(conversion: Conversion) -> list[Value]:
    return [conversion.op("ps_roi_pool", *conversion.inputs, **_positions(conversion))]


def _deformable_ps_roi_pooling(conversion: Conversion) -> list[Value]:
    attrs, inputs = conversion.attrs, conversion.inputs
    if len(inputs) != (2 if attrs["no_trans"] else 3):
        raise conversion.fail(f"{len(inputs)} inputs, expected data, rois{'' if attrs['no_trans'] else ' and trans'}")
    return [conversion.op("deformable_ps_roi_pool", *inputs, parts=attrs["part_size"] or attrs["pooled_size"], samples=attrs["sample_per_part"],
                          deviation=attrs["trans_std"], **_positions(conversion))]


def _proposal(conversion: Conversion) -> list[Value]:
    attrs = conversion.attrs
    return conversion.results("proposal", *conversion.inputs, stride=attrs["feature_stride"], scales=attrs["scales"], ratios=attrs["ratios"],
                              pre_nms_topk=attrs["rpn_pre_nms_top_n"], post_nms_topk=attrs["rpn_post_nms_top_n"], threshold=attrs["threshold"],
                              least_size=attrs["rpn_min_size"], iou_loss=attrs["iou_loss"])


def _single_proposal(conversion: Conversion) -> list[Value]:
    if conversion.shape[0] != 1:
        raise conversion.fail(f"scores of shape {format_shape(conversion.shape)}: MXNet has Proposal for one image only, and MultiProposal for several")
    return _proposal(conversion)


def _bipartite_matching(conversion: Conversion) -> list[Value]:
    attrs = conversion.attrs
    return conversion.results("bipartite_matching", *conversion.inputs, threshold=attrs["threshold"], ascend=attrs["is_ascend"], topk=attrs["topk"])


def _box_encode(conversion: Conversion) -> list[Value]:
    return conversion.results("box_encode", *conversion.inputs)


def _proposal_outputs(attrs: Attributes) -> tuple[str, ...]:
    return ("output", "score") if attrs["output_score"] else ("output",)


def _two_outputs(attrs: Attributes) -> tuple[str, ...]:
    return numbered_outputs(2)


def _first_output(attrs: Attributes) -> tuple[str, ...]:
    return ("output0",)


OPERATORS: dict[str, Operator] = {
    **boxes.OPERATORS,
    "_contrib_box_nms": Operator(_box_nms, _BOX_NMS, outputs=_first_output, becomes=("box_nms", "identity")),
    "_contrib_MultiBoxDetection": Operator(_multibox_detection, _MULTIBOX_DETECTION, 3, 3, becomes=("multibox_detection",)),
    "_contrib_ROIAlign": Operator(
        _roi_align, {**_GRID, "sample_ratio": Field("int", -1), "position_sensitive": Field("bool", False), "aligned": Field("bool", False)}, 2, 2,
        becomes=("roi_align",)),
    "_contrib_RROIAlign": Operator(_rotated, {**_GRID, "sampling_ratio": Field("int", -1)}, 2, 2, becomes=("rotated_roi_align",)),
    "_contrib_PSROIPooling": Operator(_ps_roi_pooling, _POSITIONS, 2, 2, becomes=("ps_roi_pool",)),
    "_contrib_DeformablePSROIPooling": Operator(
        _deformable_ps_roi_pooling,
        {**_POSITIONS, "group_size": Field("int"), "part_size": Field("int", 0), "sample_per_part": Field("int", 1), "trans_std": Field("float", 0.0),
         "no_trans": Field("bool", False)},
        2, 3, becomes=("deformable_ps_roi_pool",)),
    "_contrib_Proposal": Operator(_single_proposal, _PROPOSAL, 3, 3, outputs=_proposal_outputs, becomes=("proposal",)),
    "_contrib_MultiProposal": Operator(_proposal, _PROPOSAL, 3, 3, outputs=_proposal_outputs, becomes=("proposal",)),
    "_contrib_bipartite_matching": Operator(
        _bipartite_matching, {"is_ascend": Field("bool", False), "threshold": Field("float"), "topk": Field("int", -1)}, outputs=_two_outputs,
        becomes=("bipartite_matching",)),
    "_contrib_box_encode": Operator(_box_encode, {}, 6, 6, outputs=_two_outputs, becomes=("box_encode",)),
    "ROIPooling": Operator(_roi_pooling, _GRID, 2, 2, becomes=("roi_max_pool",)),
}  # fmt: skip
