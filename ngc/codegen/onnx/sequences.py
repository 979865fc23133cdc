"""Operators on sequences of different lengths, in ONNX."""

from ngc.codegen.onnx.indexing import number_like
from ngc.codegen.onnx.writer import Handler, OnnxWriter, Tensor, static_shape
from ngc.ir import Node


def _sequence_mask(writer: OnnxWriter, node: Node) -> Tensor:
    x, lengths = node.inputs
    axis, ones = node.attrs["axis"], (1,) * (x.type.rank - 2)
    steps = static_shape(x.type.shape)[axis]  # the table of forms lets no N through
    times = writer.reshape(writer.integers(range(steps)), (steps, 1, *ones) if axis == 0 else (1, steps, *ones))
    limits = writer.reshape(writer.operand(lengths, "i64"), (1, -1, *ones) if axis == 0 else (-1, 1, *ones))
    inside = writer.apply("Less", times, limits, dtype="bool")
    data = writer.computed(x)
    return writer.apply("Where", inside, data, number_like(writer, node.attrs["value"], x.type.dtype), dtype=data.dtype)


HANDLERS: dict[str, Handler] = {"sequence_mask": _sequence_mask}
