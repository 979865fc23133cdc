"""Batch and layer normalization, local response normalization and softmax in ONNX."""

from functools import partial
from math import inf, prod

from ngc.codegen.onnx.writer import Handler, OnnxWriter, Tensor, static_shape
from ngc.errors import CodegenError
from ngc.ir import Dim, Node, Value


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


def _layer_norm(writer: OnnxWriter, node: Node) -> Tensor:
    """Returns layer normalization over the last axis, to which another one is brought for it."""
    x, gamma, beta = (writer.computed(value) for value in node.inputs)
    rank, axis = node.type.rank, node.attrs["axis"] % node.type.rank
    last = [*range(axis), *range(axis + 1, rank), axis]
    data = x if axis == rank - 1 else writer.apply("Transpose", x, perm=last)
    result = writer.apply("LayerNormalization", data, gamma, beta, axis=-1, epsilon=node.attrs["eps"])
    return result if axis == rank - 1 else writer.apply("Transpose", result, perm=[last.index(position) for position in range(rank)])


def weights_within(writer: OnnxWriter, x: Tensor, lengths: Value, axis: int, size: Dim) -> Tensor:
    """Returns softmax along an axis of so many elements of which those from a row's length on do not count and become 0, those of empty rows too."""
    if not isinstance(size, int):
        raise CodegenError(f"softmax with lengths along an axis of {size} has no form in ONNX")
    rank = lengths.type.rank + 1
    along = writer.reshape(writer.vector(range(size), "i64"), [size if position == axis else 1 for position in range(rank)])
    limit = writer.reshape(writer.operand(lengths, "i64"), [*static_shape(lengths.type.shape[:axis]), 1, *static_shape(lengths.type.shape[axis:])])
    present = writer.apply("Less", along, limit, dtype="bool")
    weights = writer.apply("Softmax", writer.apply("Where", present, x, writer.number(-inf, x.dtype), dtype=x.dtype), axis=axis)
    return writer.apply("Where", present, weights, writer.number(0, x.dtype), dtype=x.dtype)


def _softmax(writer: OnnxWriter, node: Node, kind: str) -> Tensor:
    x, temperature = writer.computed(node.inputs[0]), node.attrs["temperature"]
    if temperature != 1:
        x = writer.apply("Div", x, writer.number(temperature, x.dtype))
    if len(node.inputs) == 2:
        axis = node.attrs["axis"] % node.type.rank
        return weights_within(writer, x, node.inputs[1], axis, node.type.shape[axis])
    return writer.apply(kind, x, axis=node.attrs["axis"])


HANDLERS: dict[str, Handler] = {
    "batch_norm": _batch_norm, "layer_norm": _layer_norm, "group_norm": _group_norm, "lrn": _lrn,
    "softmax": partial(_softmax, kind="Softmax"), "log_softmax": partial(_softmax, kind="LogSoftmax"),
}
