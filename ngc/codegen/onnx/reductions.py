"""Reductions in ONNX. Sums of integers are i64, which ONNX Runtime takes in f64: exactly, as far as the table of forms lets them through; the mean of
integers truncates."""

from functools import partial

from ngc.codegen.onnx.writer import Handler, OnnxWriter, Tensor
from ngc.ir import Node
from ngc.ir.tensor_type import FLOATS


def _reduce(writer: OnnxWriter, node: Node, kind: str, x: Tensor) -> Tensor:
    return writer.apply(kind, x, writer.integers(node.attrs["axes"]), keepdims=int(node.attrs["keepdims"]))


def _plain(writer: OnnxWriter, node: Node, kind: str) -> Tensor:
    return _reduce(writer, node, kind, writer.computed(node.inputs[0]))


def _wide(writer: OnnxWriter, node: Node, kind: str) -> Tensor:
    x = node.inputs[0]
    return _reduce(writer, node, kind, writer.computed(x) if x.type.dtype in FLOATS else writer.operand(x, "i64"))


def _mean(writer: OnnxWriter, node: Node) -> Tensor:
    x = node.inputs[0]
    if x.type.dtype in FLOATS:
        return _plain(writer, node, "ReduceMean")
    wide = writer.operand(x, "i64")
    total = _reduce(writer, node, "ReduceSum", wide)
    count = writer.apply("Div", writer.apply("Size", wide), writer.apply("Size", total))
    return writer.apply("Div", total, count)


def _l1(writer: OnnxWriter, node: Node) -> Tensor:
    x = node.inputs[0]
    if x.type.dtype in FLOATS:
        return _plain(writer, node, "ReduceL1")
    return _reduce(writer, node, "ReduceSum", writer.cast(writer.apply("Abs", writer.computed(x)), "i64"))


def _l2(writer: OnnxWriter, node: Node) -> Tensor:
    x = node.inputs[0]
    if x.type.dtype in FLOATS:
        return _plain(writer, node, "ReduceL2")
    wide = writer.operand(x, "f64")
    return writer.apply("Sqrt", _reduce(writer, node, "ReduceSum", writer.apply("Mul", wide, wide)))


HANDLERS: dict[str, Handler] = {
    "reduce_sum": partial(_wide, kind="ReduceSum"), "reduce_prod": partial(_wide, kind="ReduceProd"), "reduce_mean": _mean,
    "reduce_max": partial(_plain, kind="ReduceMax"), "reduce_min": partial(_plain, kind="ReduceMin"), "reduce_l1": _l1, "reduce_l2": _l2,
}
