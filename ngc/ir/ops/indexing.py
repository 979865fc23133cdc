"""Operators that pick elements by integers that are data: gather, one_hot and their like.

Indices are i32 or i64. None of these operators fails at run time: indices outside of the data are brought into it, as each operator's `mode` or text says.
"""

import math
from collections.abc import Sequence

import numpy as np

from ngc.errors import VerifyError
from ngc.ir.opdef import Arrays, Attr, Attrs, OpDef, Types
from ngc.ir.ops.shape import slices
from ngc.ir.tensor_type import DTYPES, Dim, Shape, SymDim, TensorType, format_shape, product

INDEX_DTYPES = ("i32", "i64")

_MODE = Attr("str", "clip", ("clip", "wrap"))


def _check_indices(indices: TensorType, name: str) -> None:
    if indices.dtype not in INDEX_DTYPES:
        raise VerifyError(f"{name}: indices are i32 or i64, not {indices.dtype}")


def check_axis(x: TensorType, axis: int, name: str) -> None:
    """Raises VerifyError where the tensor has no such axis, counted from 0."""
    if not 0 <= axis < x.rank:
        raise VerifyError(f"{name}: axis {axis} is outside a tensor of rank {x.rank}; axes are counted from 0")


def _check_not_empty(x: TensorType, axes: Sequence[int], name: str) -> None:
    if any(x.shape[axis] == 0 for axis in axes):
        raise VerifyError(f"{name}: no index is within data {format_shape(x.shape)}, whose picked dimension has no elements")


def _shaped(x: TensorType, shape: Sequence[Dim]) -> tuple[TensorType, ...]:
    """Returns the type of a result, once its number of elements is known to be linear in N."""
    product(shape)
    return (x.with_shape(shape),)


def _within(indices: np.ndarray, size: int, mode: str) -> np.ndarray:
    return np.asarray(np.mod(indices, size) if mode == "wrap" else np.clip(indices, 0, size - 1))


# -- reading ----------------------------------------------------------------------------------------------------------


def _gather_infer(types: Types, attrs: Attrs) -> tuple[TensorType, ...]:
    x, indices = types
    axis = attrs["axis"]
    _check_indices(indices, "gather")
    check_axis(x, axis, "gather")
    _check_not_empty(x, [axis], "gather")
    return _shaped(x, (*x.shape[:axis], *indices.shape, *x.shape[axis + 1:]))


def _gather(arrays: Arrays, attrs: Attrs) -> tuple[np.ndarray, ...]:
    x, indices = arrays
    axis = attrs["axis"]
    return (np.take(x, _within(indices, x.shape[axis], attrs["mode"]), axis),)


def _gather_elements_infer(types: Types, attrs: Attrs) -> tuple[TensorType, ...]:
    x, indices = types
    axis = attrs["axis"]
    _check_indices(indices, "gather_elements")
    check_axis(x, axis, "gather_elements")
    _check_not_empty(x, [axis], "gather_elements")
    if indices.rank != x.rank or any(own not in (1, dim) for position, (own, dim) in enumerate(zip(indices.shape, x.shape, strict=True)) if position != axis):
        raise VerifyError(f"gather_elements: indices {format_shape(indices.shape)} do not fit data {format_shape(x.shape)}; outside of axis {axis} their "
                          "dimensions are the data's or 1")
    return _shaped(x, (*x.shape[:axis], indices.shape[axis], *x.shape[axis + 1:]))


def _gather_elements(arrays: Arrays, attrs: Attrs) -> tuple[np.ndarray, ...]:
    x, indices = arrays
    axis = attrs["axis"]
    return (np.take_along_axis(x, _within(indices, x.shape[axis], attrs["mode"]), axis),)


def _check_coordinates(x: TensorType, indices: TensorType, name: str) -> int:
    """Returns how many of x's leading dimensions the first dimension of the indices counts."""
    _check_indices(indices, name)
    if not indices.rank or not isinstance(indices.shape[0], int) or not 1 <= indices.shape[0] <= x.rank:
        raise VerifyError(f"{name}: the first dimension of indices {format_shape(indices.shape)} is the number of coordinates, 1 to {x.rank} for data "
                          f"{format_shape(x.shape)}")
    _check_not_empty(x, range(indices.shape[0]), name)
    return indices.shape[0]


