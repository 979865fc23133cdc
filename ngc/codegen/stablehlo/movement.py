"""Operators that move data without computing."""

from collections.abc import Sequence

import numpy as np

from ngc.codegen.stablehlo.text import Body, Tensor
from ngc.ir import Node
from ngc.ir.ops.shape import pad_widths, slices
from ngc.ir.tensor_type import DTYPES


def _shape(node: Node) -> tuple[int, ...]:
    return tuple(int(dim) for dim in node.type.shape)  # type: ignore[arg-type]  # fixed, as all shapes here


def emit_reshape(body: Body, node: Node, operands: Sequence[Tensor]) -> list[Tensor]:
    """Emits reshape."""
    return [body.reshape(operands[0], _shape(node))]


def emit_transpose(body: Body, node: Node, operands: Sequence[Tensor]) -> list[Tensor]:
    """Emits transpose."""
    return [body.transpose(operands[0], node.attrs["axes"])]


def emit_concat(body: Body, node: Node, operands: Sequence[Tensor]) -> list[Tensor]:
    """Emits concat."""
    return [body.concatenate(operands, node.attrs["axis"])]


def emit_slice(body: Body, node: Node, operands: Sequence[Tensor]) -> list[Tensor]:
    """Emits slice; an axis of negative step is turned round first, then read forwards."""
    x = operands[0]
    taken = [range(*part.indices(dim)) for part, dim in zip(slices(node.attrs), x.shape, strict=True)]
    backwards = [axis for axis, part in enumerate(taken) if part.step < 0]
    x = body.reverse(x, backwards)
    begin = [dim - 1 - part.start if part.step < 0 else part.start for part, dim in zip(taken, x.shape, strict=True)]
    step = [abs(part.step) for part in taken]
    end = [first + (len(part) - 1) * stride + 1 for first, part, stride in zip(begin, taken, step, strict=True)]
    return [body.slice(x, begin, end, step)]


def emit_pad(body: Body, node: Node, operands: Sequence[Tensor]) -> list[Tensor]:
    """Emits pad: a constant border, or axis by axis what lies at the edges."""
    x, widths = operands[0], pad_widths(node.attrs)
    if node.attrs["mode"] == "constant":
        value = np.array(node.attrs["value"]).astype(DTYPES.get(x.dtype, np.dtype(np.float32))).item()
        return [body.pad(x, widths, value)]
    border = _edge if node.attrs["mode"] == "edge" else _mirror
    for axis, (before, after) in enumerate(widths):
        size = x.shape[axis]
        parts = [border(body, x, axis, before, 0)] if before else []
        parts.append(x)
        parts += [border(body, x, axis, after, size)] if after else []
        x = body.concatenate(parts, axis)
    return [x]


def _edge(body: Body, x: Tensor, axis: int, width: int, at: int) -> Tensor:
    """Returns the first (`at` 0) or last slice of an axis, repeated."""
    row = body.part(x, axis, max(at - 1, 0), max(at, 1))
    shape = list(row.shape)
    shape[axis] = width
    return body.broadcast(row, shape, range(x.rank))


def _mirror(body: Body, x: Tensor, axis: int, width: int, at: int) -> Tensor:
    """Returns what lies behind the first (`at` 0) or before the last slice of an axis, backwards."""
    begin = at - 1 - width if at else 1
    return body.reverse(body.part(x, axis, begin, begin + width), [axis])


def emit_upsample(body: Body, node: Node, operands: Sequence[Tensor]) -> list[Tensor]:
    """Emits upsample: a dimension behind each spatial one holds the repetitions."""
    x = operands[0]
    wide, axes = list(x.shape[:2]), [0, 1]
    for size, scale in zip(x.shape[2:], node.attrs["scale"], strict=True):
        axes.append(len(wide))
        wide += [size, scale]
    return [body.reshape(body.broadcast(x, wide, axes), _shape(node))]


def emit_broadcast(body: Body, node: Node, operands: Sequence[Tensor]) -> list[Tensor]:
    """Emits broadcast_to."""
    return [body.broadcast_right(operands[0], _shape(node))]
