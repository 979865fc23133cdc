"""Checks and converts what callers feed, and describes inputs and outputs to them."""

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ngc.codegen import tensor_spec
from ngc.errors import InputError
from ngc.ir.tensor_type import DTYPES, SymDim, bind_shape, format_shape

_FLOAT32 = np.dtype(np.float32)

# A model meets few batches, and every run binds every shape.
_bound_shape = functools.lru_cache(maxsize=1024)(bind_shape)


@dataclass(frozen=True)
class TensorSpec:
    """One input or output of an executable.

    `shape` holds ints, and the string "N" (or "4*N") where a dimension follows the batch; `dtype` is numpy's name.
    """

    name: str
    shape: tuple[int | str, ...]
    dtype: str


def public_spec(spec: tensor_spec.TensorSpec) -> TensorSpec:
    """Returns a program's tensor as callers see it."""
    shape = tuple(str(dim) if isinstance(dim, SymDim) else dim for dim in spec.shape)
    return TensorSpec(spec.name, shape, numpy_dtype(spec.dtype).name)


def numpy_dtype(name: str) -> np.dtype[Any]:
    """Returns the numpy dtype that holds an IR dtype."""
    return DTYPES.get(name, _FLOAT32)


def check_feeds(feeds: Mapping[str, Any], specs: Sequence[tensor_spec.TensorSpec]) -> tuple[list[np.ndarray], int]:
    """Returns C-contiguous arrays in the order of the inputs, and the batch N (1 where no shape depends on it).

    Raises:
        InputError: a name, shape or dtype that does not fit; nothing has run then.
    """
    if not isinstance(feeds, Mapping):
        raise InputError(f"run() takes a dictionary of arrays by input name, not {type(feeds).__name__}; inputs: {_list(specs)}")
    unknown = sorted(str(name) for name in feeds if name not in {spec.name for spec in specs})
    if unknown:
        raise InputError(f"unknown input {', '.join(map(repr, unknown))}; inputs: {_list(specs)}")
    batch: int | None = None
    batch_from = ""
    arrays = []
    for spec in specs:
        if spec.name not in feeds:
            raise InputError(f"missing input {spec.name!r}; inputs: {_list(specs)}")
        array = _as_array(feeds[spec.name], spec)
        if array.ndim == len(spec.shape) and batch is None:
            for dim, size in zip(spec.shape, array.shape, strict=True):
                if isinstance(dim, SymDim) and size and size % dim.factor == 0:
                    batch, batch_from = size // dim.factor, spec.name
        wanted = _bound_shape(spec.shape, batch if batch is not None else 1)
        if array.shape != wanted:
            which = f" with N = {batch} as in {batch_from!r}" if batch_from not in ("", spec.name) else " with N >= 1"
            raise InputError(f"input {spec.name!r} has shape {array.shape}; accepted is {format_shape(spec.shape)}"
                             + (which if any(isinstance(dim, SymDim) for dim in spec.shape) else ""))
        arrays.append(array)
    return arrays, batch if batch is not None else 1


def _as_array(value: Any, spec: tensor_spec.TensorSpec) -> np.ndarray:
    dtype = numpy_dtype(spec.dtype)
    if isinstance(value, np.ndarray):
        array = value
    elif hasattr(value, "__dlpack__") and not hasattr(value, "__array__"):
        array = np.from_dlpack(value)
    else:
        try:
            array = np.asarray(value)
        except (ValueError, TypeError) as error:
            raise InputError(f"input {spec.name!r} is no array: {error}") from None
    if array.dtype != dtype:
        if not np.can_cast(array.dtype, dtype, "safe"):
            raise InputError(f"input {spec.name!r} has dtype {array.dtype}, which does not convert to {dtype} without loss; "
                             "convert it yourself if that is meant")
        array = array.astype(dtype)
    return array if array.flags.c_contiguous and array.flags.aligned else array.copy(order="C")


def check_out(out: Sequence[np.ndarray] | None, specs: Sequence[tensor_spec.TensorSpec], batch: int, feeds: Sequence[np.ndarray] = ()) -> list[np.ndarray]:
    """Returns the arrays that the outputs go to: the caller's, checked, or fresh ones.

    Raises:
        InputError: the caller's arrays are too few or many, have another shape or dtype, are not C-contiguous and writable, or overlap.
    """
    shapes = [_bound_shape(spec.shape, batch) for spec in specs]
    if out is None:
        return [np.empty(shape, numpy_dtype(spec.dtype)) for shape, spec in zip(shapes, specs, strict=True)]
    if len(out) != len(specs):
        raise InputError(f"out= takes {len(specs)} arrays, not {len(out)}")
    for array, shape, spec in zip(out, shapes, specs, strict=True):
        fits = isinstance(array, np.ndarray) and array.shape == shape and array.dtype == numpy_dtype(spec.dtype)
        if not fits or not array.flags.carray:
            raise InputError(f"out= for {spec.name!r} takes a writable C-contiguous array of shape {shape} and dtype {numpy_dtype(spec.dtype)}")
    for position, array in enumerate(out):
        # Outputs are written while inputs are still read.
        if any(np.may_share_memory(array, other) for other in (*feeds, *out[:position])):
            raise InputError(f"out= for {specs[position].name!r} shares memory with an input or another output; every output needs memory of its own")
    return list(out)


def _list(specs: Sequence[tensor_spec.TensorSpec]) -> str:
    return ", ".join(f"{spec.name!r} {format_shape(spec.shape)} {numpy_dtype(spec.dtype)}" for spec in specs)
