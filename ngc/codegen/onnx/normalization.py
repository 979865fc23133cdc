"""Batch normalization, local response normalization and softmax in ONNX."""

from functools import partial
from math import prod

from ngc.codegen.onnx.writer import Handler, OnnxWriter, Tensor, static_shape
from ngc.ir import Node


def _batch_norm(writer: OnnxWriter, node: Node) -> Tensor:
    x, gamma, beta, mean, var = node.inputs
    rank, axis = node.type.rank, node.attrs["axis"] % node.type.rank
    dtypes = {value.type.dtype for value in node.inputs}
    dtype = "f64" if "f64" in dtypes else "f16" if dtypes == {"f16"} else "f32"
    data = writer.operand(x, dtype)
    channels = int(mean.type.shape[0])  # type: ignore[arg-type]  # channels have no N
    if axis == 1 and dtype != "f64":  # its epsilon is a number of f32
        scale = writer.vector([1.0] * channels, dtype) if node.attrs["fix_gamma"] else writer.operand(gamma, dtype)
        return writer.apply("BatchNormalization", data, scale, *(writer.operand(value, dtype) for value in (beta, mean, var)), epsilon=node.attrs["eps"])
    shape = (channels, *(1,) * (rank - 1 - axis))
    deviation = writer.apply("Sqrt", writer.apply("Add", writer.arranged(var, shape, dtype), writer.number(node.attrs["eps"], dtype)))
    factor = writer.number(1, dtype) if node.attrs["fix_gamma"] else writer.arranged(gamma, shape, dtype)
    centred = writer.apply("Sub", data, writer.arranged(mean, shape, dtype))
    scaled = writer.apply("Mul", centred, writer.apply("Div", factor, deviation))
    return writer.apply("Add", scaled, writer.arranged(beta, shape, dtype))


def _group_norm(writer: OnnxWriter, node: Node) -> Tensor:
    """Returns InstanceNormalization of rows that are groups, then scaled channel by channel; of groups of one channel that is all."""
    x, gamma, beta = node.inputs
    batch, channels, *spatial = static_shape(node.type.shape)
    groups, eps, data = node.attrs["groups"], node.attrs["eps"], writer.operand(x, "f32")
    if groups == channels:
        return writer.apply("InstanceNormalization", data, writer.operand(gamma, "f32"), writer.operand(beta, "f32"), epsilon=eps)
    rows = writer.reshape(data, (batch, groups, channels // groups * prod(spatial)))
    normal = writer.apply("InstanceNormalization", rows, writer.vector([1.0] * groups, "f32"), writer.vector([0.0] * groups, "f32"), epsilon=eps)
    column = (channels, *(1,) * len(spatial))
    scaled = writer.apply("Mul", writer.reshape(normal, (batch, channels, *spatial)), writer.arranged(gamma, column, "f32"))
    return writer.apply("Add", scaled, writer.arranged(beta, column, "f32"))


def _lrn(writer: OnnxWriter, node: Node) -> Tensor:
    """Returns LRN of images; data of another rank becomes images of one row for it."""
    x, attrs = writer.computed(node.inputs[0]), node.attrs
    batch, channels, *spatial = static_shape(node.type.shape)
    is_image = len(spatial) == 2
    if not is_image:
        x = writer.reshape(x, (batch, channels, 1, prod(spatial)))
    result = writer.apply("LRN", x, alpha=attrs["alpha"], beta=attrs["beta"], bias=attrs["knorm"], size=attrs["size"])
    return result if is_image else writer.reshape(result, (batch, channels, *spatial))


def _softmax(writer: OnnxWriter, node: Node, kind: str) -> Tensor:
    x, temperature = writer.computed(node.inputs[0]), node.attrs["temperature"]
    if temperature != 1:
        x = writer.apply("Div", x, writer.number(temperature, x.dtype))
    return writer.apply(kind, x, axis=node.attrs["axis"])


HANDLERS: dict[str, Handler] = {
    "batch_norm": _batch_norm, "group_norm": _group_norm, "lrn": _lrn,
    "softmax": partial(_softmax, kind="Softmax"), "log_softmax": partial(_softmax, kind="LogSoftmax"),
}
