"""Reductions over axes."""

from collections.abc import Callable
from typing import Any

import numpy as np

from ngc.errors import VerifyError
from ngc.ir.opdef import Arrays, Attr, Attrs, OpDef, Types
from ngc.ir.tensor_type import TensorType, format_shape


def _infer(types: Types, attrs: Attrs) -> tuple[TensorType, ...]:
    x, axes = types[0], attrs["axes"]
    if len(set(axes)) != len(axes) or not axes or not all(0 <= axis < x.rank for axis in axes):
        raise VerifyError(f"reduction: axes {axes} do not fit data {format_shape(x.shape)}; they are counted from 0, each once")
    if attrs["keepdims"]:
        return (x.with_shape(1 if axis in axes else dim for axis, dim in enumerate(x.shape)),)
    return (x.with_shape(dim for axis, dim in enumerate(x.shape) if axis not in axes),)


def _mean(x: np.ndarray, **axes: Any) -> np.ndarray:
    if x.dtype.kind == "f":
        return np.asarray(x.mean(**axes, dtype=np.float64))
    return np.asarray(np.trunc(x.sum(**axes, dtype=np.int64) / (x.size // x.sum(**axes, dtype=np.int64).size)))


def _sum(x: np.ndarray, **axes: Any) -> np.ndarray:
    return np.asarray(x.sum(**axes, dtype=np.float64 if x.dtype.kind == "f" else np.int64))


def _prod(x: np.ndarray, **axes: Any) -> np.ndarray:
    return np.asarray(x.prod(**axes, dtype=np.float64 if x.dtype.kind == "f" else np.int64))


REDUCTIONS: dict[str, Callable[..., np.ndarray]] = {
    "reduce_sum": _sum, "reduce_mean": _mean, "reduce_prod": _prod,
    "reduce_max": lambda x, **axes: np.asarray(x.max(**axes)), "reduce_min": lambda x, **axes: np.asarray(x.min(**axes)),
    "reduce_l1": lambda x, **axes: _sum(np.abs(x), **axes), "reduce_l2": lambda x, **axes: np.sqrt(np.square(x.astype(np.float64)).sum(**axes)),
}
"""Sums, means and products are taken in double precision, integers in 64 bits; the mean of integers truncates."""


def _evaluate(name: str) -> Callable[[Arrays, Attrs], tuple[np.ndarray, ...]]:
    def evaluate(arrays: Arrays, attrs: Attrs) -> tuple[np.ndarray, ...]:
        return (REDUCTIONS[name](arrays[0], axis=attrs["axes"], keepdims=attrs["keepdims"]).astype(arrays[0].dtype),)

    return evaluate


OPS = tuple(OpDef(name, ("x",), _infer, _evaluate(name), {"axes": Attr("ints"), "keepdims": Attr("bool", False)}, frozenset({"reduction"}),
                  doc=f"{name.removeprefix('reduce_')} over `axes`.") for name in REDUCTIONS)
