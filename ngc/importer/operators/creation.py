"""Operators that make tensors of nothing, or of a shape alone: constants, ranges, identity matrices, the shape itself."""

from collections.abc import Sequence
from math import prod

import numpy as np

from ngc.importer.attributes import IGNORED, Attributes, Field
from ngc.importer.operators.conversion import MAX_GENERATED, Conversion, Operator
from ngc.ir import Dim, SymDim, Value
from ngc.ir.ops.indexing import progression
from ngc.ir.tensor_type import DTYPES, format_shape


def scalar(conversion: Conversion, value: float, dtype: str, part: str) -> Value:
    """Returns a constant of one element, of shape (1,)."""
    if dtype == "bf16":  # numpy has no such type
        return conversion.op("cast", conversion.const(f"{part}_f32", np.full(1, value, np.float32)), part=part, dtype="bf16")
    with np.errstate(all="ignore"):
        return conversion.const(part, np.array([value]).astype(DTYPES[dtype]))


def filled(conversion: Conversion, value: float, shape: Sequence[Dim], dtype: str, part: str = "") -> Value:
    """Returns a tensor full of one value."""
    element = scalar(conversion, value, dtype, f"{part}_element" if part else "element")
    if not shape:
        return conversion.op("reshape", element, part=part, shape=())
    return conversion.op("broadcast_to", element, part=part, shape=tuple(shape))


def made(conversion: Conversion, array: np.ndarray, dtype: str, part: str = "") -> Value:
    """Returns an array that the converter computed as the node's result, or as a part of it."""
    conversion.check_generated(array.size)
    data = conversion.const(f"{part}_data" if part else "data", array)
    return conversion.op("cast", data, part=part, dtype="bf16") if dtype == "bf16" else conversion.op("identity", data, part=part)


def _shape(conversion: Conversion) -> tuple[int, ...]:
    """Returns the attribute `shape`. A dimension of 0 is one that MXNet finds out from who reads the tensor (the batch of an RNN's first state): 1 here,
    which broadcasts. Under numpy's rules 0 makes an empty tensor, and no dimensions a single number."""
    shape = tuple(conversion.attrs["shape"]) or (() if conversion.np_shape else (1,))
    if conversion.np_shape and 0 in shape:
        raise conversion.fail(f"shape = {format_shape(shape)}: a tensor without elements")
    if min(shape, default=0) < 0 or int(np.prod(shape, dtype=object)) > MAX_GENERATED:
        raise conversion.fail(f"shape = {format_shape(shape)}: expected dimensions of at least 0 and at most {MAX_GENERATED} elements")
    return tuple(dim or 1 for dim in shape)


def _zeros(conversion: Conversion) -> list[Value]:
    return [filled(conversion, 0, _shape(conversion), conversion.attrs["dtype"])]


def _ones(conversion: Conversion) -> list[Value]:
    return [filled(conversion, 1, _shape(conversion), conversion.attrs["dtype"])]


def _full(conversion: Conversion) -> list[Value]:
    return [filled(conversion, conversion.attrs["value"], _shape(conversion), conversion.attrs["dtype"])]


def _zeros_without_dtype(conversion: Conversion) -> list[Value]:
    """Zeros of f32 where the element type is left open (-1)."""
    return [filled(conversion, 0, _shape(conversion), "f32")]


def _arange(conversion: Conversion) -> list[Value]:
    """ceil((stop - start) / step) numbers, each `repeat` times; with no stop, from 0 to start."""
    attrs = conversion.attrs
    start, stop, step, repeat = attrs["start"], attrs["stop"], attrs["step"], attrs["repeat"]
    if stop is None:
        start, stop = 0.0, start
    count = np.ceil((stop - start) / step) if step else np.nan
    if not 0 < count * repeat <= MAX_GENERATED:
        raise conversion.fail(f"start = {start:g}, stop = {stop:g}, step = {step:g}, repeat = {repeat}: expected 1 to {MAX_GENERATED} numbers")
    return [made(conversion, progression(int(count) * repeat, start, step, repeat, attrs["dtype"]), attrs["dtype"])]


def _arange_like(conversion: Conversion) -> list[Value]:
    """A range in the data's shape or in that of one axis, and of its type; `repeat` does not make it longer."""
    attrs, x = conversion.attrs, conversion.data.type
    axis = None if attrs["axis"] is None else conversion.axis(attrs["axis"])
    shape = x.shape if axis is None else (x.shape[axis],)
    how = {name: attrs[name] for name in ("start", "step", "repeat")}
    if any(isinstance(dim, SymDim) for dim in shape):
        return [conversion.op("iota", conversion.data, axis=axis, dtype=x.dtype, **how)]
    fixed = [conversion.fixed(dim, "a dimension") for dim in shape]
    if prod(fixed) > MAX_GENERATED:
        raise conversion.fail(f"data of shape {format_shape(fixed)} has more than {MAX_GENERATED} elements")
    return [made(conversion, progression(prod(fixed), dtype=x.dtype, **how).reshape(fixed), x.dtype)]


