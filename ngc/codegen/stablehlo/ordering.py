"""Operators that compare elements along an axis, in StableHLO."""

from collections.abc import Sequence

import numpy as np

from ngc.codegen.stablehlo.indexing import iota
from ngc.codegen.stablehlo.text import Body, Emitter, Tensor
from ngc.ir import Node
from ngc.ir.tensor_type import DTYPES


def emit_topk(body: Body, node: Node, operands: Sequence[Tensor]) -> list[Tensor]:
    """Emits topk as a stable sort of the elements and their indices, of which the first k stay. Booleans are ordered as integers."""
    x, axis = operands[0], node.attrs["axis"]
    data = body.convert(x, "i32") if x.dtype == "bool" else x
    values, indices = body.sort_with(data, iota(body, x.shape, axis), axis, backwards=node.attrs["largest"])
    return [body.part(body.convert(values, x.dtype), axis, 0, node.attrs["k"]), body.part(indices, axis, 0, node.attrs["k"])]


def emit_arg(body: Body, node: Node, operands: Sequence[Tensor]) -> list[Tensor]:
    """Emits argmax and argmin: the lowest index of an element that equals the extreme, or that is NaN, which then is the extreme."""
    x, axis = operands[0], node.attrs["axis"]
    data = body.convert(x, "i32") if x.dtype == "bool" else body.wide(x)
    kind = "maximum" if node.op == "argmax" else "minimum"
    others = [other for other in range(x.rank) if other != axis]
    extreme = body.broadcast(body.reduce(data, kind, _worst(kind, data.dtype), [axis]), x.shape, others)
    found = body.compare(data, "EQ", extreme)
    if data.is_float:
        found = body.map("or", found, body.compare(data, "NE", data))
    places = body.select(found, iota(body, x.shape, axis), x.shape[axis])
    first = body.reduce(places, "minimum", x.shape[axis], [axis])
    return [body.reshape(first, [int(dim) for dim in node.type.shape])]  # type: ignore[arg-type]  # fixed, as all shapes here


def _worst(kind: str, dtype: str) -> float:
    if dtype == "f32":
        return -np.inf if kind == "maximum" else np.inf
    limits = np.iinfo(DTYPES[dtype])
    return int(limits.min if kind == "maximum" else limits.max)


EMITTERS: dict[str, Emitter] = {"topk": emit_topk, "argmax": emit_arg, "argmin": emit_arg}
