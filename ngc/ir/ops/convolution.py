"""Convolutions and deconvolutions in one, two and three spatial dimensions; data N C spatial, weights O I/G spatial."""

from functools import partial
from itertools import product

import numpy as np

from ngc.errors import VerifyError
from ngc.ir.opdef import (
    PROLOGUE_ATTRS,
    RESULT_ATTRS,
    STEP_ATTRS,
    X_ZERO_ATTRS,
    Arrays,
    Attr,
    Attrs,
    OpDef,
    Types,
    centered,
    check_x_zero,
    result_dtype,
)
from ngc.ir.tensor_type import Dim, SymDim, TensorType, format_shape

_PLANES = (slice(None), slice(None))
"""All of N and C, the first two indices of a tensor."""


def conv_output(size: Dim, kernel: int, stride: int, before: int, after: int, dilate: int) -> int:
    """Returns floor((size + before + after - dilate*(kernel-1) - 1) / stride) + 1."""
    if isinstance(size, SymDim):
        raise VerifyError("a spatial dimension cannot depend on N")
    return (size + before + after - dilate * (kernel - 1) - 1) // stride + 1


def spatial_attrs(rank: int) -> dict[str, Attr]:
    """Returns the attributes of a convolution over `rank` spatial dimensions."""
    return {"stride": Attr("ints", (1,) * rank), "pad": Attr("ints", (0,) * rank), "pad_end": Attr("ints", None),
            "dilate": Attr("ints", (1,) * rank), "groups": Attr("int", 1)}


def pads(attrs: Attrs) -> list[tuple[int, int]]:
    """Returns (before, after) per spatial dimension; `pad_end` is given only where it differs from `pad`."""
    after = attrs["pad"] if attrs.get("pad_end") is None else attrs["pad_end"]
    return list(zip(attrs["pad"], after, strict=True))


def _check(types: Types, attrs: Attrs, rank: int, name: str) -> None:
    x, w = types
    if x.rank != rank + 2 or w.rank != rank + 2:
        raise VerifyError(f"{name} takes data and weights of rank {rank + 2}, not {format_shape(x.shape)} and {format_shape(w.shape)}")
    if any(isinstance(dim, SymDim) for dim in (*x.shape[1:], *w.shape)):
        raise VerifyError(f"{name}: only the batch of the data can depend on N, not {format_shape(x.shape)} and {format_shape(w.shape)}")
    check_x_zero(x, w, attrs, name)
    for key in ("stride", "pad", "dilate"):
        if len(attrs[key]) != rank:
            raise VerifyError(f"{name}: attribute {key} needs {rank} values, not {attrs[key]}")
    if attrs["pad_end"] is not None and len(attrs["pad_end"]) != rank:
        raise VerifyError(f"{name}: attribute pad_end needs {rank} values, not {attrs['pad_end']}")
    if min(attrs["stride"]) < 1 or min(attrs["dilate"]) < 1 or min(*attrs["pad"], *(attrs["pad_end"] or (0,))) < 0 or attrs["groups"] < 1:
        raise VerifyError(f"{name}: strides, dilations and groups are at least 1, padding at least 0")


def conv_infer(types: Types, attrs: Attrs, rank: int) -> tuple[TensorType, ...]:
    """Types of conv1d, conv2d and conv3d: (N, O, floor((in + pads - dilate*(k-1) - 1)/stride) + 1 ...)."""
    x, w = types
    name = f"conv{rank}d"
    _check(types, attrs, rank, name)
    groups = attrs["groups"]
    if x.shape[1] != w.shape[1] * groups or w.shape[0] % groups:
        raise VerifyError(f"{name}: data {format_shape(x.shape)} does not fit weights {format_shape(w.shape)} with groups={groups}: "
                          f"the weights want {w.shape[1] * groups} channels")
    out = [conv_output(size, int(kernel), stride, *pad, dilate) for size, kernel, stride, pad, dilate  # type: ignore[arg-type]
           in zip(x.shape[2:], w.shape[2:], attrs["stride"], pads(attrs), attrs["dilate"], strict=True)]
    if min(out) < 1:
        raise VerifyError(f"{name}: the kernel {format_shape(w.shape[2:])} does not fit into data {format_shape(x.shape)} with padding {attrs['pad']}")
    return (TensorType((x.shape[0], w.shape[0], *out), result_dtype(x, attrs)),)


