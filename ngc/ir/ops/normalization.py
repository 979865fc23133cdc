"""Batch normalization at inference, layer normalization, local response normalization, softmax."""

import numpy as np

from ngc.errors import VerifyError
from ngc.ir.opdef import Arrays, Attr, Attrs, OpDef, Types
from ngc.ir.ops.group_norm import GROUP_NORM
from ngc.ir.ops.matmul import masked_softmax
from ngc.ir.tensor_type import FLOATS, TensorType, format_shape


def _axis(axis: int, rank: int, name: str) -> int:
    if not -rank <= axis < rank:
        raise VerifyError(f"{name}: axis {axis} is outside a tensor of rank {rank}")
    return axis % rank


def _batch_norm_infer(types: Types, attrs: Attrs) -> tuple[TensorType, ...]:
    x = types[0]
    channels = x.shape[_axis(attrs["axis"], x.rank, "batch_norm")]
    for name, operand in zip(("gamma", "beta", "mean", "var"), types[1:], strict=True):
        if operand.shape != (channels,):
            raise VerifyError(f"batch_norm: {name} needs the shape ({channels},) for data {format_shape(x.shape)}, not {format_shape(operand.shape)}")
    return (x,)


def scale_shift(gamma: np.ndarray, beta: np.ndarray, mean: np.ndarray, var: np.ndarray, attrs: Attrs) -> tuple[np.ndarray, np.ndarray]:
    """Returns (s, t) in double precision with batch_norm(x) = x*s + t; `fix_gamma` takes 1 for gamma whatever is stored."""
    factor = np.ones_like(gamma, np.float64) if attrs["fix_gamma"] else gamma.astype(np.float64)
    scale = factor / np.sqrt(var.astype(np.float64) + attrs["eps"])
    return scale, beta.astype(np.float64) - mean.astype(np.float64) * scale


def _batch_norm_evaluate(arrays: Arrays, attrs: Attrs) -> tuple[np.ndarray, ...]:
    x = arrays[0]
    gamma, beta, mean, var = arrays[1:]
    scale, shift = scale_shift(gamma, beta, mean, var, attrs)
    shape = [1] * x.ndim
    shape[attrs["axis"]] = -1
    return ((x * scale.reshape(shape) + shift.reshape(shape)).astype(x.dtype),)


def _layer_norm_infer(types: Types, attrs: Attrs) -> tuple[TensorType, ...]:
    x = types[0]
    channels = x.shape[_axis(attrs["axis"], x.rank, "layer_norm")]
    if x.dtype not in FLOATS:
        raise VerifyError(f"layer_norm takes floats, not {x.dtype}")
    for name, operand in zip(("gamma", "beta"), types[1:], strict=True):
        if operand.shape != (channels,) or operand.dtype != x.dtype:
            raise VerifyError(f"layer_norm: {name} needs the type {TensorType((channels,), x.dtype)} for data {x}, not {operand}")
    return (x,)


def _layer_norm(arrays: Arrays, attrs: Attrs) -> tuple[np.ndarray, ...]:
    x, gamma, beta = (array.astype(np.float64) for array in arrays)
    shape = [1] * x.ndim
    shape[attrs["axis"]] = -1
    centred = x - x.mean(axis=attrs["axis"], keepdims=True)
    deviation = np.sqrt(np.square(centred).mean(axis=attrs["axis"], keepdims=True) + attrs["eps"])
    return ((centred / deviation * gamma.reshape(shape) + beta.reshape(shape)).astype(arrays[0].dtype),)


def _softmax_infer(types: Types, attrs: Attrs) -> tuple[TensorType, ...]:
    x, *lengths = types
    axis = _axis(attrs["axis"], x.rank, "softmax")
    rest = (*x.shape[:axis], *x.shape[axis + 1:])
    for length in lengths:
        if length.shape != rest or length.dtype not in ("i32", "i64"):
            raise VerifyError(f"softmax: lengths need the shape {format_shape(rest)} and the dtype i32 or i64 for data {x}, not {length}")
    return (x,)


def _lrn_infer(types: Types, attrs: Attrs) -> tuple[TensorType, ...]:
    if types[0].rank < 3 or attrs["size"] % 2 == 0 or attrs["size"] < 1:
        raise VerifyError(f"lrn takes data of rank 3 or more and an odd size, not {format_shape(types[0].shape)} and {attrs['size']}")
    return (types[0],)


def _lrn_evaluate(arrays: Arrays, attrs: Attrs) -> tuple[np.ndarray, ...]:
    x = arrays[0].astype(np.float64)
    half, channels = attrs["size"] // 2, x.shape[1]
    padded = np.pad(np.square(x), [(0, 0), (half, half), *[(0, 0)] * (x.ndim - 2)])
    window = sum(padded[:, shift:shift + channels] for shift in range(attrs["size"]))
    return ((x * (attrs["knorm"] + attrs["alpha"] / attrs["size"] * window) ** -attrs["beta"]).astype(arrays[0].dtype),)


def _softmax(arrays: Arrays, attrs: Attrs) -> tuple[np.ndarray, ...]:
    x = np.moveaxis(arrays[0].astype(np.float64) / attrs["temperature"], attrs["axis"], -1)
    weights = masked_softmax(x, *arrays[1:])
    return (np.ascontiguousarray(np.moveaxis(weights, -1, attrs["axis"])).astype(arrays[0].dtype),)


def _log_softmax(arrays: Arrays, attrs: Attrs) -> tuple[np.ndarray, ...]:
    x = arrays[0].astype(np.float64) / attrs["temperature"]
    x = x - x.max(axis=attrs["axis"], keepdims=True, initial=-np.inf)
    return ((x - np.log(np.exp(x).sum(axis=attrs["axis"], keepdims=True))).astype(arrays[0].dtype),)


_SOFTMAX = {"axis": Attr("int", -1), "temperature": Attr("float", 1.0)}

OPS = (
    OpDef("batch_norm", ("x", "gamma", "beta", "mean", "var"), _batch_norm_infer, _batch_norm_evaluate,
          {"eps": Attr("float", 1e-3), "fix_gamma": Attr("bool", True), "axis": Attr("int", 1)},
          doc="(x - mean)/sqrt(var + eps)*gamma + beta along `axis`; fix_gamma takes 1 for gamma."),
    OpDef("lrn", ("x",), _lrn_infer, _lrn_evaluate,
          {"alpha": Attr("float", 1e-4), "beta": Attr("float", 0.75), "knorm": Attr("float", 2.0), "size": Attr("int")},
          doc="x * (knorm + alpha/size * sum of squares over `size` neighbouring channels) ** -beta."),
    GROUP_NORM,
    OpDef("layer_norm", ("x", "gamma", "beta"), _layer_norm_infer, _layer_norm, {"axis": Attr("int", -1), "eps": Attr("float", 1e-5)},
          doc="(x - mean)/sqrt(variance + eps)*gamma + beta, mean and variance those of x along `axis`."),
    OpDef("softmax", ("x", "lengths?"), _softmax_infer, _softmax, _SOFTMAX,
          doc="exp(x/T) normalized along `axis`; with lengths, one for each row, elements from there on do not count and their results are 0."),
    OpDef("log_softmax", ("x",), _softmax_infer, _log_softmax, _SOFTMAX, doc="The logarithm of softmax."),
)
