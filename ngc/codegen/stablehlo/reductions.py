"""Reductions over axes, and the normalizations that are made of them."""

from collections.abc import Sequence
from math import prod

import numpy as np

from ngc.codegen.stablehlo.text import Body, Tensor
from ngc.ir import Node
from ngc.ir.tensor_type import DTYPES

_MONOIDS = {"reduce_max": "maximum", "reduce_min": "minimum", "reduce_prod": "multiply"}


def _start(kind: str, dtype: str) -> float:
    """Returns the neutral element of a reduction in a dtype."""
    if kind in ("add", "multiply"):
        return int(kind == "multiply")
    low = kind == "maximum"
    if dtype == "f32":
        return -np.inf if low else np.inf
    limits = np.iinfo(DTYPES[dtype])
    return int(limits.min if low else limits.max)


def emit_reduction(body: Body, node: Node, operands: Sequence[Tensor]) -> list[Tensor]:
    """Emits the reductions; floats are summed in f32, integers in 32 bits, of which the narrower result keeps the last ones."""
    x, axes = operands[0], node.attrs["axes"]
    kind = _MONOIDS.get(node.op, "add")
    data = body.map("abs", x) if node.op == "reduce_l1" and x.dtype != "u8" else x
    data = body.wide(data) if x.is_float or kind in ("maximum", "minimum") else body.convert(data, "i32")
    if node.op == "reduce_l2":
        data = body.multiply(data, data)
    result = body.reduce(data, kind, _start(kind, data.dtype), axes)
    if node.op == "reduce_mean":
        result = body.divide(result, prod(x.shape[axis] for axis in axes))
    if node.op == "reduce_l2":
        result = body.map("sqrt", result)
    shape = [int(dim) for dim in node.type.shape]  # type: ignore[arg-type]  # fixed, as all shapes here
    return [body.convert(body.reshape(result, shape), x.dtype)]


def emit_batch_norm(body: Body, node: Node, operands: Sequence[Tensor]) -> list[Tensor]:
    """Emits batch_norm as x * s + t, with s and t computed from the statistics as the IR defines them."""
    x, gamma, beta, mean, var = map(body.wide, operands)
    deviation = body.map("sqrt", body.add(var, node.attrs["eps"]))
    scale = body.divide(body.like(gamma, 1.0) if node.attrs["fix_gamma"] else gamma, deviation)
    shift = body.subtract(beta, body.multiply(mean, scale))
    result = body.add(body.multiply(x, body.along(scale, x, node.attrs["axis"])), body.along(shift, x, node.attrs["axis"]))
    return [body.convert(result, operands[0].dtype)]


def emit_layer_norm(body: Body, node: Node, operands: Sequence[Tensor]) -> list[Tensor]:
    """Emits layer_norm in f32: the variance is the mean of squares of what is left without the mean."""
    x, gamma, beta = map(body.wide, operands)
    axis = node.attrs["axis"] % x.rank
    others = [other for other in range(x.rank) if other != axis]

    def mean(value: Tensor) -> Tensor:
        return body.divide(body.reduce(value, "add", 0.0, [axis]), x.shape[axis])

    centred = body.subtract(x, body.broadcast(mean(x), x.shape, others))
    deviation = body.map("sqrt", body.add(mean(body.multiply(centred, centred)), node.attrs["eps"]))
    scaled = body.multiply(body.divide(centred, body.broadcast(deviation, x.shape, others)), body.along(gamma, x, axis))
    return [body.convert(body.add(scaled, body.along(beta, x, axis)), operands[0].dtype)]


def rows_within(body: Body, lengths: Tensor, shape: Sequence[int], axis: int) -> Tensor:
    """Returns where elements along an axis of a shape lie below their row's length."""
    others = [other for other in range(len(shape)) if other != axis]
    places = body.broadcast(body.vector(range(shape[axis]), lengths.dtype), shape, [axis])
    return body.compare(places, "LT", body.broadcast(lengths, shape, others))


def softmax_weights(body: Body, x: Tensor, axis: int, present: Tensor | None = None) -> Tensor:
    """Returns softmax of f32 along an axis with the largest value subtracted first; elements that are not present do not count and become 0."""
    _, powers, total = _powers(body, x, axis, present)
    weights = body.divide(powers, body.broadcast(total, x.shape, [other for other in range(x.rank) if other != axis]))
    return weights if present is None else body.select(present, weights, 0.0)


def _powers(body: Body, x: Tensor, axis: int, present: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
    """Returns x less the largest value along an axis, its exponentials, and their sums."""
    x = x if present is None else body.select(present, x, -np.inf)
    shifted = body.subtract(x, body.broadcast(body.reduce(x, "maximum", -np.inf, [axis]), x.shape, [other for other in range(x.rank) if other != axis]))
    powers = body.map("exponential", shifted)
    return shifted, powers, body.reduce(powers, "add", 0.0, [axis])


def emit_softmax(body: Body, node: Node, operands: Sequence[Tensor]) -> list[Tensor]:
    """Emits softmax, where it is given lengths within them, and log_softmax."""
    x, axis = body.wide(operands[0]), node.attrs["axis"] % operands[0].rank
    if node.attrs["temperature"] != 1:
        x = body.divide(x, node.attrs["temperature"])
    if node.op == "softmax":
        present = rows_within(body, operands[1], x.shape, axis) if len(operands) == 2 else None
        result = softmax_weights(body, x, axis, present)
    else:
        shifted, _, total = _powers(body, x, axis, None)
        result = body.subtract(shifted, body.broadcast(body.map("log", total), x.shape, [other for other in range(x.rank) if other != axis]))
    return [body.convert(result, operands[0].dtype)]


def emit_group_norm(body: Body, node: Node, operands: Sequence[Tensor]) -> list[Tensor]:
    """Emits group_norm in f32, on rows that are groups: the variance is the mean of squares of what is left without the mean."""
    x, gamma, beta = (body.wide(operand) for operand in operands)
    rows = body.reshape(x, (x.shape[0], node.attrs["groups"], prod(x.shape[1:]) // node.attrs["groups"]))

    def mean(values: Tensor) -> Tensor:
        return body.multiply(body.reduce(values, "add", 0.0, (2,)), 1 / values.shape[2])

    def spread(values: Tensor) -> Tensor:
        return body.broadcast(values, rows.shape, (0, 1))

    centred = body.subtract(rows, spread(mean(rows)))
    inverse = body.map("rsqrt", body.add(mean(body.multiply(centred, centred)), node.attrs["eps"]))
    normal = body.reshape(body.multiply(centred, spread(inverse)), x.shape)
    return [body.convert(body.add(body.multiply(normal, body.along(gamma, x, 1)), body.along(beta, x, 1)), operands[0].dtype)]


def emit_lrn(body: Body, node: Node, operands: Sequence[Tensor]) -> list[Tensor]:
    """Emits lrn: sums of squares are windows along the channels."""
    x, attrs = body.wide(operands[0]), node.attrs
    half, ones = attrs["size"] // 2, [1] * (x.rank - 2)
    sums = body.reduce_window(body.multiply(x, x), "add", 0.0, (1, attrs["size"], *ones), [1] * x.rank,
                              [(0, 0), (half, half), *[(0, 0)] * len(ones)])
    base = body.add(body.multiply(sums, attrs["alpha"] / attrs["size"]), attrs["knorm"])
    return [body.convert(body.multiply(x, body.map("power", base, body.like(base, -attrs["beta"]))), operands[0].dtype)]
