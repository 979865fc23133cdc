"""Operators that move data, in ONNX."""


import numpy as np

from ngc.codegen.onnx.writer import Handler, OnnxWriter, Tensor, static_shape
from ngc.ir import Node, SymDim
from ngc.ir.ops.shape import pad_widths, slices
from ngc.ir.tensor_type import DTYPES


def _identity(writer: OnnxWriter, node: Node) -> Tensor:
    return writer.operand(node.inputs[0])


def _reshape(writer: OnnxWriter, node: Node) -> Tensor:
    return writer.reshape(writer.operand(node.inputs[0]), static_shape(node.attrs["shape"]))


def _transpose(writer: OnnxWriter, node: Node) -> Tensor:
    return writer.apply("Transpose", writer.operand(node.inputs[0]), perm=list(node.attrs["axes"]))


def _concat(writer: OnnxWriter, node: Node) -> Tensor:
    return writer.apply("Concat", *(writer.operand(value) for value in node.inputs), axis=node.attrs["axis"])


def _slice(writer: OnnxWriter, node: Node) -> Tensor:
    x = node.inputs[0]
    rows: list[tuple[int, int, int, int]] = []
    for axis, (dim, part) in enumerate(zip(x.type.shape, slices(node.attrs), strict=True)):
        if isinstance(dim, SymDim):  # is taken whole
            continue
        start, stop, step = part.indices(dim)
        if (start, stop, step) != (0, dim, 1):
            # Backwards to the first element: ONNX counts a negative end from the end of the axis, like Python, so it must lie before all elements.
            rows.append((start, stop if stop >= 0 else -dim - 1, axis, step))
    if not rows:
        return writer.operand(x)
    starts, ends, axes, steps = (writer.integers(column) for column in zip(*rows, strict=True))
    return writer.apply("Slice", writer.operand(x), starts, ends, axes, steps)


def _pad(writer: OnnxWriter, node: Node) -> Tensor:
    stored = node.inputs[0].type.dtype
    x = writer.operand(node.inputs[0], "f32" if stored == "bf16" else stored)
    widths = pad_widths(node.attrs)
    amounts = writer.integers([before for before, _ in widths] + [after for _, after in widths])
    if node.attrs["mode"] != "constant":
        return writer.apply("Pad", x, amounts, mode=node.attrs["mode"])
    fill = np.array(node.attrs["value"]).astype(DTYPES[x.dtype]).item()
    return writer.apply("Pad", x, amounts, writer.number(fill, x.dtype), mode="constant")


_RESIZED = ("f32", "f16", "i32", "i8", "u8")
"""Element types of ONNX Runtime's Resize."""


def _upsample(writer: OnnxWriter, node: Node) -> Tensor:
    x, scale = node.inputs[0], node.attrs["scale"]
    data = writer.operand(x, "f32" if x.type.dtype == "bf16" else x.type.dtype)
    if data.dtype in _RESIZED:
        return writer.apply("Resize", data, None, writer.vector((1, 1, *scale), "f32"), mode="nearest", coordinate_transformation_mode="asymmetric",
                            nearest_mode="floor")
    batch, channels, *spatial = static_shape(x.type.shape)
    split = [batch, channels, *(part for dim in spatial for part in (dim, 1))]
    repeats = [1, 1, *(part for factor in scale for part in (1, factor))]
    repeated = writer.apply("Expand", writer.reshape(data, split), writer.integers(repeats))
    return writer.reshape(repeated, static_shape(node.type.shape))


def _broadcast_to(writer: OnnxWriter, node: Node) -> Tensor:
    stored = node.inputs[0].type.dtype
    # A dimension of N is the operand's own: Expand leaves it where it is asked for 1.
    shape = [1 if isinstance(dim, SymDim) else dim for dim in node.attrs["shape"]]
    return writer.apply("Expand", writer.operand(node.inputs[0], "f32" if stored == "bf16" else stored), writer.integers(shape))


HANDLERS: dict[str, Handler] = {
    "identity": _identity, "dropout": _identity, "reshape": _reshape, "transpose": _transpose, "concat": _concat, "slice": _slice, "pad": _pad,
    "upsample": _upsample, "broadcast_to": _broadcast_to,
}
