"""The reference evaluator: runs a graph node by node in numpy. The oracle of tests and checks, and what folds constants."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from ngc.errors import InputError, VerifyError
from ngc.ir.graph import Graph, Node, Value
from ngc.ir.opdef import Attrs
from ngc.ir.ops.elementwise import cast_array
from ngc.ir.tensor_type import DTYPES, SymDim, bind_shape, format_shape

Observer = Callable[[Value, np.ndarray], None]
"""Sees every value as it is made."""


def evaluate_node(node: Node, arrays: list[np.ndarray], observe: Observer | None = None, batch: int | None = None) -> tuple[np.ndarray, ...]:
    """Returns a node's results for given operands, rounded to what their element types hold; `observe` sees the values inside its regions.

    `batch` is what N stands for; without it, operators whose attributes speak of N take it from their operands, which ones repeated N times do not tell.
    """
    rule = node.definition.regions
    if rule is not None:

        def run(region: Graph, operands: Sequence[np.ndarray]) -> list[np.ndarray]:
            return evaluate(region, dict(zip(region.input_names, operands, strict=True)), observe=observe)

        return tuple(rule.evaluate(arrays, node.attrs, node.regions, run))
    narrow = round_to_bf16 if node.inputs and node.inputs[0].type.dtype == "bf16" else None
    with np.errstate(all="ignore"):  # infinities and NaN are results like others
        results = node.definition.evaluate_arrays(arrays, _bound_attrs(node, batch), narrow)
        return tuple(_stored(array, value.type.dtype) for value, array in zip(node.outputs, results, strict=True))


def _bound_attrs(node: Node, batch: int | None) -> Attrs:
    if batch is None:
        return node.attrs
    shapes = [name for name, attr in node.definition.attrs.items() if attr.kind == "shape" and node.attrs[name] is not None]
    return {**node.attrs, **{name: bind_shape(node.attrs[name], batch) for name in shapes}}


def _stored(array: np.ndarray, dtype: str) -> np.ndarray:
    """Returns a result as memory holds it."""
    if dtype == "u8" and array.dtype == np.float32:
        return saturate_to_u8(array)
    return round_to_bf16(array) if dtype == "bf16" else array


def saturate_to_u8(array: np.ndarray) -> np.ndarray:
    """Returns floats rounded to the nearest integers, halves to even, within 0 and 255; NaN gives 0."""
    return np.asarray(np.clip(np.rint(np.where(np.isnan(array), 0, array)), 0, 255), np.uint8)


def round_to_bf16(array: np.ndarray) -> np.ndarray:
    """Returns floats as bf16 holds them, in single precision."""
    return cast_array(array, "bf16")


def evaluate(graph: Graph, feeds: Mapping[str, np.ndarray], *, observe: Observer | None = None) -> list[np.ndarray]:
    """Returns the graph's outputs for named inputs; `observe` sees every value as it is made, those inside regions before their results.

    Raises:
        InputError: an input is missing or has another shape.
        VerifyError: a constant's data is not at hand.
    """
    live: dict[Value, np.ndarray] = {}
    batch: int | None = None
    for value, name in zip(graph.inputs, graph.input_names, strict=True):
        if name not in feeds:
            raise InputError(f"missing input {name!r}; needed: {', '.join(graph.input_names)}")
        array = np.asarray(feeds[name], DTYPES.get(value.type.dtype, np.dtype(np.float32)))
        for dim, size in zip(value.type.shape, array.shape, strict=False):
            if isinstance(dim, SymDim) and batch is None:
                batch = size // dim.factor
        wanted = tuple(dim.factor * (batch or 1) if isinstance(dim, SymDim) else dim for dim in value.type.shape)
        if array.shape != wanted:
            raise InputError(f"input {name!r} has shape {array.shape}, not {format_shape(value.type.shape)}")
        live[value] = array
    remaining = {value: len(value.uses) for value in graph.values()}
    for value in graph.outputs:
        remaining[value] += 1
    for value in graph.inputs:
        if observe:
            observe(value, live[value])
    for node in graph.nodes:
        if node.op == "const":
            live[node.output] = node.output.array
        else:
            try:
                results = evaluate_node(node, [live[value] for value in node.inputs], observe, batch)
            except (ValueError, IndexError, TypeError) as error:
                raise VerifyError(f"the reference evaluation of {node!r} failed: {error}") from error
            live.update(zip(node.outputs, results, strict=True))
        if observe:
            for value in node.outputs:
                observe(value, live[value])
        for value in node.inputs:
            remaining[value] -= 1
            if not remaining[value]:
                live.pop(value, None)
    return [live[value] for value in graph.outputs]