def conv_evaluate(arrays: Arrays, attrs: Attrs) -> tuple[np.ndarray, ...]:
    """Direct convolution as one matrix product per tap, summed in double precision, where sums of integers are exact."""
    x, w, dtype = centered(arrays, attrs)
    groups, stride, dilate = attrs["groups"], attrs["stride"], attrs["dilate"]
    padded = np.pad(x, [(0, 0), (0, 0), *pads(attrs)]).astype(np.float64)
    out = tuple((size - d * (k - 1) - 1) // s + 1 for size, k, s, d in zip(padded.shape[2:], w.shape[2:], stride, dilate, strict=True))
    n, c = x.shape[:2]
    o = w.shape[0]
    depthwise = w.shape[1] == 1 and o == groups
    result = np.zeros((n, o, *out) if depthwise else (n, groups, o // groups, int(np.prod(out))))
    weights = w.astype(np.float64)
    for position, tap in enumerate(product(*(range(k) for k in w.shape[2:]))):
        where = tuple(slice(t * d, t * d + (size - 1) * s + 1, s) for t, d, size, s in zip(tap, dilate, out, stride, strict=True))
        window = padded[_PLANES + where]
        kernel = weights.reshape(*w.shape[:2], -1)[:, :, position]
        if depthwise:
            result += window * kernel.reshape(1, o, *(1,) * len(out))
        else:
            result += np.matmul(kernel.reshape(1, groups, o // groups, c // groups), window.reshape(n, groups, c // groups, -1))
    return (result.reshape(n, o, *out).astype(dtype),)


def deconv_infer(types: Types, attrs: Attrs, rank: int) -> tuple[TensorType, ...]:
    """Types of deconv1d, deconv2d and deconv3d: (N, O, stride*(in-1) + dilate*(k-1) + 1 - pads + adj ...)."""
    x, w = types
    name = f"deconv{rank}d"
    _check(types, attrs, rank, name)
    if x.shape[1] != w.shape[0] or x.shape[1] % attrs["groups"]:
        raise VerifyError(f"{name}: data {format_shape(x.shape)} does not fit weights {format_shape(w.shape)} with groups={attrs['groups']}: "
                          f"the weights want {w.shape[0]} channels")
    out = []
    for size, kernel, stride, (before, after), dilate, adj in zip(x.shape[2:], w.shape[2:], attrs["stride"], pads(attrs), attrs["dilate"],
                                                                   attrs["adj"], strict=True):
        if isinstance(size, SymDim) or isinstance(kernel, SymDim):
            raise VerifyError("a spatial dimension cannot depend on N")
        out.append(stride * (size - 1) + dilate * (kernel - 1) + 1 - before - after + adj)
    if min(out) < 1:
        raise VerifyError(f"{name}: padding {attrs['pad']} leaves nothing of the output of data {format_shape(x.shape)}")
    return (TensorType((x.shape[0], w.shape[1] * attrs["groups"], *out), result_dtype(x, attrs)),)


def deconv_evaluate(arrays: Arrays, attrs: Attrs) -> tuple[np.ndarray, ...]:
    """Scatters each tap's product into the output, in double precision; `adj` rows are added at the end."""
    x, w = arrays
    groups, stride, dilate = attrs["groups"], attrs["stride"], attrs["dilate"]
    n, c = x.shape[:2]
    og = w.shape[1]
    full = [s * (size - 1) + d * (k - 1) + 1 + a for size, k, s, d, a
            in zip(x.shape[2:], w.shape[2:], stride, dilate, attrs["adj"], strict=True)]
    result = np.zeros((n, groups * og, *full))
    data = x.astype(np.float64).reshape(n, groups, c // groups, -1)
    weights = w.astype(np.float64).reshape(groups, c // groups, og, -1)
    for position, tap in enumerate(product(*(range(k) for k in w.shape[2:]))):
        part = np.matmul(weights[:, :, :, position].transpose(0, 2, 1)[None], data)
        where = tuple(slice(t * d, t * d + (size - 1) * s + 1, s) for t, d, size, s in zip(tap, dilate, x.shape[2:], stride, strict=True))
        result[_PLANES + where] += part.reshape(n, groups * og, *x.shape[2:])
    crop = tuple(slice(before, size - after) for size, (before, after) in zip(full, pads(attrs), strict=True))
    return (np.ascontiguousarray(result[_PLANES + crop]).astype(x.dtype),)


def _conv(rank: int) -> OpDef:
    return OpDef(f"conv{rank}d", ("x", "w"), partial(conv_infer, rank=rank), conv_evaluate,
                 {**spatial_attrs(rank), **X_ZERO_ATTRS, **PROLOGUE_ATTRS, **RESULT_ATTRS}, frozenset({"conv", "epilogue", "prologue"}),
                 doc=f"Convolution over {rank} spatial dimensions; weights (O, C/groups, kernel).")


def _deconv(rank: int) -> OpDef:
    return OpDef(f"deconv{rank}d", ("x", "w"), partial(deconv_infer, rank=rank), deconv_evaluate,
                 {**spatial_attrs(rank), "adj": Attr("ints", (0,) * rank), **STEP_ATTRS, **RESULT_ATTRS},
                 frozenset({"deconv", "epilogue"}), doc=f"Transposed convolution over {rank} spatial dimensions; weights (C, O/groups, kernel).")


OPS = tuple(make(rank) for make in (_conv, _deconv) for rank in (1, 2, 3))
