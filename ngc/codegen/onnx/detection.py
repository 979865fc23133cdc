"""Writes to ONNX: operators of object detection: anchors, boxes, suppression, regions of interest.

    roi_align(x, r)      =  where(image < 0, 0, RoiAlign(x, corners, max(image, 0)))
    roi_max_pool(x, r)   =  where(image < 0, 0, MaxRoiPool(x, [max(image, 0), corners]))

Both formulas take an image below 0 for none, as MXNet's users do to mark regions that are not there.
"""

from ngc.codegen.onnx.writer import COMPUTED_IN, Handler, OnnxWriter, Tensor
from ngc.ir import Node


def _columns(writer: OnnxWriter, regions: Tensor, begin: int, end: int) -> Tensor:
    return writer.apply("Slice", regions, writer.integers([begin]), writer.integers([end]), writer.integers([1]))


def _dtype(node: Node) -> str:
    dtype = node.inputs[0].type.dtype
    return COMPUTED_IN.get(dtype, dtype)


def _existing(writer: OnnxWriter, images: Tensor, pooled: Tensor) -> Tensor:
    """Returns what was pooled, zeros for regions of an image below 0."""
    missing = writer.reshape(writer.apply("Less", images, writer.number(0, images.dtype), dtype="bool"), [-1, 1, 1, 1])
    return writer.apply("Where", missing, writer.number(0, pooled.dtype), pooled, dtype=pooled.dtype)


def _roi_align(writer: OnnxWriter, node: Node) -> Tensor:
    x, regions = (writer.operand(value, _dtype(node)) for value in node.inputs)
    images = writer.reshape(writer.cast(_columns(writer, regions, 0, 1), "i64"), [-1])
    height, width = node.attrs["pooled_size"]
    pooled = writer.apply("RoiAlign", x, _columns(writer, regions, 1, 5), writer.apply("Max", images, writer.number(0, "i64")),
                          output_height=height, output_width=width, sampling_ratio=max(node.attrs["sample_ratio"], 0),
                          spatial_scale=node.attrs["spatial_scale"], coordinate_transformation_mode="half_pixel" if node.attrs["aligned"]
                          else "output_half_pixel")
    return _existing(writer, images, pooled)


def _roi_max_pool(writer: OnnxWriter, node: Node) -> Tensor:
    x, regions = (writer.operand(value, _dtype(node)) for value in node.inputs)
    images = _columns(writer, regions, 0, 1)
    known = writer.apply("Concat", writer.apply("Max", images, writer.number(0, images.dtype)), _columns(writer, regions, 1, 5), axis=1)
    pooled = writer.apply("MaxRoiPool", x, known, pooled_shape=list(node.attrs["pooled_size"]), spatial_scale=node.attrs["spatial_scale"])
    return _existing(writer, images, pooled)


HANDLERS: dict[str, Handler] = {"roi_align": _roi_align, "roi_max_pool": _roi_max_pool}
