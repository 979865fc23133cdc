"""Operators that compare elements along an axis, in ONNX, whose TopK too puts the lower index first among equals. Where NaN comes is not said there."""

from functools import partial

from ngc.codegen.onnx.writer import Handler, OnnxWriter, Tensor
from ngc.ir import Node

_COMPARED = {"f16": "f32"}
"""What ONNX Runtime has no comparing operators of, and a type that orders its numbers alike; other types see `COMPUTED_IN`."""


def _data(writer: OnnxWriter, node: Node) -> Tensor:
    x = writer.computed(node.inputs[0])
    return writer.cast(x, _COMPARED.get(x.dtype, x.dtype))


def _topk(writer: OnnxWriter, node: Node) -> list[Tensor]:
    x, attrs = _data(writer, node), node.attrs
    return writer.apply_many("TopK", x, writer.integers([attrs["k"]]), dtypes=(x.dtype, "i64"), axis=attrs["axis"], largest=int(attrs["largest"]))


def _arg(writer: OnnxWriter, node: Node, kind: str) -> Tensor:
    x, attrs = _data(writer, node), node.attrs
    return writer.apply(kind, x, dtype="i64", axis=attrs["axis"], keepdims=int(attrs["keepdims"]))


HANDLERS: dict[str, Handler] = {"topk": _topk, "argmax": partial(_arg, kind="ArgMax"), "argmin": partial(_arg, kind="ArgMin")}
