"""Pooling in one, two and three spatial dimensions, with MXNet's conventions and divisors."""

from itertools import product as grid
from math import prod

import numpy as np

from ngc.errors import VerifyError
from ngc.ir.opdef import RESULT_ATTRS, STEP_ATTRS, Arrays, Attr, Attrs, OpDef, Types, result_dtype
from ngc.ir.tensor_type import SymDim, TensorType, format_shape


def pool_output(size: int, kernel: int, stride: int, pad: int, convention: str) -> int:
    """Returns 1 + floor or ceil((size + 2*pad - kernel)/stride); `full` keeps windows that begin in or past the end padding."""
    span = size + 2 * pad - kernel
    return 1 + (-(-span // stride) if convention == "full" else span // stride)


def pool_windows(size: int, kernel: int, stride: int, pad: int, convention: str) -> list[tuple[int, int, int]]:
    """Returns (start, end, extent) per output position: the window clipped to the data, and its length clipped to the padded end only.

    `extent` is the divisor's factor with count_include_pad; both lengths may be zero or negative for a window past the end.
    """
    windows = []
    for position in range(pool_output(size, kernel, stride, pad, convention)):
        start = position * stride - pad
        end = min(start + kernel, size + pad)
        windows.append((max(start, 0), min(end, size), end - start))
    return windows


def _infer(types: Types, attrs: Attrs) -> tuple[TensorType, ...]:
    x, rank = types[0], len(attrs["kernel"])
    if x.rank != rank + 2 or len(attrs["stride"]) != rank or len(attrs["pad"]) != rank:
        raise VerifyError(f"pool: kernel {attrs['kernel']}, stride {attrs['stride']} and pad {attrs['pad']} do not fit data {format_shape(x.shape)}")
    if attrs["kind"] == "lp" and attrs["p"] not in (1, 2, 3):
        raise VerifyError(f"pool: p of an lp pool is 1, 2 or 3, not {attrs['p']}")
    out = []
    for size, kernel, stride, pad in zip(x.shape[2:], attrs["kernel"], attrs["stride"], attrs["pad"], strict=True):
        if isinstance(size, SymDim):
            raise VerifyError("a spatial dimension cannot depend on N")
        if kernel < 1 or stride < 1 or pad < 0 or kernel > size + 2 * pad:
            raise VerifyError(f"pool: kernel {attrs['kernel']} with stride {attrs['stride']} and pad {attrs['pad']} "
                              f"does not fit into data {format_shape(x.shape)}")
        out.append(pool_output(size, kernel, stride, pad, attrs["convention"]))
    shape = (*x.shape[:2], *out)
    if x.dtype == "u8" and attrs["kind"] == "max":
        if attrs["result"] is not None or attrs["epilogue"]:
            raise VerifyError("pool: the largest of u8 integers is one of them; it takes no steps and no other result")
        return (x.with_shape(shape),)
    return (TensorType(shape, result_dtype(x, attrs)),)


LOWEST = -3.4028234663852886e38
"""What max pooling gives for a window without data: the lowest float, as MXNet does."""


def _evaluate(arrays: Arrays, attrs: Attrs) -> tuple[np.ndarray, ...]:
    x = arrays[0]
    data = x if x.dtype.kind in "iu" else x.astype(np.float64)
    windows = [pool_windows(int(size), *spec, attrs["convention"]) for size, spec
               in zip(x.shape[2:], zip(attrs["kernel"], attrs["stride"], attrs["pad"], strict=True), strict=True)]
    result = np.empty((*x.shape[:2], *map(len, windows)), data.dtype if attrs["kind"] == "max" else np.float64)
    axes = tuple(range(2, x.ndim))
    for where in grid(*(range(len(axis)) for axis in windows)):
        chosen = [axis[position] for axis, position in zip(windows, where, strict=True)]
        part = data[(slice(None), slice(None), *(slice(start, max(start, end)) for start, end, _ in chosen))]
        target = (slice(None), slice(None), *where)
        if attrs["kind"] == "max":
            # fmax passes over NaN, as MXNet's max pooling does.
            lowest = LOWEST if data.dtype.kind == "f" else np.iinfo(data.dtype).min
            result[target] = np.fmax.reduce(part.reshape(*part.shape[:2], -1), axis=2, initial=lowest)
        elif attrs["kind"] == "lp":
            power = (part.astype(np.float64) ** attrs["p"]).sum(axis=axes)
            result[target] = power if attrs["p"] == 1 else np.sqrt(power) if attrs["p"] == 2 else np.cbrt(power)
        else:
            total = part.sum(axis=axes, dtype=np.float64)
            divisor = prod(extent for _, _, extent in chosen) if attrs["count_include_pad"] else prod(end - start for start, end, _ in chosen)
            # A window past the end sums nothing, and its divisor is zero or negative: MXNet gives 0 there.
            result[target] = total if attrs["kind"] == "sum" or divisor <= 0 else total / divisor
    return (result.astype(np.float32 if x.dtype == np.uint8 and attrs["kind"] != "max" else x.dtype),)


OPS = (
    OpDef("pool", ("x",), _infer, _evaluate,
          {"kind": Attr("str", choices=("max", "avg", "sum", "lp")), "kernel": Attr("ints"), "stride": Attr("ints"), "pad": Attr("ints"),
           "convention": Attr("str", "valid", ("valid", "full")), "count_include_pad": Attr("bool", True), "p": Attr("int", 2), **STEP_ATTRS, **RESULT_ATTRS},
          frozenset({"pool"}), doc="Pooling windows; a global pool is a window as large as the data. What is no max works on u8 data as on their integers; "
                                   "steps then give them their scale."),
)
