"""Recognizes nodes that compute x*s + t with constants s and t, one for each channel or one for all.

    batch_norm(x) = x*s + t with s = gamma/sqrt(var + eps), t = beta - mean*s
    x + c, x - c, c - x, x*c, x/c with a scalar, or with a constant that has one value for each channel

Everything is computed in double precision; who stores a vector rounds it once.
"""

import math
from dataclasses import dataclass

import numpy as np

from ngc.ir import Node, Shape, Value
from ngc.ir.ops.normalization import scale_shift

FLOATS = frozenset({"f32", "f64", "f16"})
"""Element types on which algebra of real numbers is allowed, up to rounding."""


@dataclass(frozen=True)
class Affine:
    """x*scale + shift along `axis`; `axis` None means that both are one number."""

    x: Value
    scale: np.ndarray
    shift: np.ndarray
    axis: int | None

    def vectors(self, axis: int, channels: int) -> tuple[np.ndarray, np.ndarray] | None:
        """Returns scale and shift for each channel of `axis`; None where they run along another axis."""
        if self.axis is not None and self.axis != axis:
            return None
        return np.broadcast_to(self.scale, (channels,)), np.broadcast_to(self.shift, (channels,))


def constant_data(value: Value) -> np.ndarray | None:
    """Returns a constant's data, None for other values and where only the text of the graph was read."""
    node = value.producer
    if node is None or node.op != "const" or node.weight is None:
        return None
    return node.weight.array


def channel_constant(value: Value, shape: Shape) -> tuple[np.ndarray, int | None] | None:
    """Returns (vector in double precision, axis) of a constant that is broadcast against `shape` along all axes but one.

    The axis is None for a constant of one element. None where the value is no such constant or would make the result larger than `shape`.
    """
    data = constant_data(value)
    if data is None or data.ndim > len(shape) or data.dtype.kind != "f":
        return None
    if data.size == 1:
        return data.reshape(()).astype(np.float64), None
    offset = len(shape) - data.ndim
    axes = [axis for axis, size in enumerate(data.shape) if size != 1]
    if len(axes) != 1 or shape[offset + axes[0]] != data.shape[axes[0]]:
        return None
    return data.reshape(-1).astype(np.float64), offset + axes[0]


def affine_of(node: Node) -> Affine | str | None:
    """Returns the form x*s + t of a node; a text where it has the form but not with finite constants; None for other nodes."""
    if node.op == "batch_norm":
        return _of_batch_norm(node)
    if node.op not in ("add", "sub", "mul", "div") or node.type.dtype not in FLOATS:
        return None
    if len(node.inputs) == 1:
        scalar = np.array(node.attrs["scalar"], np.float64)
        return _of_binary(node, node.inputs[0], scalar, None, node.attrs["reverse"])
    for position in (1, 0):
        x, other = node.inputs[1 - position], node.inputs[position]
        found = channel_constant(other, node.type.shape) if x.type.shape == node.type.shape else None
        if found is not None:
            return _of_binary(node, x, *found, (position == 0) != node.attrs["reverse"])
    return None


def _of_batch_norm(node: Node) -> Affine | str | None:
    if node.type.dtype not in FLOATS:
        return f"the data is {node.type.dtype}, not a float that numpy holds"
    parameters: list[np.ndarray] = []
    for name, value in zip(("gamma", "beta", "mean", "var"), node.inputs[1:], strict=True):
        data = constant_data(value)
        if data is None and not (name == "gamma" and node.attrs["fix_gamma"]):
            return f"{name}, %{value.name}, is no constant" if not value.is_const else f"the data of %{value.name} is not at hand"
        parameters.append(np.ones(1) if data is None else data)
    with np.errstate(all="ignore"):
        gamma, beta, mean, var = parameters
        scale, shift = scale_shift(gamma, beta, mean, var, node.attrs)
    if not (np.isfinite(scale).all() and np.isfinite(shift).all()):
        return "the variance plus eps is not positive in every channel, so the scale is not finite"
    return Affine(node.inputs[0], scale, shift, node.attrs["axis"] % node.type.rank)


def _of_binary(node: Node, x: Value, constant: np.ndarray, axis: int | None, reverse: bool) -> Affine | str | None:
    one, zero = np.ones_like(constant), np.zeros_like(constant)
    match node.op, reverse:
        case "add", _:
            scale, shift = one, constant
        case "sub", False:
            scale, shift = one, -constant
        case "sub", True:
            scale, shift = -one, constant
        case "mul", _:
            scale, shift = constant, zero
        case "div", False:
            with np.errstate(all="ignore"):
                scale, shift = 1 / constant, zero
        case _:
            return None
    limit = float(np.finfo(node.output.type.dtype.replace("f", "float")).max)
    if not (np.abs(scale) <= limit).all() or not (np.abs(shift) <= limit).all():
        return f"the constant of {node.op} does not give a finite scale and shift"
    return Affine(x, scale, shift, axis)


def is_number(array: np.ndarray, number: float) -> bool:
    """Whether every element is this number."""
    return bool((array == number).all()) and not math.isnan(number)
