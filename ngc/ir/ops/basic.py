"""Constants, identities and what only some stages hold."""

from dataclasses import replace

import numpy as np

from ngc.errors import VerifyError
from ngc.ir.opdef import RESULT_ATTRS, STEP_ATTRS, Arrays, Attr, Attrs, OpDef, Types, result_dtype
from ngc.ir.tensor_type import TensorType


def _no_const(types: Types, attrs: Attrs) -> tuple[TensorType, ...]:
    raise VerifyError("a constant's type comes with its data")


def _no_data(arrays: Arrays, attrs: Attrs) -> tuple[np.ndarray, ...]:
    raise VerifyError("a constant is not evaluated")


def _same(types: Types, attrs: Attrs) -> tuple[TensorType, ...]:
    return (types[0],)


def _eltwise_infer(types: Types, attrs: Attrs) -> tuple[TensorType, ...]:
    return (replace(types[0], dtype=result_dtype(types[0], attrs), quant=None),)


def _identity(arrays: Arrays, attrs: Attrs) -> tuple[np.ndarray, ...]:
    return (arrays[0],)


OPS = (
    OpDef("const", (), _no_const, _no_data, {"name": Attr("str")}, frozenset({"const"}), doc="Data of the model, by name."),
    OpDef("identity", ("x",), _same, _identity, doc="Its operand."),
    OpDef("dropout", ("x",), _same, _identity, {"p": Attr("float", 0.5)}, stages=("imported",), doc="Nothing at inference."),
    OpDef("eltwise", ("x",), _eltwise_infer, _identity, {**STEP_ATTRS, **RESULT_ATTRS}, frozenset({"epilogue"}), stages=("fused", "quantized", "lowered"),
          doc="A chain of element-wise steps on one tensor."),
    OpDef("reorder", ("x",), _same, _identity, stages=("lowered",), doc="Its operand in another memory layout, that of its result type."),
)
