"""Pooling as reductions of windows. Padding at the end is computed, so that every convention has as many windows as the IR says.

Maximum pooling passes NaN on, where the evaluator passes over it. What a window past the end of the data sums is zero, so its divisor does not matter.
"""

from collections.abc import Sequence

import numpy as np

from ngc.codegen.stablehlo.steps import finish, start
from ngc.codegen.stablehlo.text import Body, Tensor
from ngc.ir import Node
from ngc.ir.ops.pooling import LOWEST, pool_output, pool_windows
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
    attrs, ends = node.attrs, []
    for size, kernel, stride, pad in zip(x.shape[2:], attrs["kernel"], attrs["stride"], attrs["pad"], strict=True):
        last = (pool_output(size, kernel, stride, pad, attrs["convention"]) - 1) * stride
        ends.append(max(last + kernel - size - pad, 0))
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
    attrs, same, uneven = node.attrs, 1, []
    for axis, spec in enumerate(zip(attrs["kernel"], attrs["stride"], attrs["pad"], strict=True), 2):
        windows = pool_windows(x.shape[axis], *spec, attrs["convention"])
        lengths = [max(extent if attrs["count_include_pad"] else end - begin, 1) for begin, end, extent in windows]
        if len(set(lengths)) == 1:
            same *= lengths[0]
        else:
            uneven.append((axis, lengths))
    if not uneven:
        return total if same == 1 else body.divide(total, same)
    divisor = body.like(total, same)
    for axis, lengths in uneven:
        divisor = body.multiply(divisor, body.along(body.vector(lengths, "f32"), total, axis))
    return body.divide(total, divisor)
