"""Convolutions, deconvolutions, dense layers and element-wise groups in ONNX, each with its steps."""

from collections.abc import Sequence
from typing import Any

from ngc.codegen.onnx.steps import apply_steps, register, stored
from ngc.codegen.onnx.writer import Handler, OnnxWriter, Tensor
from ngc.ir import Node, Step, Value
from ngc.ir.ops.convolution import pads
from ngc.passes.step_forms import split_operands

_LAST = 2**63 - 1
"""An end of a slice past every dimension's."""

_POINTWISE = {"stride": (1, 1), "pad": (0, 0), "pad_end": None, "dilate": (1, 1), "groups": 1}


def _split_bias(steps: Sequence[Step], operands: Sequence[Value]) -> tuple[list[Value], Sequence[Step], Sequence[Value]]:
    """Returns a first bias, which the layer takes as an operand of its own, and the steps that are left."""
    if steps and steps[0].kind == "bias":
        return [operands[0]], steps[1:], operands[1:]
    return [], steps, operands


def _convolve(writer: OnnxWriter, kind: str, x: Tensor, w: Value, bias: Sequence[Value], attrs: Any, **more: Any) -> Tensor:
    """Returns a convolution or deconvolution without steps."""
    both = pads(attrs)
    operands = [x, register(writer, w), *(writer.operand(value, x.dtype) for value in bias)]
    return writer.apply(kind, *operands, kernel_shape=list(w.type.shape[2:]), strides=list(attrs["stride"]), dilations=list(attrs["dilate"]),
                        group=attrs["groups"], pads=[before for before, _ in both] + [after for _, after in both], **more)


def _conv(writer: OnnxWriter, node: Node) -> list[Tensor]:
    (x, w), before, after = split_operands(node)
    rank = node.type.rank
    data, _ = apply_steps(writer, node.attrs["prologue"], before, register(writer, x, node.attrs["x_zero"]), rank, 1)
    bias, steps, operands = _split_bias(node.attrs["epilogue"], after)
    result = _convolve(writer, "Conv", _narrowed(writer, data, x) if node.attrs["prologue"] else data, w, bias, node.attrs)
    result, tees = apply_steps(writer, steps, operands, result, rank, 1)
    return stored(writer, node, [result, *tees])


def _separable(writer: OnnxWriter, node: Node) -> list[Tensor]:
    (x, depthwise, pointwise), before, after = split_operands(node)
    first, middle, middle_operands = _split_bias(node.attrs["prologue"], before)
    data = _convolve(writer, "Conv", register(writer, x), depthwise, first, node.attrs)
    data, _ = apply_steps(writer, middle, middle_operands, data, 4, 1)
    bias, steps, operands = _split_bias(node.attrs["epilogue"], after)
    result = _convolve(writer, "Conv", _narrowed(writer, data, x), pointwise, bias, _POINTWISE)
    result, tees = apply_steps(writer, steps, operands, result, 4, 1)
    return stored(writer, node, [result, *tees])


def _narrowed(writer: OnnxWriter, data: Tensor, x: Value) -> Tensor:
    """Returns what steps made of bf16 data as the layer multiplies it: rounded to bf16."""
    return writer.cast(writer.cast(data, "bf16"), "f32") if x.type.dtype == "bf16" else data


def _deconv(writer: OnnxWriter, node: Node) -> list[Tensor]:
    (x, w), _, after = split_operands(node)
    attrs, rank = node.attrs, node.type.rank
    adj, crop = attrs["adj"], pads(attrs)
    if all(extra < stride for extra, stride in zip(adj, attrs["stride"], strict=True)):
        bias, steps, operands = _split_bias(attrs["epilogue"], after)
        result = _convolve(writer, "ConvTranspose", register(writer, x), w, bias, attrs, output_padding=list(adj))
    else:
        # More than output_padding may be: zeros after the uncropped result. The crop comes last, since without them it may leave nothing.
        steps, operands = attrs["epilogue"], after
        result = _convolve(writer, "ConvTranspose", register(writer, x), w, (), {**attrs, "pad": (0,) * len(adj), "pad_end": None})
        result = writer.apply("Pad", result, writer.integers([0] * (rank + 2) + list(adj)), writer.number(0, result.dtype), mode="constant")
        if any(before or end for before, end in crop):
            ends = [-end if end else _LAST for _, end in crop]
            result = writer.apply("Slice", result, writer.integers(before for before, _ in crop), writer.integers(ends),
                                  writer.integers(range(2, rank)))
    result, tees = apply_steps(writer, steps, operands, result, rank, 1)
    return stored(writer, node, [result, *tees])


def _dense(writer: OnnxWriter, node: Node) -> list[Tensor]:
    (x, w), _, after = split_operands(node)
    rank = node.type.rank
    data = register(writer, x, node.attrs["x_zero"])
    bias, steps, operands = _split_bias(node.attrs["epilogue"], after) if rank == 2 else ([], node.attrs["epilogue"], after)
    if rank == 2:
        result = writer.apply("Gemm", data, register(writer, w), *(writer.operand(value, data.dtype) for value in bias), transB=1)
    elif w.type.dtype == "i8":
        result = writer.apply("MatMul", data, writer.apply("Transpose", register(writer, w), perm=[1, 0]))
    else:
        result = writer.apply("MatMul", data, writer.transposed(w, data.dtype))
    result, tees = apply_steps(writer, steps, operands, result, rank, -1)
    return stored(writer, node, [result, *tees])


def _eltwise(writer: OnnxWriter, node: Node) -> list[Tensor]:
    (x,), _, operands = split_operands(node)
    result, tees = apply_steps(writer, node.attrs["epilogue"], operands, register(writer, x), max(node.type.rank, 1), 1 if node.type.rank > 1 else 0)
    return stored(writer, node, [result, *tees])


HANDLERS: dict[str, Handler] = {
    **{f"conv{rank}d": _conv for rank in (1, 2, 3)},
    **{f"deconv{rank}d": _deconv for rank in (1, 2, 3)},
    "separable_conv2d": _separable, "dense": _dense, "eltwise": _eltwise,
}
