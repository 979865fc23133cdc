"""Pooling as reductions of windows. Padding at the end is computed, so that every convention has as many windows as the IR says.

Maximum pooling passes NaN on, where the evaluator passes over it. What a window past the end of the data sums is zero, so its divisor does not matter.
"""

from collections.abc import Sequence

import numpy as np

from ngc.codegen.stablehlo.steps import finish, start
from ngc.codegen.stablehlo.text import Body, Tensor
from ngc.ir import Node
from ngc.ir.ops.pooling import LOWEST, pool_windows
from ngc.ir.tensor_type import DTYPES


def emit_pool(body: Body, node: Node, operands: Sequence[Tensor]) -> list[Tensor]:
    """Emits pool of every kind."""
    (x,), _, after = start(body, node, operands)
    kind = node.attrs["kind"]
    if kind == "max":
        lowest = LOWEST if x.is_float else int(np.iinfo(DTYPES[x.dtype]).min)
        # The lowest float is -inf in 16 bits: there the maximum is taken in f32.
        return finish(body, node, _windows(body, node, body.wide(x), "maximum", lowest), after)
    data = body.convert(x, "f32")
    if kind == "lp":
        return finish(body, node, _root(body, _windows(body, node, _power(body, data, node.attrs["p"]), "add", 0.0), node.attrs["p"]), after)
    total = _windows(body, node, data, "add", 0.0)
    return finish(body, node, total if kind == "sum" else _divided(body, node, x, total), after)


def _windows(body: Body, node: Node, x: Tensor, kind: str, start: float) -> Tensor:
    attrs, out = node.attrs, node.type.shape[2:]
    ends = [max((int(count) - 1) * stride + kernel - size - pad, 0) for count, stride, kernel, size, pad  # type: ignore[call-overload]
            in zip(out, attrs["stride"], attrs["kernel"], x.shape[2:], attrs["pad"], strict=True)]
    padding = [(0, 0), (0, 0), *zip(attrs["pad"], ends, strict=True)]
    return body.reduce_window(x, kind, start, (1, 1, *attrs["kernel"]), (1, 1, *attrs["stride"]), padding)


def _power(body: Body, x: Tensor, p: int) -> Tensor:
    result = x
    for _ in range(p - 1):
        result = body.multiply(result, x)
    return result


def _root(body: Body, x: Tensor, p: int) -> Tensor:
    return x if p == 1 else body.map("sqrt" if p == 2 else "cbrt", x)


def _divided(body: Body, node: Node, x: Tensor, total: Tensor) -> Tensor:
    """Returns sums over the numbers of elements that their windows count: the product of one number for each axis."""
    attrs = node.attrs
    divisor: Tensor | float = 1.0
    uneven = []
    for axis, spec in enumerate(zip(attrs["kernel"], attrs["stride"], attrs["pad"], strict=True), 2):
        windows = pool_windows(x.shape[axis], *spec, attrs["convention"])
        lengths = [max(extent if attrs["count_include_pad"] else end - begin, 1) for begin, end, extent in windows]
        if len(set(lengths)) == 1:
            divisor *= lengths[0]
        else:
            uneven.append((axis, lengths))
    for axis, lengths in uneven:
        vector = body.along(body.vector(lengths, "f32"), total, axis)
        divisor = body.multiply(vector, divisor)
    return total if divisor == 1.0 else body.divide(total, divisor)
