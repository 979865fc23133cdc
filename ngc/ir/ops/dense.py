"""Dense layers."""

import numpy as np

from ngc.errors import VerifyError
from ngc.ir.opdef import RESULT_ATTRS, STEP_ATTRS, Arrays, Attrs, OpDef, Types, result_dtype
from ngc.ir.tensor_type import TensorType, format_shape


def _infer(types: Types, attrs: Attrs) -> tuple[TensorType, ...]:
    x, w = types
    if x.rank < 1 or w.rank != 2 or x.shape[-1] != w.shape[1]:
        raise VerifyError(f"dense: data {format_shape(x.shape)} does not fit weights {format_shape(w.shape)}: "
                          f"the last dimension must be {w.shape[1] if w.rank == 2 else 'that of weights of rank 2'}")
    if x.dtype != w.dtype:
        raise VerifyError(f"dense takes data and weights of one dtype, not {x.dtype} and {w.dtype}")
    return (TensorType((*x.shape[:-1], w.shape[0]), result_dtype(x, attrs)),)


def _evaluate(arrays: Arrays, attrs: Attrs) -> tuple[np.ndarray, ...]:
    x, w = arrays
    return (np.matmul(x.astype(np.float64), w.astype(np.float64).T).astype(x.dtype),)


OPS = (
    OpDef("dense", ("x", "w"), _infer, _evaluate, {**STEP_ATTRS, **RESULT_ATTRS}, frozenset({"dense", "epilogue"}), channel_axis=-1,
          doc="x (..., K) times the transpose of weights (O, K)."),
)
