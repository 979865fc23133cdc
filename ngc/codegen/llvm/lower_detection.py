"""Lowers to kernels: operators of object detection: anchors, boxes, suppression, regions of interest."""

from collections.abc import Callable
from functools import partial

from ngc.codegen.llvm.calls import Scratch, static
from ngc.codegen.llvm.kernels.box_nms import BoxNmsKernel
from ngc.codegen.llvm.kernels.column_nms import ColumnNmsKernel
from ngc.codegen.llvm.kernels.multibox_detection import MultiboxDetectionKernel
from ngc.codegen.llvm.kernels.ps_roi_pool import PsRoiPoolKernel
from ngc.codegen.llvm.kernels.region_pooling import RegionKernel
from ngc.codegen.llvm.kernels.roi_align import RoiAlignKernel, RotatedRoiAlignKernel
from ngc.codegen.llvm.kernels.roi_max_pool import RoiMaxPoolKernel
from ngc.codegen.llvm.kernels.suppression import SuppressionKernel
from ngc.codegen.llvm.lower import Handler, Lowering
from ngc.codegen.llvm.lower_moves import batch_of, node_call, plain_call, planes
from ngc.codegen.llvm.views import extent_of
from ngc.errors import CodegenError
from ngc.ir import Node, Shape
from ngc.ir.ops.suppression import suppresses
from ngc.ir.tensor_type import product


def _require_f32(node: Node) -> None:
    dtype = node.inputs[0].type.dtype
    if dtype != "f32":
        raise CodegenError(f"kernels take f32 data, not {dtype}")


def _suppression(lowering: Lowering, node: Node, kernel: Callable[..., SuppressionKernel], shape: Shape) -> None:
    """Adds the call of a suppression in lists of rows of a shape (..., rows, columns)."""
    _require_f32(node)
    attrs = dict(node.attrs)
    count, width = static(shape[-2]), static(shape[-1])
    topk, rows, force = attrs.pop("topk"), attrs.pop("rows"), attrs.pop("force_suppress")
    by_class = attrs["id_index"] >= 0 and not force
    spec = kernel(extent_of(product(shape[:-2])), count, width, rows or count, count if topk < 0 else min(topk, count), by_class=by_class, **attrs)
    node_call(lowering, spec, node, batch_of(*node.inputs, node.output), node.inputs, Scratch(spec.scratch_bytes(lowering.target)))


def _box_nms(lowering: Lowering, node: Node) -> None:
    _suppression(lowering, node, BoxNmsKernel, node.inputs[0].type.shape)


def _column_nms(lowering: Lowering, node: Node) -> None:
    boxes, scores = (value.type.shape for value in node.inputs[:2])
    _suppression(lowering, node, partial(ColumnNmsKernel, boxes=static(boxes[-2])), (*scores[:-1], node.type.shape[-1]))


def _multibox_detection(lowering: Lowering, node: Node) -> None:
    _require_f32(node)
    batch, classes, anchors = node.inputs[0].type.shape
    attrs, count = dict(node.attrs), static(anchors)
    topk = attrs.pop("nms_topk")
    spec = MultiboxDetectionKernel(extent_of(batch), static(classes), count, min(topk, count) if topk > 0 else count, suppress=suppresses(node.attrs), **attrs)
    node_call(lowering, spec, node, batch_of(*node.inputs, node.output), node.inputs, Scratch(spec.scratch_bytes(lowering.target)))


def _regions(kernel: type[RegionKernel]) -> Handler:
    """Returns the handler of an operator that pools regions, whose further attributes its kernel has."""

    def lower_regions(lowering: Lowering, node: Node) -> None:
        _require_f32(node)
        x, regions = node.inputs
        attrs = {name: value for name, value in node.attrs.items() if name != "pooled_size"}
        spec = kernel(planes(lowering, x), planes(lowering, node.output), extent_of(x.type.shape[0]), extent_of(regions.type.shape[0]), **attrs)
        plain_call(lowering, spec, node, *node.inputs)

    return lower_regions


def _ps_roi_pool(lowering: Lowering, node: Node) -> None:
    _require_f32(node)
    x, regions = node.inputs
    spec = PsRoiPoolKernel(planes(lowering, x), planes(lowering, node.output), extent_of(x.type.shape[0]), extent_of(regions.type.shape[0]),
                           node.attrs["spatial_scale"], node.attrs["groups"])
    plain_call(lowering, spec, node, *node.inputs)


HANDLERS: dict[str, Handler] = {
    "box_nms": _box_nms, "column_nms": _column_nms, "multibox_detection": _multibox_detection,
    "roi_align": _regions(RoiAlignKernel), "rotated_roi_align": _regions(RotatedRoiAlignKernel), "roi_max_pool": _regions(RoiMaxPoolKernel),
    "ps_roi_pool": _ps_roi_pool,
}