def _eye(conversion: Conversion) -> list[Value]:
    """Ones on the k-th diagonal of N rows by M columns; M = 0 stands for N."""
    attrs = conversion.attrs
    rows, columns = attrs["N"], attrs["M"] or attrs["N"]
    if rows * columns > MAX_GENERATED:
        raise conversion.fail(f"N = {rows}, M = {columns}: expected at most {MAX_GENERATED} elements")
    return [made(conversion, np.eye(rows, columns, attrs["k"], DTYPES.get(attrs["dtype"], np.dtype(np.float32))), attrs["dtype"])]


def _linspace(conversion: Conversion) -> list[Value]:
    attrs = conversion.attrs
    if attrs["stop"] is None:
        raise conversion.fail("stop is missing")
    values = np.linspace(attrs["start"], attrs["stop"], attrs["num"], endpoint=attrs["endpoint"])
    return [made(conversion, values.astype(DTYPES.get(attrs["dtype"], np.dtype(np.float32))), attrs["dtype"])]


def _index_array(conversion: Conversion) -> list[Value]:
    """The index of every element, or what it has on some axes, along a new last axis."""
    sizes = [conversion.fixed(dim, "a dimension") for dim in conversion.shape]
    axes = conversion.axes(range(conversion.rank) if conversion.attrs["axes"] is None else conversion.attrs["axes"])
    if not axes:
        raise conversion.fail("axes = (): expected at least one")
    if prod(sizes) * len(axes) > MAX_GENERATED:
        raise conversion.fail(f"data of shape {format_shape(sizes)} has more than {MAX_GENERATED} indices")
    return [made(conversion, np.stack([np.indices(sizes, np.int64)[axis] for axis in axes], -1), "i64")]


def _shape_array(conversion: Conversion) -> list[Value]:
    sizes = [conversion.fixed(dim, "the shape") for dim in conversion.shape]
    return [made(conversion, np.array(sizes, np.int64), "i64")]


def _size_array(conversion: Conversion) -> list[Value]:
    sizes = [conversion.fixed(dim, "the size") for dim in conversion.shape]
    return [made(conversion, np.array([np.prod(sizes, dtype=np.int64)]), "i64")]


def refuse_inferred_range(attrs: Attributes) -> str | None:
    return "infer_range=True, a length that only the operators behind it tell" if attrs["infer_range"] else None


_SHAPE = {"shape": Field("shape", ()), "ctx": IGNORED}
_DTYPE = {"dtype": Field("dtype", "f32")}
_FILLED = ("broadcast_to", "reshape", "cast")
_MADE = ("identity", "cast")

OPERATORS: dict[str, Operator] = {
    "_zeros": Operator(_zeros, {**_SHAPE, **_DTYPE}, 0, 0, becomes=_FILLED),
    "_ones": Operator(_ones, {**_SHAPE, **_DTYPE}, 0, 0, becomes=_FILLED),
    "_full": Operator(_full, {**_SHAPE, **_DTYPE, "value": Field("double")}, 0, 0, becomes=_FILLED),
    "_zeros_without_dtype": Operator(_zeros_without_dtype, {**_SHAPE, "dtype": IGNORED}, 0, 0, becomes=_FILLED),
    "_arange": Operator(
        _arange,
        {
            "start": Field("double"),
            "stop": Field("double", None, optional=True),
            "step": Field("double", 1.0),
            "repeat": Field("int", 1, low=1),
            "infer_range": Field("bool", False),
            "ctx": IGNORED,
            **_DTYPE,
        },
        0,
        0,
        refuse=refuse_inferred_range,
        becomes=_MADE,
    ),
    "_contrib_arange_like": Operator(
        _arange_like,
        {
            "start": Field("double", 0.0),
            "step": Field("double", 1.0),
            "repeat": Field("int", 1, low=1),
            "ctx": IGNORED,
            "axis": Field("int", None, optional=True),
        },
        becomes=("iota", *_MADE),
    ),
    "_eye": Operator(
        _eye,
        {"N": Field("long", low=1), "M": Field("long", 0, low=0), "k": Field("long", 0), "ctx": IGNORED, **_DTYPE},
        0,
        0,
        becomes=_MADE,
    ),
    "_linspace": Operator(
        _linspace,
        {
            "start": Field("double"),
            "stop": Field("double", None, optional=True),
            "num": Field("int", low=1, high=MAX_GENERATED),
            "endpoint": Field("bool", True),
            "ctx": IGNORED,
            **_DTYPE,
        },
        0,
        0,
        becomes=_MADE,
    ),
    "_contrib_index_array": Operator(_index_array, {"axes": Field("shape", None, optional=True)}, becomes=_MADE),
    "shape_array": Operator(_shape_array, becomes=_MADE),
    "size_array": Operator(_size_array, becomes=_MADE),
}
