"""What engines have. Operators of object detection: anchors, boxes, suppression, regions of interest."""

from ngc.engines.forms import Form, Refusal
from ngc.ir import Node


def _roi_align(node: Node) -> str | None:
    dtype = node.inputs[0].type.dtype
    if node.attrs["position_sensitive"]:
        return "RoiAlign of ONNX reads the same channels for all bins, not one for each position"
    return "ONNX Runtime has no RoiAlign of f16" if dtype == "f16" else None


def _roi_max_pool(node: Node) -> str | None:
    dtype = node.inputs[0].type.dtype
    return f"ONNX Runtime has MaxRoiPool of f32, not of {dtype}" if dtype in ("f16", "f64") else None


_GREEDY = "which boxes survive depends on all that survived before: a loop over data"
_PER_CLASS = "ONNX's NonMaxSuppression returns as many boxes as survive, class by class, and cuts what takes part for each class, not for all of them: "
_GATHERED = "it reads its map at places that are data, which {} would gather one sample at a time"

_MATCHED = "which pairs are matched depends on all that were matched before: a loop over data"

ONNX: dict[str, Form] = {
    "box_nms": Form(reason=_PER_CLASS + "neither the static result nor the order of ties can be had from it"),
    "column_nms": Form(reason=_PER_CLASS + "neither the static result nor the order of ties can be had from it"),
    "multibox_detection": Form(reason=_PER_CLASS + "suppressed boxes would lose their places"),
    "roi_align": Form(("RoiAlign", "Slice", "Less", "Max", "Where"), refuse=_roi_align),
    "roi_max_pool": Form(("MaxRoiPool", "Slice", "Less", "Max", "Concat", "Where"), refuse=_roi_max_pool),
    "rotated_roi_align": Form(reason="RoiAlign of ONNX takes regions along the axes"),
    "ps_roi_pool": Form(reason="ONNX has no mean over bins of whole elements, nor channels for each bin"),
    "deformable_ps_roi_pool": Form(reason="ONNX has no bins that are moved by data"),
    "proposal": Form(reason=_PER_CLASS + "what lacks of a static number of regions could not be repeated"),
    "bipartite_matching": Form(reason=_MATCHED),
    "box_encode": Form(reason="it makes the targets of training, which engines are not for"),
}

STABLEHLO: dict[str, Form] = {
    "box_nms": Form(reason=_GREEDY),
    "column_nms": Form(reason=_GREEDY),
    "multibox_detection": Form(reason=_GREEDY),
    "roi_align": Form(reason=_GATHERED.format("StableHLO")),
    **dict.fromkeys(("rotated_roi_align", "deformable_ps_roi_pool"), Form(reason=_GATHERED.format("StableHLO"))),
    "ps_roi_pool": Form(reason="its bins have sizes that are data, and reductions of StableHLO have static windows"),
    "proposal": Form(reason=_GREEDY),
    "bipartite_matching": Form(reason=_MATCHED),
    "box_encode": Form(reason="it makes the targets of training, which engines are not for"),
    "roi_max_pool": Form(reason="its bins have sizes that are data, and reductions of StableHLO have static windows"),
}


def _no_plugin(node: Node) -> str:
    return f"TensorRT for RTX has no {ONNX[node.op].ops[0]}"


TENSORRT: dict[str, Refusal] = {"roi_align": _no_plugin, "roi_max_pool": _no_plugin}
