"""Dense layers."""

import numpy as np

from ngc.errors import VerifyError
from ngc.ir.opdef import RESULT_ATTRS, STEP_ATTRS, X_ZERO_ATTRS, Arrays, Attrs, OpDef, Types, centered, check_x_zero, result_dtype
from ngc.ir.tensor_type import TensorType, format_shape


def _infer(types: Types, attrs: Attrs) -> tuple[TensorType, ...]:
    x, w = types
    if x.rank < 1 or w.rank != 2 or x.shape[-1] != w.shape[1]:
        raise VerifyError(f"dense: data {format_shape(x.shape)} does not fit weights {format_shape(w.shape)}: "
                          f"the last dimension must be {w.shape[1] if w.rank == 2 else 'that of weights of rank 2'}")
    check_x_zero(x, w, attrs, "dense")
    return (TensorType((*x.shape[:-1], w.shape[0]), result_dtype(x, attrs)),)


def _evaluate(arrays: Arrays, attrs: Attrs) -> tuple[np.ndarray, ...]:
    x, w, dtype = centered(arrays, attrs)
    return (np.matmul(x.astype(np.float64), w.astype(np.float64).T).astype(dtype),)


OPS = (
    OpDef("dense", ("x", "w"), _infer, _evaluate, {**X_ZERO_ATTRS, **STEP_ATTRS, **RESULT_ATTRS}, frozenset({"dense", "epilogue"}), channel_axis=-1,
          doc="x (..., K) times the transpose of weights (O, K)."),
)
