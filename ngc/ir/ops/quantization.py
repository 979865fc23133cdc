"""Quantization said in the graph: floats become integers and back, as engines take it (`QuantizeLinear` and `DequantizeLinear` of ONNX)."""

import math

import numpy as np

from ngc.errors import VerifyError
from ngc.ir.opdef import Arrays, Attr, Attrs, OpDef, Types
from ngc.ir.tensor_type import DTYPES, Quant, TensorType, format_shape

_LIMITS = {"i8": (-128, 127), "u8": (0, 255)}


def _check(x: TensorType, dtype: str, attrs: Attrs, name: str) -> Quant:
    """Returns what the integers stand for; VerifyError where the attributes do not fit the data."""
    scales, axis = attrs["scales"], attrs["axis"]
    low, high = _LIMITS[dtype]
    if not scales or not all(0 < scale < math.inf for scale in scales):
        raise VerifyError(f"{name}: scales are positive and finite, at least one, not {scales}")
    if not low <= attrs["zero_point"] <= high:
        raise VerifyError(f"{name}: a zero_point of {dtype} lies between {low} and {high}, not at {attrs['zero_point']}")
    if axis is None and len(scales) != 1:
        raise VerifyError(f"{name}: {len(scales)} scales need an axis")
    if axis is not None and (not 0 <= axis < x.rank or x.shape[axis] != len(scales)):
        raise VerifyError(f"{name}: {len(scales)} scales do not fit axis {axis} of data {format_shape(x.shape)}")
    return Quant(tuple(scales), attrs["zero_point"], axis)


def _quantize_infer(types: Types, attrs: Attrs) -> tuple[TensorType, ...]:
    x = types[0]
    if x.dtype not in ("f32", "f16"):
        raise VerifyError(f"quantize takes data of f32 or f16, not {x.dtype}")
    return (TensorType(x.shape, attrs["dtype"], quant=_check(x, attrs["dtype"], attrs, "quantize")),)


def _dequantize_infer(types: Types, attrs: Attrs) -> tuple[TensorType, ...]:
    x = types[0]
    if x.dtype not in _LIMITS:
        raise VerifyError(f"dequantize takes data of i8 or u8, not {x.dtype}")
    quant = _check(x, x.dtype, attrs, "dequantize")
    if x.quant is not None and x.quant != quant:
        raise VerifyError(f"dequantize: the data's integers stand for other numbers: {x}")
    return (TensorType(x.shape, attrs["dtype"]),)


def _per_axis(attrs: Attrs, rank: int) -> np.ndarray:
    """Returns the scales in a shape that broadcasts against the data."""
    shape = [1] * rank
    if attrs["axis"] is not None:
        shape[attrs["axis"]] = -1
    return np.array(attrs["scales"], np.float32).reshape(shape)


def _quantize(arrays: Arrays, attrs: Attrs) -> tuple[np.ndarray, ...]:
    low, high = _LIMITS[attrs["dtype"]]
    x = arrays[0].astype(np.float32)
    integers = np.rint(np.where(np.isnan(x), 0, x) / _per_axis(attrs, x.ndim)) + np.float32(attrs["zero_point"])
    return (np.clip(integers, low, high).astype(DTYPES[attrs["dtype"]]),)


def _dequantize(arrays: Arrays, attrs: Attrs) -> tuple[np.ndarray, ...]:
    centred = arrays[0].astype(np.float32) - np.float32(attrs["zero_point"])
    return ((centred * _per_axis(attrs, arrays[0].ndim)).astype(DTYPES[attrs["dtype"]]),)


_ATTRS = {"scales": Attr("floats"), "zero_point": Attr("int", 0), "axis": Attr("int", None)}

OPS = (
    OpDef("quantize", ("x",), _quantize_infer, _quantize, {**_ATTRS, "dtype": Attr("str", "i8", ("i8", "u8"))},
          doc="x / scale + zero_point, rounded to the nearest integer, halves to even, saturated; a scale for all or for each position along `axis`."),
    OpDef("dequantize", ("x",), _dequantize_infer, _dequantize, {**_ATTRS, "dtype": Attr("str", "f32", ("f32", "f16"))},
          doc="(x - zero_point) * scale of integers."),
)
