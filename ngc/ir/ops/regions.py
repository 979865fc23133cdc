"""Operators that hold a graph of their own."""

import numpy as np

from ngc.errors import VerifyError
from ngc.ir.opdef import Arrays, Attr, Attrs, OpDef, Types
from ngc.ir.tensor_type import TensorType
from ngc.target import ENGINES


def _no_infer(types: Types, attrs: Attrs) -> tuple[TensorType, ...]:
    raise VerifyError("its results' types are those that its region returns")


def _no_evaluate(arrays: Arrays, attrs: Attrs) -> tuple[np.ndarray, ...]:
    raise VerifyError("it is evaluated through its region")


OPS = (
    OpDef("engine.call", ("x*",), _no_infer, _no_evaluate, {"engine": Attr("str", choices=tuple(ENGINES))}, frozenset({"region"}),
          doc="A region of the graph that an engine executes; its operands are the region's inputs, its results what the region returns."),
)
