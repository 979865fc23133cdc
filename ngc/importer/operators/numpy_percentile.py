"""MXNet's numpy names: percentiles along axes, from sorted data; as src/operator/numpy/np_percentile_op-inl.h computes them.

    i = q (n - 1) / 100 in single precision, of n sorted elements           lower: s[floor(i)];  higher: s[ceil(i)];  nearest: s[round(i)], halves up
    linear: s[floor(i)] (1 - w) + s[floor(i) + 1] w with w = i - floor(i)   midpoint: the same of (floor(i) + ceil(i)) / 2

The percentiles asked for must be known, a number or a constant: they choose elements.
"""

from dataclasses import dataclass

import numpy as np

from ngc.importer.attributes import Field, enum
from ngc.importer.constant_values import constant_value
from ngc.importer.operators.conversion import Conversion, Operator
from ngc.importer.source_bytes import Array
from ngc.ir import Value
from ngc.ir.tensor_type import product


@dataclass(frozen=True)
class _Places:
    """Which sorted elements to take, and the weight of the one behind each; no weights where one element is the result."""

    below: Array
    above: Array
    weights: Array | None


def _places(asked: Array, count: int, interpolation: str) -> _Places:
    index = (asked.astype(np.float64) * (count - 1) / 100.0).astype(np.float32)
    whole = {"lower": np.floor(index), "higher": np.ceil(index), "nearest": np.floor(index.astype(np.float64) + 0.5)}.get(interpolation)
    if whole is not None:
        return _Places(whole.astype(np.int32), whole.astype(np.int32), None)
    if interpolation == "midpoint":
        index = (np.floor(index) + np.ceil(index)) / np.float32(2)
    below = np.floor(index).astype(np.int32)
    return _Places(below, np.minimum(below + 1, count - 1).astype(np.int32), index - below.astype(np.float32))


def _asked(conversion: Conversion) -> Array:
    """Returns the percentiles: a number, or a vector of them."""
    scalar = conversion.attrs["q_scalar"]
    if (scalar is None) != (len(conversion.inputs) == 2):
        raise conversion.fail("the percentiles are given either as q_scalar or as a second operand")
    asked = np.asarray(scalar) if scalar is not None else constant_value(conversion.inputs[1])
    if asked is None:
        raise conversion.fail("percentiles that are data: expected a number or a constant")
    if asked.ndim > 1 or not np.all((asked >= 0) & (asked <= 100)):
        raise conversion.fail(f"percentiles {asked.tolist()}: expected numbers between 0 and 100, of one dimension at most")
    return asked


def _percentile(conversion: Conversion) -> list[Value]:
    data, attrs = conversion.data, conversion.attrs
    if data.type.dtype == "bool":
        raise conversion.fail("percentiles of truth values")
    asked = _asked(conversion)
    reduced = tuple(range(conversion.rank)) if attrs["axis"] is None else conversion.axes(attrs["axis"])
    kept = [axis for axis in range(conversion.rank) if axis not in reduced]
    count = conversion.fixed(product(conversion.shape[axis] for axis in reduced), "the number of elements to choose from")
    if not count:
        raise conversion.fail("percentiles of no elements")
    rows = conversion.reshape(conversion.transpose(data, (*kept, *reduced), part="rows"), (*(conversion.shape[axis] for axis in kept), count), part="row")
    ordered = conversion.op("topk", rows, part="sorted", axis=len(kept), k=count, largest=False)
    chosen = _chosen(conversion, ordered, _places(asked, count, attrs["interpolation"]), "f64" if data.type.dtype == "f64" else "f32")
    front = conversion.transpose(chosen, (*range(len(kept), chosen.type.rank), *range(len(kept))), part="front")
    sizes = [1 if axis in reduced else dim for axis, dim in enumerate(conversion.shape)] if attrs["keepdims"] else [conversion.shape[axis] for axis in kept]
    return [conversion.reshape(front, (*asked.shape, *sizes))]


def _chosen(conversion: Conversion, ordered: Value, places: _Places, dtype: str) -> Value:
    """Returns elements along the last axis, or what lies between two of them, as floats."""
    axis = ordered.type.rank - 1

    def taken(part: str, index: Array) -> Value:
        value = conversion.op("gather", ordered, conversion.const(f"{part}_places", index), part=part, axis=axis)
        return value if value.type.dtype == dtype else conversion.op("cast", value, part=f"{part}_floats", dtype=dtype)

    if places.weights is None:
        return taken("chosen", places.below)
    parts = []
    for part, index, weights in (("below", places.below, np.float32(1) - places.weights), ("above", places.above, places.weights)):
        weight = conversion.const(f"{part}_weights", np.asarray(weights, np.float64 if dtype == "f64" else np.float32))
        parts.append(conversion.op("mul", taken(part, index), weight, part=f"{part}_part"))
    return conversion.op("add", *parts, part="between")


OPERATORS = {
    "_npi_percentile": Operator(
        _percentile,
        {"axis": Field("shape", None, optional=True), "interpolation": enum("linear", "lower", "higher", "midpoint", "nearest", default="linear"),
         "keepdims": Field("bool", False), "q_scalar": Field("double", None, optional=True)},
        1, 2, any_rank=True, becomes=("transpose", "reshape", "topk", "gather", "cast", "mul", "add")),
}
