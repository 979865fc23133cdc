"""Operators that compare elements along an axis: topk, argmax, argmin.

Of equal elements the one with the lower index comes first, and -0 equals 0. To topk NaN is larger than every number, as to numpy's sort (MXNet's sorts leave
NaN wherever the comparisons of their algorithms happen to); argmax and argmin give the index of the first NaN where there is one, as MXNet and numpy do.
"""

from collections.abc import Callable

import numpy as np

from ngc.errors import VerifyError
from ngc.ir.opdef import Arrays, Attr, Attrs, OpDef, Types
from ngc.ir.ops.indexing import check_axis
from ngc.ir.tensor_type import SymDim, TensorType, format_shape


def _topk_infer(types: Types, attrs: Attrs) -> tuple[TensorType, ...]:
    x, axis, k = types[0], attrs["axis"], attrs["k"]
    check_axis(x, axis, "topk")
    size = x.shape[axis]
    if isinstance(size, SymDim):
        raise VerifyError(f"topk: the axis to be sorted is {size} long; compile with a fixed batch instead")
    if not 1 <= k <= size:
        raise VerifyError(f"topk: k is between 1 and {size} for data {format_shape(x.shape)}, not {k}")
    shape = (*x.shape[:axis], k, *x.shape[axis + 1:])
    return x.with_shape(shape), TensorType(shape, "i32")


def _topk(arrays: Arrays, attrs: Attrs) -> tuple[np.ndarray, ...]:
    x, axis, k = arrays[0], attrs["axis"], attrs["k"]
    if attrs["largest"]:  # backwards, so that of equals the lower index comes first once all is turned round
        backwards = np.argsort(np.flip(x, axis), axis, kind="stable")
        order = np.take(x.shape[axis] - 1 - np.flip(backwards, axis), range(k), axis)
    else:
        order = np.take(np.argsort(x, axis, kind="stable"), range(k), axis)
    return np.take_along_axis(x, order, axis), order.astype(np.int32)


def _arg_infer(types: Types, attrs: Attrs) -> tuple[TensorType, ...]:
    x, axis = types[0], attrs["axis"]
    check_axis(x, axis, "argmax, argmin")
    if x.shape[axis] == 0:
        raise VerifyError(f"argmax, argmin: axis {axis} of data {format_shape(x.shape)} has no elements to compare")
    kept = (1,) if attrs["keepdims"] else ()
    return (TensorType((*x.shape[:axis], *kept, *x.shape[axis + 1:]), "i32"),)


def _arg(find: Callable[..., np.ndarray]) -> Callable[[Arrays, Attrs], tuple[np.ndarray, ...]]:
    def evaluate(arrays: Arrays, attrs: Attrs) -> tuple[np.ndarray, ...]:
        return (np.asarray(find(arrays[0], axis=attrs["axis"], keepdims=attrs["keepdims"]), np.int32),)

    return evaluate


_ARG_ATTRS = {"axis": Attr("int", 0), "keepdims": Attr("bool", False)}

OPS: tuple[OpDef, ...] = (
    OpDef("topk", ("x",), _topk_infer, _topk, {"axis": Attr("int", 0), "k": Attr("int"), "largest": Attr("bool", True)},
          doc="The k largest or smallest elements along `axis`, in order, and their indices as i32; all of them with k the axis' length: a stable sort."),
    OpDef("argmax", ("x",), _arg_infer, _arg(np.argmax), _ARG_ATTRS, doc="Index of the largest element along `axis`, the first of equals, as i32."),
    OpDef("argmin", ("x",), _arg_infer, _arg(np.argmin), _ARG_ATTRS, doc="Index of the smallest element along `axis`, the first of equals, as i32."),
)