def _coordinates(indices: np.ndarray, shape: Sequence[int], *, from_end: bool) -> tuple[np.ndarray, ...]:
    rows = (np.where(row < 0, row + size, row) if from_end else row for row, size in zip(indices, shape, strict=False))
    return tuple(np.clip(row, 0, size - 1) for row, size in zip(rows, shape, strict=False))


def _gather_nd_infer(types: Types, attrs: Attrs) -> tuple[TensorType, ...]:
    x, indices = types
    count = _check_coordinates(x, indices, "gather_nd")
    return _shaped(x, (*indices.shape[1:], *x.shape[count:]))


def _gather_nd(arrays: Arrays, attrs: Attrs) -> tuple[np.ndarray, ...]:
    x, indices = arrays
    return (x[_coordinates(indices, x.shape, from_end=True)],)


# -- writing ----------------------------------------------------------------------------------------------------------


def _scatter_nd_infer(types: Types, attrs: Attrs) -> tuple[TensorType, ...]:
    x, indices, updates = types
    count = _check_coordinates(x, indices, "scatter_nd")
    wanted = (*indices.shape[1:], *x.shape[count:])
    if updates.shape != wanted or updates.dtype != x.dtype:
        raise VerifyError(f"scatter_nd: updates are {TensorType(wanted, x.dtype)} for data {x} and indices {format_shape(indices.shape)}, not {updates}")
    return (x,)


def _scatter_nd(arrays: Arrays, attrs: Attrs) -> tuple[np.ndarray, ...]:
    x, indices, updates = arrays
    count = indices.shape[0]
    at = np.ravel_multi_index(_coordinates(indices.reshape(count, math.prod(indices.shape[1:])), x.shape, from_end=False), x.shape[:count]).astype(np.int64)
    slots, last = np.unique(at[::-1], return_index=True)  # of updates of one element the last one counts
    result = x.reshape(math.prod(x.shape[:count]), math.prod(x.shape[count:])).copy()
    result[slots] = updates.reshape(at.size, result.shape[1])[at.size - 1 - last]
    return (result.reshape(x.shape),)


def _slice_update_infer(types: Types, attrs: Attrs) -> tuple[TensorType, ...]:
    x, update = types
    if not len(attrs["begin"]) == len(attrs["end"]) == len(attrs["step"]) == x.rank or 0 in attrs["step"]:
        raise VerifyError(f"slice_update: begin, end and step need {x.rank} values each and no step of 0 for data {format_shape(x.shape)}")
    wanted: list[Dim] = []
    for dim, part in zip(x.shape, slices(attrs), strict=True):
        if isinstance(dim, SymDim) and (part.start not in (None, 0) or part.stop is not None or part.step not in (None, 1)):
            raise VerifyError(f"slice_update: the dimension {dim} can only be written whole; compile with a fixed batch instead")
        wanted.append(dim if isinstance(dim, SymDim) else len(range(*part.indices(dim))))
    if update.shape != tuple(wanted) or update.dtype != x.dtype:
        raise VerifyError(f"slice_update: the update is {TensorType(tuple(wanted), x.dtype)} for this part of {x}, not {update}")
    return (x,)


def _slice_update(arrays: Arrays, attrs: Attrs) -> tuple[np.ndarray, ...]:
    result = arrays[0].copy()
    result[slices(attrs)] = arrays[1]
    return (result,)


# -- making -----------------------------------------------------------------------------------------------------------


def _one_hot_infer(types: Types, attrs: Attrs) -> tuple[TensorType, ...]:
    _check_indices(types[0], "one_hot")
    if attrs["depth"] < 1:
        raise VerifyError(f"one_hot: depth is at least 1, not {attrs['depth']}")
    return (TensorType((*types[0].shape, attrs["depth"]), attrs["dtype"]),)


def _one_hot(arrays: Arrays, attrs: Attrs) -> tuple[np.ndarray, ...]:
    dtype = DTYPES.get(attrs["dtype"], np.dtype(np.float32))
    on, off = (np.array(attrs[name]).astype(dtype) for name in ("on_value", "off_value"))
    return (np.where(arrays[0][..., None] == np.arange(attrs["depth"]), on, off),)


