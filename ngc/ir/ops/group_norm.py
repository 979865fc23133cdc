"""Normalization of each group of channels over its own channels and pixels; with as many groups as channels, instance normalization."""

import math

import numpy as np

from ngc.errors import VerifyError
from ngc.ir.opdef import Arrays, Attr, Attrs, OpDef, Types
from ngc.ir.tensor_type import FLOATS, TensorType, format_shape


def _infer(types: Types, attrs: Attrs) -> tuple[TensorType, ...]:
    x, groups = types[0], attrs["groups"]
    if x.dtype not in FLOATS or x.rank < 3:
        raise VerifyError(f"group_norm takes floats (N, C, spatial), not {x.dtype} of {format_shape(x.shape)}")
    channels = x.shape[1]
    if not isinstance(channels, int) or groups < 1 or channels % groups:
        raise VerifyError(f"group_norm: {groups} groups do not divide the channels of {format_shape(x.shape)}")
    for name, operand in zip(("gamma", "beta"), types[1:], strict=True):
        if operand.shape != (channels,):
            raise VerifyError(f"group_norm: {name} needs the shape ({channels},) for data {format_shape(x.shape)}, not {format_shape(operand.shape)}")
    return (x,)


def _evaluate(arrays: Arrays, attrs: Attrs) -> tuple[np.ndarray, ...]:
    x, gamma, beta = (array.astype(np.float64) for array in arrays)
    grouped = x.reshape(x.shape[0], attrs["groups"], math.prod(x.shape[1:]) // attrs["groups"])
    centred = grouped - grouped.mean(axis=2, keepdims=True)
    deviation = np.sqrt(np.square(centred).mean(axis=2, keepdims=True) + attrs["eps"])
    channel = (-1, *(1,) * (x.ndim - 2))
    return (((centred / deviation).reshape(x.shape) * gamma.reshape(channel) + beta.reshape(channel)).astype(arrays[0].dtype),)


GROUP_NORM = OpDef("group_norm", ("x", "gamma", "beta"), _infer, _evaluate, {"groups": Attr("int"), "eps": Attr("float", 1e-5)},
                   doc="(x - mean)/sqrt(variance + eps)*gamma + beta, the statistics those of each image's `groups` runs of neighbouring channels; gamma and "
                       "beta have a number a channel.")
