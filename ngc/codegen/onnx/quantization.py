"""Quantization that a graph says itself, in ONNX: QuantizeLinear and DequantizeLinear with scales of f32, whatever float the data is."""


from ngc.codegen.onnx.writer import Handler, OnnxWriter, Tensor
from ngc.ir import Node


def _parameters(writer: OnnxWriter, node: Node, dtype: str) -> tuple[tuple[Tensor, Tensor], dict[str, int]]:
    """Returns scale and zero point, and the axis that they follow where there are several."""
    scales, zero, axis = node.attrs["scales"], node.attrs["zero_point"], node.attrs["axis"]
    if axis is None:
        return (writer.number(scales[0], "f32"), writer.number(zero, dtype)), {}
    return (writer.vector(scales, "f32"), writer.vector([zero] * len(scales), dtype)), {"axis": axis}


def _quantize(writer: OnnxWriter, node: Node) -> Tensor:
    dtype = node.attrs["dtype"]
    parameters, axis = _parameters(writer, node, dtype)
    return writer.apply("QuantizeLinear", writer.operand(node.inputs[0], "f32"), *parameters, dtype=dtype, **axis)


def _dequantize(writer: OnnxWriter, node: Node) -> Tensor:
    x = node.inputs[0]
    parameters, axis = _parameters(writer, node, x.type.dtype)
    return writer.apply("DequantizeLinear", writer.operand(x), *parameters, dtype="f32", **axis)


HANDLERS: dict[str, Handler] = {"quantize": _quantize, "dequantize": _dequantize}