def _iota_infer(types: Types, attrs: Attrs) -> tuple[TensorType, ...]:
    like, axis = types[0], attrs["axis"]
    if axis is not None:
        check_axis(like, axis, "iota")
    if attrs["repeat"] < 1 or attrs["dtype"] == "bool":
        raise VerifyError(f"iota: repeat is at least 1, not {attrs['repeat']}, and dtype not bool")
    shape: Shape = like.shape if axis is None else (like.shape[axis],)
    return (TensorType(shape, attrs["dtype"]),)


def progression(count: int, start: float, step: float, repeat: int, dtype: str) -> np.ndarray:
    """Returns start + step * (i // repeat) for i below `count`, computed in the dtype; for integers start and step are truncated first."""
    kind = DTYPES.get(dtype, np.dtype(np.float32))
    terms = (np.arange(count) // repeat).astype(kind)
    return np.asarray(np.array(start).astype(kind) + terms * np.array(step).astype(kind), kind)


def _iota(arrays: Arrays, attrs: Attrs) -> tuple[np.ndarray, ...]:
    shape = arrays[0].shape if attrs["axis"] is None else (arrays[0].shape[attrs["axis"]],)
    return (progression(math.prod(shape), attrs["start"], attrs["step"], attrs["repeat"], attrs["dtype"]).reshape(shape),)


def _cumsum_infer(types: Types, attrs: Attrs) -> tuple[TensorType, ...]:
    check_axis(types[0], attrs["axis"], "cumsum")
    if types[0].dtype == "bool":
        raise VerifyError("cumsum adds numbers, not bool")
    return (types[0],)


def _cumsum(arrays: Arrays, attrs: Attrs) -> tuple[np.ndarray, ...]:
    return (np.cumsum(arrays[0], attrs["axis"], dtype=arrays[0].dtype),)


_DTYPE = Attr("str", "f32", (*DTYPES, "bf16"))
_AXIS = Attr("int", 0)
_BOUNDS = {"begin": Attr("bounds"), "end": Attr("bounds"), "step": Attr("bounds")}

OPS: tuple[OpDef, ...] = (
    OpDef("gather", ("x", "indices"), _gather_infer, _gather, {"axis": _AXIS, "mode": _MODE},
          doc="Slices of x along `axis`, in the indices' shape; indices outside are moved to the nearest end, or counted round with mode wrap."),
    OpDef("gather_elements", ("x", "indices"), _gather_elements_infer, _gather_elements, {"axis": _AXIS, "mode": _MODE},
          doc="The element of x at the index along `axis`, elsewhere at the result's own place; indices may be 1 long where they do not change."),
    OpDef("gather_nd", ("x", "indices"), _gather_nd_infer, _gather_nd,
          doc="Slices of x at coordinates: indices[m] counts dimension m, from the end where negative; what lies outside is moved to the nearest end."),
    OpDef("scatter_nd", ("x", "indices", "updates"), _scatter_nd_infer, _scatter_nd,
          doc="x with slices replaced at coordinates, the last of equal ones counts; coordinates outside are moved to the nearest end."),
    OpDef("slice_update", ("x", "update"), _slice_update_infer, _slice_update, _BOUNDS, doc="x with the part slice(begin, end, step) replaced."),
    OpDef("one_hot", ("indices",), _one_hot_infer, _one_hot,
          {"depth": Attr("int"), "on_value": Attr("float", 1.0), "off_value": Attr("float", 0.0), "dtype": _DTYPE},
          doc="A last axis of `depth` that is on where its position is the index and off elsewhere."),
    OpDef("iota", ("like",), _iota_infer, _iota,
          {"axis": Attr("int", None), "start": Attr("float", 0.0), "step": Attr("float", 1.0), "repeat": Attr("int", 1), "dtype": _DTYPE},
          doc="start + step * (i // repeat) in row-major order in the shape of `like`, or in that of one `axis` of it; only its shape is looked at."),
    OpDef("cumsum", ("x",), _cumsum_infer, _cumsum, {"axis": _AXIS}, doc="Sums of all elements up to each along `axis`, each rounded to the element type."),
)
